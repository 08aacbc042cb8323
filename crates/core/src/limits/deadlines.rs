//! Deadlines: the timeouts of one connection, and the timer of its session.

use std::time::{Duration, Instant};

use crate::limits::limits::Limits;
use crate::reactor::poll::after;

/// Which limit has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// The session has lasted as long as it may.
    Session,
    /// No message or no activity for too long.
    Idle,
}

/// The next deadline of a connection that began at `began`, and the limit that it stands for.
///
/// `active` is the time of the last activity; without it the idle timeout does not apply.
/// `awaits_first` says that the timeout for the first message applies.
pub(crate) fn next_deadline(
    limits: &Limits,
    began: Instant,
    active: Option<Instant>,
    awaits_first: bool,
) -> Option<(Instant, Expired)> {
    let session = limits.session_timeout;
    let session = session.map(|time| (after(began, time), Expired::Session));
    let first = limits.first_message_timeout.filter(|_| awaits_first);
    let first = first.map(|time| (after(began, time), Expired::Idle));
    let idle = active.zip(limits.idle_timeout);
    let idle = idle.map(|(active, time)| (after(active, time), Expired::Idle));
    let deadlines = [session, first, idle].into_iter().flatten();
    deadlines.min_by_key(|&(at, _)| at)
}

/// The deadlines of one connection.
pub(crate) struct Deadlines {
    pub(crate) limits: Limits,
    began: Instant,
    active: Instant,
    end_at: Option<Instant>,
}

impl Deadlines {
    /// The connection begins now.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            limits: *limits,
            began: now,
            active: now,
            end_at: None,
        }
    }

    /// The peer sent a message or took output, or the session was active by itself.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.active = now;
    }

    /// The connection has to end within the grace period from now on. Later calls have no effect.
    pub(crate) fn start_grace(&mut self, now: Instant) {
        self.end_at
            .get_or_insert(after(now, self.limits.grace_period));
    }

    /// The end of the grace period, once it has started.
    pub(crate) fn end_at(&self) -> Option<Instant> {
        self.end_at
    }

    /// The next deadline of an open connection. The idle timeout and the one for the first message do
    /// not apply while the server itself keeps the peer waiting.
    pub(crate) fn next(
        &self,
        got_message: bool,
        keeps_waiting: bool,
    ) -> Option<(Instant, Expired)> {
        if keeps_waiting {
            return next_deadline(&self.limits, self.began, None, false);
        }
        if self.end_at.is_some() {
            return None;
        }
        next_deadline(&self.limits, self.began, Some(self.active), !got_message)
    }

    /// When output has waited for the whole grace period without a byte being sent.
    pub(crate) fn stalled_at(&self) -> Instant {
        after(self.active, self.limits.grace_period)
    }
}

/// A timer that expires once.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Instant>);

impl Timer {
    /// Lets it expire after `delay`, whatever was set before.
    pub(crate) fn set(&mut self, delay: Duration, now: Instant) {
        self.0 = Some(after(now, delay));
    }

    /// When it expires, if it is set.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0
    }

    /// Whether it has expired; then it is no longer set.
    pub(crate) fn take_expired(&mut self, now: Instant) -> bool {
        self.0.take_if(|at| *at <= now).is_some()
    }
}
