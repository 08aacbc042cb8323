//! The order and the times of attempts to connect (Happy Eyeballs, RFC 8305), without sockets.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

/// Decides when the next address of a server is tried. Times are durations since the caller began to
/// connect.
///
/// An attempt starts [`ATTEMPT_DELAY`] after the previous one, or at once when one fails. Earlier
/// attempts go on meanwhile; the caller ends them when one succeeds.
pub(super) struct HappyEyeballs {
    waiting: VecDeque<SocketAddr>,
    pending: usize, // attempts that have started and not failed
    due: Duration,  // when the next attempt may start
}

impl HappyEyeballs {
    /// Attempts at these addresses, which are in the order of preference (RFC 6724). IPv4 and IPv6
    /// alternate, and the family of the first address begins (section 4, with a First Address Family
    /// Count of 1). An address is tried once.
    pub(super) fn new(addresses: &[SocketAddr]) -> Self {
        let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
        let mut seen = HashSet::new();
        let addresses = addresses.iter().copied();
        let (mut next, mut other): (VecDeque<_>, VecDeque<_>) = addresses
            .filter(|&address| seen.insert(address))
            .partition(|address| address.is_ipv4() == first_is_v4);
        let mut waiting = VecDeque::new();
        while let Some(address) = next.pop_front() {
            waiting.push_back(address);
            if !other.is_empty() {
                mem::swap(&mut next, &mut other);
            }
        }
        Self {
            waiting,
            pending: 0,
            due: Duration::ZERO,
        }
    }

    /// The address of an attempt that is to start now, if one is.
    pub(super) fn start_next(&mut self, now: Duration) -> Option<SocketAddr> {
        if self.next_start().is_none_or(|start| now < start) {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.pending += 1;
        self.due = now.saturating_add(ATTEMPT_DELAY);
        Some(address)
    }

    /// When the next attempt starts, unless one fails or succeeds before. `None` if every address was
    /// tried, or [`MAX_PENDING`] attempts are pending.
    pub(super) fn next_start(&self) -> Option<Duration> {
        (!self.waiting.is_empty() && self.pending < MAX_PENDING).then_some(self.due)
    }

    /// One of the pending attempts has failed.
    pub(super) fn failed(&mut self, now: Duration) {
        self.pending -= 1;
        self.due = self.due.min(now);
    }

    /// The addresses that were not tried.
    pub(super) fn into_untried(self) -> impl Iterator<Item = SocketAddr> {
        self.waiting.into_iter()
    }
}

const ATTEMPT_DELAY: Duration = Duration::from_millis(250); // recommended by RFC 8305, section 5
const MAX_PENDING: usize = 32; // a name may have thousands of addresses, and each attempt has a socket

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Letters are IPv6 addresses, digits IPv4 addresses.
    fn address(name: char) -> SocketAddr {
        let host = name as u8;
        if name.is_ascii_digit() {
            ([192, 0, 2, host], 7).into()
        } else {
            ([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()], 7).into()
        }
    }

    fn attempts(addresses: &str) -> HappyEyeballs {
        let addresses: Vec<_> = addresses.chars().map(address).collect();
        HappyEyeballs::new(&addresses)
    }

    /// The order of attempts that all fail at once.
    #[track_caller]
    fn check_order(addresses: &str, expected: &str) {
        let mut attempts = attempts(addresses);
        let mut order = Vec::new();
        while let Some(address) = attempts.start_next(Duration::ZERO) {
            attempts.failed(Duration::ZERO);
            order.push(address);
        }
        let expected: Vec<_> = expected.chars().map(address).collect();
        assert_eq!(order, expected, "{addresses}");
    }

    #[test]
    fn families_alternate_and_the_first_one_begins() {
        check_order("", "");
        check_order("a", "a");
        check_order("abc12", "a1b2c");
        check_order("1abc", "1abc");
        check_order("12ab3", "1a2b3");
        check_order("a123", "a123");
        check_order("aab1a1", "a1b");
    }

