//! How often one host may begin a conversation: who comes too often waits.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::limits::limits::Rate;
use crate::net::stream::Stream;
use crate::peer::{Host, Peer};
use crate::session::service::Refusal;

/// Peers whose conversations begin later, since their host began as many as it may.
///
/// A host begins as many at once as its rate has in one stretch of time, and after that one in each
/// equal part of it. Who would wait for too long is refused, and so are all while too many wait. Who
/// waits has no place among the conversations yet.
pub(crate) struct Pace {
    rate: Option<Rate>,
    /// When each host would have begun all it did, had it begun them one in each part.
    hosts: HashMap<Host, Instant>,
    waiting: BTreeMap<(Instant, u64), (Stream, Peer)>,
    delayed: u64,
}

/// What becomes of a peer.
pub(crate) enum Turn {
    Now(Stream, Peer),
    Later,
    Never(Stream, Peer, Refusal),
}

impl Pace {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            hosts: HashMap::new(),
            waiting: BTreeMap::new(),
            delayed: 0,
        }
    }

    /// Whether the conversation with a peer begins now.
    pub(crate) fn take(&mut self, stream: Stream, peer: Peer, now: Instant) -> Turn {
        let Some(rate) = self.rate else {
            return Turn::Now(stream, peer);
        };
        let host = peer.remote.host();
        match self.begin_at(host, rate, now) {
            Some(at) if at <= now => Turn::Now(stream, peer),
            Some(at) if self.waiting.len() < MOST => {
                self.delayed += 1;
                self.waiting.insert((at, self.delayed), (stream, peer));
                Turn::Later
            }
            Some(_) | None => {
                let words = format!(
                    "Too many conversations with {host} in a short time: at most {rate}. Try again later."
                );
                Turn::Never(stream, peer, Refusal(words.into()))
            }
        }
    }

    /// Whether a conversation with `host` may begin now; if so, it is counted.
    pub(crate) fn may_begin(&mut self, host: Host, now: Instant) -> bool {
        let Some(rate) = self.rate else {
            return true;
        };
        let before = self.hosts.get(&host).copied();
        let may = self.begin_at(host, rate, now).is_some_and(|at| at <= now);
        if let (false, Some(before)) = (may, before) {
            self.hosts.insert(host, before); // it does not wait for its turn
        }
        may
    }

    /// When a conversation with `host` may begin, if soon; then it is counted.
    fn begin_at(&mut self, host: Host, rate: Rate, now: Instant) -> Option<Instant> {
        if MANY < self.hosts.len() {
            self.hosts.retain(|_, spent_at| now < *spent_at);
        }
        let spent_at = self
            .hosts
            .get(&host)
            .map_or(now, |&spent_at| spent_at.max(now));
        let part = rate.per / rate.count.get();
        let ahead = spent_at - now;
        let delay = (ahead + part).saturating_sub(rate.per);
        if LONGEST < delay {
            return None;
        }
        self.hosts.insert(host, spent_at + part);
        Some(now + delay)
    }

    /// The next one whose time has come.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(Stream, Peer)> {
        let entry = self.waiting.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next one's time comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Those who wait, who are not to wait any longer.
    pub(crate) fn drain(&mut self) -> Vec<(Stream, Peer)> {
        std::mem::take(&mut self.waiting).into_values().collect()
    }

    /// Closes this process's copies of their connections, as a forked child does.
    pub(crate) fn leave(&mut self) {
        if !self.waiting.is_empty() {
            self.waiting.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

const LONGEST: Duration = Duration::from_secs(10); // a person waits so long, and a program tries again
const MOST: usize = 1000; // each keeps a descriptor
const MANY: usize = 10_000; // hosts to remember before those are forgotten that may begin at once

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rate: &str, arrivals: &[(u64, Option<u64>)]) {
        let mut pace = Pace::new(None);
        let rate = rate.parse().expect("a rate");
        let start = Instant::now();
        for &(at, begins) in arrivals {
            let now = start + Duration::from_millis(at);
            let begins = begins.map(|begins| start + Duration::from_millis(begins));
            assert_eq!(pace.begin_at(Host::Local, rate, now), begins, "at {at} ms");
        }
    }

    #[test]
    fn who_comes_too_often_waits() {
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
}
