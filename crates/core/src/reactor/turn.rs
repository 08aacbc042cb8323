//! How long sources work before the event loop looks at its descriptors again.

use std::time::{Duration, Instant};

/// The rounds of one turn. In a round, each source that is due is resumed once.
///
/// The first round has one call of a session for each source, so expensive calls delay others by no
/// more than one for each source. Further rounds have more calls, because the time is read after each
/// round, and reading it takes as long as a cheap call.
pub(super) struct Turn {
    pub(super) calls: usize,
    pub(super) now: Instant,
    ends_at: Instant,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            calls: 1,
            now,
            ends_at: now + TURN,
        }
    }

    /// After a round: whether there is time for another one.
    pub(super) fn goes_on(&mut self, now: Instant) -> bool {
        self.calls = MAX_CALLS.min(2 * self.calls);
        self.now = now;
        now < self.ends_at
    }
}

const TURN: Duration = Duration::from_micros(500);
const MAX_CALLS: usize = 32; // of one source before the time is read again