    #[test]
    fn an_attempt_starts_a_quarter_second_after_the_previous_one() {
        let mut attempts = attempts("a1b");
        assert_eq!(attempts.start_next(10 * MS), Some(address('a')));
        assert_eq!(attempts.next_start(), Some(260 * MS));
        assert_eq!(attempts.start_next(259 * MS), None);
        assert_eq!(attempts.start_next(300 * MS), Some(address('1'))); // the caller was late
        assert_eq!(attempts.next_start(), Some(550 * MS));
        assert_eq!(attempts.start_next(550 * MS), Some(address('b')));
        assert_eq!(attempts.next_start(), None);
    }

    #[test]
    fn an_attempt_starts_at_once_when_one_fails() {
        let mut attempts = attempts("a1bc");
        assert_eq!(attempts.start_next(Duration::ZERO), Some(address('a')));
        attempts.failed(100 * MS);
        assert_eq!(attempts.start_next(100 * MS), Some(address('1')));
        assert_eq!(attempts.start_next(100 * MS), None);
        assert_eq!(attempts.start_next(350 * MS), Some(address('b')));
        attempts.failed(400 * MS); // that of 1 or of b
        assert_eq!(attempts.start_next(400 * MS), Some(address('c')));
    }

    #[test]
    fn pending_attempts_are_limited() {
        let hosts = (0..100).map(|host| SocketAddr::from(([192, 0, 2, host], 7)));
        let mut attempts = HappyEyeballs::new(&hosts.collect::<Vec<_>>());
        let mut now = Duration::ZERO;
        let mut started = 0;
        while let Some(start) = attempts.next_start() {
            now = start;
            attempts.start_next(now).expect("it is due");
            started += 1;
        }
        assert_eq!(started, MAX_PENDING);
        attempts.failed(now);
        assert!(attempts.start_next(now).is_some());
        assert_eq!(attempts.start_next(now + ATTEMPT_DELAY), None);
    }

    proptest! {
        /// Every address is tried once, in order within its family, and an attempt starts earlier than
        /// the delay after the previous one only if one failed; for any failures at any times.
        #[test]
        fn every_address_is_tried(
            names in "[a-p0-9]{0,40}",
            steps in proptest::collection::vec((0_u64..400, any::<bool>()), 0..200),
        ) {
            let mut attempts = attempts(&names);
            let mut order: Vec<SocketAddr> = Vec::new();
            let (mut now, mut pending, mut has_failed) = (Duration::ZERO, 0, true);
            let mut last = Duration::ZERO;
            let mut steps = steps.into_iter();
            loop {
                while let Some(address) = attempts.start_next(now) {
                    prop_assert!(has_failed || last + ATTEMPT_DELAY <= now);
                    order.push(address);
                    (pending, has_failed, last) = (pending + 1, false, now);
                }
                match (steps.next(), attempts.next_start()) {
                    (Some((wait, true)), _) if 0 < pending => {
                        now += Duration::from_millis(wait);
                        attempts.failed(now);
                        (pending, has_failed) = (pending - 1, true);
                    }
                    (Some((wait, _)), _) => now += Duration::from_millis(wait),
                    (None, Some(start)) => {
                        prop_assert!(now < start);
                        now = start;
                    }
                    (None, None) if 0 < pending => {
                        attempts.failed(now);
                        (pending, has_failed) = (pending - 1, true);
                    }
                    (None, None) => break,
                }
            }
            prop_assert_eq!(attempts.into_untried().count(), 0);
            let mut seen = HashSet::new();
            let expected: Vec<_> = names.chars().map(address).filter(|&name| seen.insert(name)).collect();
            for is_v4 in [false, true] {
                let of_family = |addresses: &[SocketAddr]| -> Vec<SocketAddr> {
                    addresses.iter().copied().filter(|address| address.is_ipv4() == is_v4).collect()
                };
                prop_assert_eq!(of_family(&order), of_family(&expected));
            }
        }
    }
}
