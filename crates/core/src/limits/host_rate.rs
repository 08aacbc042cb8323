//! The rate limit per host on new sessions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::limits::host_table::HostTable;
use crate::limits::limits::Rate;
use crate::limits::token_bucket::TokenBucket;
use crate::peer::Host;

/// A token bucket per host, each token a session that the host may begin.
///
/// While the table has [`MAX_HOSTS`] hosts, a new host removes the oldest bucket. The host of that
/// bucket may then exceed the rate.
pub(crate) struct HostRate {
    rate: Option<Rate>,
    buckets: HostTable<TokenBucket>,
}

impl HostRate {
    /// No limit for `None`.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        // If no session begins in this time, the bucket is full again, as a new one is.
        let kept = rate.map_or(Duration::ZERO, |rate| rate.per);
        Self {
            rate,
            buckets: HostTable::new(MAX_HOSTS, kept),
        }
    }

    /// Counts a session with `host` and returns `true`, unless it would exceed the rate now.
    pub(crate) fn take(&mut self, host: Host, now: Instant) -> bool {
        self.reserve(host, Duration::ZERO, now).is_some()
    }

    /// Counts a session with `host` that may begin within `patience`, and returns when it may begin.
    /// One that would have to wait longer is not counted.
    fn reserve(&mut self, host: Host, patience: Duration, now: Instant) -> Option<Instant> {
        let Some(rate) = self.rate else {
            return Some(now);
        };
        self.buckets
            .remove_expired(now, |bucket| !bucket.is_full(now));
        if self.buckets.is_full() && self.buckets.get_mut(host).is_none() {
            self.buckets.remove_oldest();
        }
        let new = || TokenBucket::new(rate, now);
        let bucket = self.buckets.get_or_insert(host, now, new)?;
        bucket.reserve(patience, now)
    }
}

/// Accepted connections above their host's rate, each with the time at which its session may begin.
/// They do not count as sessions yet.
pub(crate) struct RateQueue<T> {
    host_rate: HostRate,
    queue: BTreeMap<(Instant, u64), T>,
    queued: u64, // in total, so that those with equal times stay in order
}

/// What to do with a new connection.
pub(crate) enum Admitted<T> {
    /// Begin its session.
    Now(T),
    /// It is in the queue.
    Queued,
    /// Refuse it with this message: its host exceeds the rate by too much, or the queue is full.
    Refused(T, String),
}

impl<T> RateQueue<T> {
    /// No limit for `None`.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            host_rate: HostRate::new(rate),
            queue: BTreeMap::new(),
            queued: 0,
        }
    }

    pub(crate) fn admit(&mut self, connection: T, host: Host, now: Instant) -> Admitted<T> {
        let Some(rate) = self.host_rate.rate else {
            return Admitted::Now(connection);
        };
        match self.host_rate.reserve(host, MAX_DELAY, now) {
            Some(at) if at <= now => Admitted::Now(connection),
            Some(at) if self.queue.len() < MAX_QUEUED => {
                self.queued += 1;
                self.queue.insert((at, self.queued), connection);
                Admitted::Queued
            }
            Some(_) | None => {
                let message =
                    format!("Too many sessions from {host}: at most {rate}. Try again later.");
                Admitted::Refused(connection, message)
            }
        }
    }

    /// The next connection whose session may begin by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next session may begin.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Empties the queue and returns what was in it.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        std::mem::take(&mut self.queue).into_values().collect()
    }

    /// Closes the queued connections, as a forked child does with its copies.
    pub(crate) fn close(&mut self) {
        // An empty queue is not written to: that would copy its memory page in each child.
        if !self.queue.is_empty() {
            self.queue.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

const MAX_DELAY: Duration = Duration::from_secs(10); // people wait that long, programs retry
const MAX_QUEUED: usize = 1000; // each keeps a descriptor open
const MAX_HOSTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[track_caller]
    fn check(rate: &str, arrivals: &[(u64, Option<u64>)]) {
        let mut limit = HostRate::new(rate.parse().ok());
        let start = Instant::now();
        for &(at, begins) in arrivals {
            let now = start + Duration::from_millis(at);
            let begins = begins.map(|begins| start + Duration::from_millis(begins));
            let reserved = limit.reserve(Host::Local, MAX_DELAY, now);
            assert_eq!(reserved, begins, "at {at} ms");
        }
    }

    #[test]
    fn sessions_above_the_rate_are_delayed() {
        check(
            "1/s",
            &[
                (0, Some(0)),
                (0, Some(1000)),
                (0, Some(2000)),
                (5000, Some(5000)),
            ],
        );
        check(
            "2/s",
            &[
                (0, Some(0)),
                (0, Some(0)),
                (0, Some(500)),
                (100, Some(1000)),
                (3000, Some(3000)),
            ],
        );
        let mut flood = vec![(0, Some(0))];
        flood.extend((1..=10).map(|second| (0, Some(second * 1000))));
        flood.extend([
            (0, None),
            (0, None),
            (1000, Some(11_000)),
            (60_000, Some(60_000)),
        ]);
        check("1/s", &flood);
    }

    fn host(number: u32) -> Host {
        Host::Ip(Ipv4Addr::from(number).into())
    }

    #[test]
    fn any_number_of_hosts_needs_bounded_memory() {
        let mut limit = HostRate::new("1/m".parse().ok());
        let start = Instant::now();
        for number in 0..50_000 {
            assert!(limit.take(host(number), start), "an unknown host may begin");
            assert!(!limit.take(host(number), start), "but not twice");
        }
        assert_eq!(limit.buckets.len(), MAX_HOSTS);
        assert!(!limit.take(host(49_000), start));
    }

    #[test]
    fn hosts_are_forgotten_when_their_bucket_is_full() {
        let mut limit = HostRate::new("2/m".parse().ok());
        let start = Instant::now();
        let second = Duration::from_secs(1);
        assert!(limit.take(host(1), start) && limit.take(host(1), start));
        assert!(limit.take(host(2), start));
        assert!(limit.take(host(1), start + 40 * second));
        assert!(limit.take(host(3), start + 61 * second));
        assert_eq!(limit.buckets.len(), 2, "the second is forgotten");
        // The first has a token since 61 s, which it uses, and gets the next after 30 s.
        assert!(limit.take(host(1), start + 62 * second));
        assert!(!limit.take(host(1), start + 63 * second));
        assert!(limit.take(host(3), start + 200 * second));
        assert_eq!(limit.buckets.len(), 1);
    }
}
