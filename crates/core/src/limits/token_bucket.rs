//! A token bucket: a rate limit that allows bursts.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::limits::limits::Rate;

/// Holds up to `rate.count` tokens and refills evenly over `rate.per`. Each event takes one token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    interval: Duration,  // between two tokens
    fill_time: Duration, // from empty to full
    full_at: Instant,    // if no token is taken
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let count = rate.count.get();
        // Rounded up, so that the rate is never exceeded.
        let nanos = rate.per.as_nanos().div_ceil(u128::from(count));
        let interval = Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX));
        Self {
            interval,
            fill_time: interval.saturating_mul(count),
            full_at: now,
        }
    }

    /// A full bucket of `count` tokens that refills in a second.
    pub(crate) fn per_second(count: NonZeroU32, now: Instant) -> Self {
        let per = Duration::from_secs(1);
        Self::new(Rate { count, per }, now)
    }

    /// Takes a token; returns `false` if there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.reserve(Duration::ZERO, now).is_some()
    }

    /// Takes a token that is available within `patience` and returns when it is. Without one, `None`
    /// is returned and the bucket stays as it is.
    pub(crate) fn reserve(&mut self, patience: Duration, now: Instant) -> Option<Instant> {
        let full_at = self.full_at.max(now) + self.interval;
        let wait = (full_at - now).saturating_sub(self.fill_time);
        (wait <= patience).then(|| {
            self.full_at = full_at;
            now + wait
        })
    }

    /// When the next token is available, perhaps in the past.
    pub(crate) fn next(&self) -> Instant {
        // At the earliest one interval after the bucket was created full.
        self.full_at + self.interval - self.fill_time
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A bucket of `burst` tokens, refilled at `rate` tokens a second.
    fn bucket(rate: u32, burst: u32, now: Instant) -> TokenBucket {
        let count = NonZeroU32::new(burst).expect("not zero");
        let per = Duration::from_nanos(1_000_000_000_u64.div_ceil(rate.into())) * burst;
        TokenBucket::new(Rate { count, per }, now)
    }

    #[test]
    fn allows_a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = bucket(10, 3, start);
        let take = |bucket: &mut TokenBucket, ms| bucket.take(start + Duration::from_millis(ms));
        for (ms, taken) in [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (99, false),
            (100, true),
            (100, false),
        ] {
            assert_eq!(take(&mut bucket, ms), taken, "at {ms} ms");
        }
        assert_eq!(bucket.next(), start + Duration::from_millis(200));
        assert!(take(&mut bucket, 200));
        // A pause of any length is followed by no more than the burst.
        let later: Vec<bool> = (0..4).map(|_| take(&mut bucket, 60_000)).collect();
        assert_eq!(later, [true, true, true, false]);
    }

    proptest! {
        #[test]
        fn no_pattern_exceeds_the_rate(rate in 1..2000u32, burst in 1..300u32, waits in prop::collection::vec(0..5000u64, 1..500)) {
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
            // In any period, at most the burst plus what the rate allows.
            for (from, first) in taken.iter().enumerate() {
                for (to, last) in taken.iter().enumerate().skip(from) {
                    let allowed = (*last - *first).as_secs_f64() * f64::from(rate) + f64::from(burst);
                    prop_assert!((to - from + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }
}
