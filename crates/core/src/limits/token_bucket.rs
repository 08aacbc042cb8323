//! How often something may happen.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Lets something happen so often per second, and so often at once after a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    every: Duration,  // one drop falls in
    full: Duration,   // takes as long from empty to full
    full_at: Instant, // if nothing more is taken
}

impl Bucket {
    /// A full bucket, for `rate` times per second and `burst` times at once.
    pub(crate) fn new(rate: NonZeroU32, burst: NonZeroU32, now: Instant) -> Self {
        // Rounded up: never more than was said.
        let nanos = 1_000_000_000_u64.div_ceil(u64::from(rate.get()));
        let every = Duration::from_nanos(nanos);
        Self {
            every,
            full: every * burst.get(),
            full_at: now,
        }
    }

    /// Whether it may happen at `now`; if so, it is taken to happen.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.every;
        let may = full_at <= now + self.full;
        if may {
            self.full_at = full_at;
        }
        may
    }

    /// When it may happen next, if nothing is taken before; perhaps in the past.
    pub(crate) fn next(&self) -> Instant {
        // The bucket is never emptier than empty, so this is after it was made.
        self.full_at + self.every - self.full
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(rate: u32, burst: u32, now: Instant) -> Bucket {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        Bucket::new(number(rate), number(burst), now)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = bucket(10, 3, start);
        let taken = |bucket: &mut Bucket, ms| bucket.take(start + Duration::from_millis(ms));
        for (ms, may) in [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (99, false),
            (100, true),
            (100, false),
        ] {
            assert_eq!(taken(&mut bucket, ms), may, "at {ms} ms");
        }
        assert_eq!(bucket.next(), start + Duration::from_millis(200));
        assert!(taken(&mut bucket, 200));
        // However long the pause, no more than the burst follows it.
        let later: Vec<bool> = (0..4).map(|_| taken(&mut bucket, 60_000)).collect();
        assert_eq!(later, [true, true, true, false]);
    }

    proptest! {
        #[test]
        fn no_pattern_gets_more(rate in 1..2000u32, burst in 1..300u32, waits in prop::collection::vec(0..5000u64, 1..500)) {
            let start = Instant::now();
            let mut bucket = bucket(rate, burst, start);
            let mut now = start;
            let mut taken = Vec::new();
            for wait in waits {
                now += Duration::from_micros(wait);
                let next = bucket.next();
                let may = bucket.take(now);
                prop_assert_eq!(may, next <= now);
                if may {
                    taken.push(now);
                }
            }
            // Between any two takings there are no more than the burst and what the rate allows.
            for (from, first) in taken.iter().enumerate() {
                for (to, last) in taken.iter().enumerate().skip(from) {
                    let allowed = (*last - *first).as_secs_f64() * f64::from(rate) + f64::from(burst);
                    prop_assert!((to - from + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }
}
