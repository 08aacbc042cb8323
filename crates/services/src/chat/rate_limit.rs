//! The limit on the lines of one person.

use std::num::NonZeroU32;
use std::time::Duration;

use switchboard_core::Outbox;

/// A token bucket: `burst` lines at once, and `lines_per_second` after that.
///
/// It has no clock. While it is not full, the session's timer is set to one second, and refills a part
/// each time.
pub(super) struct RateLimit {
    burst: i64,
    pub(super) lines_per_second: i64,
    tokens: i64,          // in lines; negative after a long one
    has_overflowed: bool, // since it was last full
}

impl RateLimit {
    /// A full bucket.
    pub(super) fn new(burst: NonZeroU32, lines_per_second: NonZeroU32) -> Self {
        let [burst, lines_per_second] =
            [burst, lines_per_second].map(|lines| i64::from(lines.get()));
        Self {
            burst,
            lines_per_second,
            tokens: burst,
            has_overflowed: false,
        }
    }

    /// Takes the tokens for a line of this length. Returns `false`, and takes none, if it must wait.
    pub(super) fn take(&mut self, bytes: usize, out: &mut Outbox) -> bool {
        if self.tokens <= 0 {
            return false;
        }
        if self.tokens == self.burst {
            out.set_timer(INTERVAL);
        }
        // The queues of the receivers are bounded in bytes, so a long line counts as several.
        let lines = 1 + i64::try_from(bytes / LINE_BYTES).unwrap_or(self.burst);
        self.tokens -= lines.min(self.burst);
        true
    }

    /// Records that a line must wait. Returns whether it is the first one since the bucket was full.
    pub(super) fn overflow(&mut self) -> bool {
        !std::mem::replace(&mut self.has_overflowed, true)
    }

    /// Refills a part: the timer expired.
    pub(super) fn refill(&mut self, out: &mut Outbox) {
        self.tokens = self.burst.min(self.tokens + self.lines_per_second);
        if self.tokens < self.burst {
            out.set_timer(INTERVAL);
        } else {
            self.has_overflowed = false;
        }
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
const LINE_BYTES: usize = 512; // a default burst of these is less than half of a receiver's queue
