//! Detection of loops: two servers that answer each other's datagrams.

use std::time::{Duration, Instant};

/// Recognises a peer that may be a server: it sends one datagram for each that it gets, without a
/// pause. A loop needs every answer, so it ends when the peer is ignored for longer than a datagram
/// takes there and back. A client sends again.
#[derive(Debug)]
pub(crate) struct LoopDetector {
    max_exchanges: u32,
    exchanges: u32, // since `began`
    began: Instant,
    last_received: Instant,
    answered: bool, // a datagram was sent since the last one was received
    muted_until: Option<Instant>,
}

/// What to do with a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Deliver it.
    Deliver,
    /// Ignore it, and what the peer sends within [`MUTE_TIME`]. Contains the number of exchanges
    /// without a pause.
    BeginMute(u32),
    /// Ignore it.
    Muted,
}

impl LoopDetector {
    /// For a peer at this port.
    pub(crate) fn new(port: u16, now: Instant) -> Self {
        Self {
            max_exchanges: if port < EPHEMERAL_FROM {
                MAX_EXCHANGES_WITH_SERVER
            } else {
                MAX_EXCHANGES
            },
            exchanges: 0,
            began: now,
            last_received: now,
            answered: false,
            muted_until: None,
        }
    }

    /// A datagram was sent to the peer.
    pub(crate) fn sent(&mut self) {
        self.answered = true;
    }

    /// A datagram came from the peer.
    pub(crate) fn received(&mut self, now: Instant) -> Verdict {
        let pause = now.saturating_duration_since(self.last_received);
        self.last_received = now;
        if let Some(until) = self.muted_until {
            if now < until {
                return Verdict::Muted;
            }
            self.muted_until = None;
        }
        if PAUSE < pause {
            (self.exchanges, self.answered) = (0, false);
        }
        if self.exchanges == 0 {
            self.began = now;
        }
        self.exchanges += u32::from(std::mem::take(&mut self.answered));
        let time = now.saturating_duration_since(self.began);
        if self.exchanges < self.max_exchanges || time < MIN_TIME {
            return Verdict::Deliver;
        }
        self.muted_until = Some(now + MUTE_TIME);
        Verdict::BeginMute(std::mem::take(&mut self.exchanges))
    }
}

/// The lowest ephemeral port of Linux. The port of a client is seldom below, that of a server seldom
/// above.
pub(crate) const EPHEMERAL_FROM: u16 = 32_768;
/// How long a peer is ignored.
pub(crate) const MUTE_TIME: Duration = Duration::from_secs(5);
const MAX_EXCHANGES: u32 = 1200; // a client that measures 1000 round trips is below
const MAX_EXCHANGES_WITH_SERVER: u32 = 300;
const PAUSE: Duration = Duration::from_secs(2); // a slower loop does no harm
const MIN_TIME: Duration = Duration::from_secs(2); // the rate limit ends faster ones

#[cfg(test)]
mod tests {
    use super::*;

    /// Exchanges datagrams at this interval until the peer is muted; returns after how many.
    fn exchange(port: u16, interval_ms: u64, count: u32) -> Option<u32> {
        let start = Instant::now();
        let mut detector = LoopDetector::new(port, start);
        (0..count).find(|&index| {
            let verdict = detector.received(start + Duration::from_millis(interval_ms) * index);
            detector.sent();
            verdict != Verdict::Deliver
        })
    }

    #[test]
    fn uninterrupted_exchanges_are_muted() {
        assert_eq!(exchange(2001, 12, 10_000), Some(300));
        assert_eq!(exchange(40_001, 12, 10_000), Some(1200));
        assert_eq!(exchange(2001, 1, 10_000), Some(2001), "two seconds");
        assert_eq!(exchange(2001, 2000, 10_000), Some(300));
        assert_eq!(exchange(2001, 2001, 10_000), None, "each pause begins anew");
        assert_eq!(exchange(40_001, 12, 1000), None, "a measurement");
    }

    #[test]
    fn only_datagrams_that_were_answered_count() {
        let start = Instant::now();
        let mut detector = LoopDetector::new(2001, start);
        for index in 0..10_000 {
            let now = start + Duration::from_millis(12) * index;
            assert_eq!(detector.received(now), Verdict::Deliver);
            if index % 100 == 0 {
                (0..100).for_each(|_| detector.sent());
            }
        }
    }

    #[test]
    fn a_mute_ends_and_counting_begins_anew() {
        let start = Instant::now();
        let mut detector = LoopDetector::new(2001, start);
        let mut now = start;
        let mut exchange = |time| {
            now += time;
            let verdict = detector.received(now);
            detector.sent();
            verdict
        };
        let step = Duration::from_millis(20);
        for _ in 0..3 {
            // This datagram is the first, whatever came before.
            assert_eq!(exchange(MUTE_TIME), Verdict::Deliver);
            for _ in 1..300 {
                assert_eq!(exchange(step), Verdict::Deliver);
            }
            assert_eq!(exchange(step), Verdict::BeginMute(300));
            assert_eq!(exchange(MUTE_TIME - step), Verdict::Muted);
        }
    }
}
