//! When a conversation has lasted for too long.

use std::time::Instant;

use crate::limits::limits::Limits;
use crate::reactor::poll::{after, earlier};

/// The deadlines of one conversation.
pub(crate) struct Times {
    limits: Limits,
    began: Instant,
    moved: Instant,          // when the peer last said or took something
    cut_at: Option<Instant>, // when the rest is not waited for any more
}

impl Times {
    /// It begins now.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            limits: *limits,
            began: now,
            moved: now,
            cut_at: None,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The peer said or took something.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// It is to end, and has the grace for it.
    pub(crate) fn end_within_grace(&mut self, now: Instant) {
        self.cut_at.get_or_insert(after(now, self.limits.grace));
    }

    /// When the rest is not waited for any more.
    pub(crate) fn cut_at(&self) -> Option<Instant> {
        self.cut_at
    }

    /// When the conversation is to be ended, unless it ends by itself or is ending already. `heard`
    /// is whether a whole message came.
    pub(crate) fn dismiss_at(&self, heard: bool) -> Option<Instant> {
        if self.cut_at.is_some() {
            return None;
        }
        let first = self.limits.first.filter(|_| !heard);
        let first_at = first.map(|first| after(self.began, first));
        let idle_at = self.limits.idle.map(|idle| after(self.moved, idle));
        earlier(self.session_at(), earlier(first_at, idle_at))
    }

    /// When it has lasted as long as a conversation may.
    pub(crate) fn session_at(&self) -> Option<Instant> {
        let session = self.limits.session;
        session.map(|session| after(self.began, session))
    }

    /// When it has waited for too long for the peer to take something.
    pub(crate) fn stalled_at(&self) -> Instant {
        after(self.moved, self.limits.grace)
    }
}
