//! One member: what it is yet to hear, and what it asked for that cannot be done yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::message::{Notice, Request};

/// A member, in whatever rooms.
pub(crate) struct MemberState {
    pub(crate) rooms: Vec<Arc<str>>,
    pub(super) queue: VecDeque<Notice>,
    pub(crate) queued: usize,         // the weight of what is queued
    pub(super) news: usize,           // and of that in it which is no post
    pub(super) took: Instant,         // when it last heard something, or had heard all
    pub(super) full: Option<Instant>, // since when no post should be added
    /// What it has asked for, while the first of it cannot be done yet.
    pub(crate) requests: VecDeque<Request>,
    pub(super) taken: usize, // the weight of its requests that are done, which it was not told yet
    pub(crate) is_stirred: bool,
    pub(crate) is_dropped: bool,
    pub(crate) is_silent: bool, // it has asked for nothing yet
    pub(crate) is_in: bool,     // what it asks for may be done
}

impl MemberState {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rooms: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            news: 0,
            took: now,
            full: None,
            requests: VecDeque::new(),
            taken: 0,
            is_stirred: false,
            is_dropped: false,
            is_silent: true,
            is_in: false,
        }
    }

    pub(crate) fn push(&mut self, notice: Notice, now: Instant) {
        if self.queue.is_empty() {
            self.took = now;
        }
        self.queued += notice.weight();
        if self.is_full() {
            self.full.get_or_insert(now);
        }
        if !notice.is_post() {
            self.news += notice.weight();
        }
        self.queue.push_back(notice);
    }

    /// What it is to hear next; whether its queue has become short by that.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Notice, bool)> {
        if 0 < self.taken {
            return Some((Notice::Accepted(std::mem::take(&mut self.taken)), false));
        }
        let notice = self.queue.pop_front()?;
        let before = self.queued;
        self.queued -= notice.weight();
        self.took = now;
        if !self.is_behind() {
            self.full = None;
        }
        if !notice.is_post() {
            self.news -= notice.weight();
        }
        Some((notice, !self.is_behind() && SHORT <= before))
    }

    /// Whether no post should be added to what it is yet to hear.
    pub(crate) fn is_full(&self) -> bool {
        QUEUE_BYTES <= self.queued
    }

    /// Since when it has been full, or has heard nothing before that, if it is full.
    pub(crate) fn full_since(&self) -> Option<Instant> {
        self.full.map(|full| full.min(self.took))
    }

    /// Whether nothing at all may be added: beside posts, for which a poster can wait, so much has
    /// happened.
    pub(crate) fn is_overfull(&self) -> bool {
        QUEUE_BYTES <= self.news
    }

    /// Whether it should hear some of that first before it is told all that it asks for.
    pub(crate) fn is_behind(&self) -> bool {
        SHORT <= self.queued
    }

    /// Whether what it asked for first is a post, whose room will let it go on.
    pub(crate) fn is_held_back(&self) -> bool {
        matches!(self.requests.front(), Some(Request::Post { .. }))
    }

    pub(crate) fn take(&mut self, weight: usize) {
        self.taken += weight;
    }

    /// It hears that it was dropped, and nothing else.
    pub(crate) fn drop_out(&mut self, now: Instant) {
        self.is_dropped = true;
        self.queue.clear();
        (self.queued, self.news, self.full) = (0, 0, None);
        self.push(Notice::TooSlow, now);
    }
}

const QUEUE_BYTES: usize = 256 * 1024; // beside what the system holds on the way
const SHORT: usize = QUEUE_BYTES / 2;
