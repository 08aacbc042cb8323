//! How much one person may say at once.

use std::num::NonZeroU32;
use std::time::Duration;

use switchboard_core::Outbox;

/// So many lines are passed on at once, and so many a second after that.
///
/// It has no clock: while any of it is used up, it asks to be woken each second, and recovers a
/// little then.
pub(super) struct Allowance {
    burst: i64,
    pace: i64, // a second
    left: i64, // in lines; less than nothing after a long one
    recovers: bool,
    flooded: bool, // it was used up since it was last full
}

impl Allowance {
    /// Nothing of it is used up.
    pub(super) fn new(burst: NonZeroU32, pace: NonZeroU32) -> Self {
        let [burst, pace] = [burst, pace].map(|lines| i64::from(lines.get()));
        Self {
            burst,
            pace,
            left: burst,
            recovers: false,
            flooded: false,
        }
    }

    /// Whether a line of so many bytes may be passed on now; if so, it is taken to be.
    pub(super) fn take(&mut self, bytes: usize, out: &mut Outbox) -> bool {
        if self.left <= 0 {
            return false;
        }
        // Who says little in many words floods nobody, but hearers have room for bytes, not lines.
        let lines = 1 + i64::try_from(bytes / LINE_BYTES).unwrap_or(self.burst);
        self.left -= lines.min(self.burst);
        if !self.recovers {
            self.recovers = true;
            out.set_timer(Duration::from_secs(1));
        }
        true
    }

    /// A line was not passed on. Whether it is the first of this flood.
    pub(super) fn begins_flood(&mut self) -> bool {
        !std::mem::replace(&mut self.flooded, true)
    }

    /// A second is over.
    pub(super) fn recover(&mut self, out: &mut Outbox) {
        self.left = self.burst.min(self.left + self.pace);
        self.recovers = self.left < self.burst;
        if self.recovers {
            out.set_timer(Duration::from_secs(1));
        } else {
            self.flooded = false;
        }
    }

    /// How many lines are passed on in a second, after the first.
    pub(super) fn pace(&self) -> i64 {
        self.pace
    }
}

const LINE_BYTES: usize = 512; // those at once are less than half of what may wait for a hearer
