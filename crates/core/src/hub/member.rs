//! One member: its queue of events, and the requests that are not done yet.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::message::{HubMessage, Request};
use crate::hub::types::RoomEvent;

/// The state of a member in all its rooms.
pub(crate) struct MemberState<T> {
    pub(crate) owner: T,
    pub(crate) rooms: Vec<Arc<str>>,
    queue: VecDeque<RoomEvent>,
    pub(super) queued: usize, // the weight of the queue
    queued_others: usize,     // and of the events in it that are not posts
    last_taken: Instant,      // when the queue was empty or an event was taken, last
    full_since: Option<Instant>,
    /// In order; the first one cannot be done yet.
    pub(crate) requests: VecDeque<Request>,
    pub(crate) accepted: usize, // the weight of requests done and not reported yet
    pub(crate) is_ready: bool,  // in the hub's list of members with messages
    pub(crate) is_dropped: bool,
    pub(crate) is_stopping: bool, // the server shuts down
}

impl<T> MemberState<T> {
    pub(crate) fn new(owner: T, now: Instant) -> Self {
        Self {
            owner,
            rooms: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            queued_others: 0,
            last_taken: now,
            full_since: None,
            requests: VecDeque::new(),
            accepted: 0,
            is_ready: false,
            is_dropped: false,
            is_stopping: false,
        }
    }

    pub(crate) fn push(&mut self, event: RoomEvent, now: Instant) {
        if self.queue.is_empty() {
            self.last_taken = now;
        }
        self.queued += event.weight();
        if self.is_full() {
            self.full_since.get_or_insert(now);
        }
        if !event.is_post() {
            self.queued_others += event.weight();
        }
        self.queue.push_back(event);
    }

    /// The next message, and whether taking it has made a long queue short.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(HubMessage, bool)> {
        if 0 < self.accepted {
            return Some((HubMessage::Accepted(mem::take(&mut self.accepted)), false));
        }
        let event = self.queue.pop_front()?;
        let was_long = self.is_long();
        self.queued -= event.weight();
        self.last_taken = now;
        if !self.is_long() {
            self.full_since = None;
        }
        if !event.is_post() {
            self.queued_others -= event.weight();
        }
        Some((HubMessage::Event(event), was_long && !self.is_long()))
    }

    /// Whether no post should be added to the queue.
    pub(crate) fn is_full(&self) -> bool {
        QUEUE_BYTES <= self.queued
    }

    /// If the queue is full: since when, or since when no event was taken if that is longer ago.
    pub(crate) fn full_since(&self) -> Option<Instant> {
        self.full_since.map(|full| full.min(self.last_taken))
    }

    /// Whether nothing at all may be added: events other than posts, which cannot be delayed, fill
    /// the queue by themselves.
    pub(crate) fn is_overfull(&self) -> bool {
        QUEUE_BYTES <= self.queued_others
    }

    /// Whether requests that produce many events should wait until some were taken.
    pub(crate) fn is_long(&self) -> bool {
        SHORT_BYTES <= self.queued
    }

    /// Whether the first request is a post; its room unblocks it.
    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.requests.front(), Some(Request::Post { .. }))
    }

    /// Drops the member: it receives that event and no other.
    pub(crate) fn drop_out(&mut self, now: Instant) {
        self.is_dropped = true;
        self.queue.clear();
        (self.queued, self.queued_others, self.full_since) = (0, 0, None);
        self.push(RoomEvent::TooSlow, now);
    }
}

const QUEUE_BYTES: usize = 256 * 1024; // beside the buffers of sockets
const SHORT_BYTES: usize = QUEUE_BYTES / 2;
