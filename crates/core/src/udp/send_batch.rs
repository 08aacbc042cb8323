//! Datagrams on their way out, until the system takes them.

use std::net::SocketAddr;
use std::ops::Range;

/// The datagrams that are sent with the next calls, in order.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    bytes: Vec<u8>,
    waiting: Vec<Departure>,
    left: usize, // so many of `waiting` have left already
}

/// One datagram on its way out.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) to: SocketAddr,
    /// The address of this machine that it is sent from.
    pub(crate) from: SocketAddr,
    place: Range<usize>,
}

/// Datagrams to one peer, all of one length but for the last one, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    pub(crate) to: SocketAddr,
    pub(crate) from: SocketAddr,
    /// All of them.
    pub(crate) bytes: &'a [u8],
    /// How long each is.
    pub(crate) each: usize,
    pub(crate) count: usize,
}

impl Departures {
    pub(crate) fn push(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        let place = start..self.bytes.len();
        self.waiting.push(Departure { to, from, place });
    }

    /// Whether these should leave before others join them.
    pub(crate) fn is_full(&self) -> bool {
        MOST <= self.waiting.len() || MOST_BYTES <= self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.len() == self.left
    }

    /// Those that wait still, each with its bytes.
    pub(crate) fn waiting(&self) -> impl ExactSizeIterator<Item = (&Departure, &[u8])> {
        let waiting = self.waiting[self.left..].iter();
        waiting.map(|departure| (departure, &self.bytes[departure.place.clone()]))
    }

    /// Where the next of them is sent from.
    pub(crate) fn next_from(&self) -> Option<SocketAddr> {
        let next = self.waiting.get(self.left);
        next.map(|departure| departure.from)
    }

    /// The same as runs: what goes from one address to another, one after the other and of the same
    /// length, is together.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let mut waiting = &self.waiting[self.left..];
        std::iter::from_fn(move || {
            let first = waiting.first()?;
            let each = first.place.len();
            let most = (MOST_RUN_BYTES / each.max(1)).clamp(1, MOST_RUN);
            let mut count = 1;
            while count < most
                && let Some(next) = waiting.get(count)
                && (next.to, next.from) == (first.to, first.from)
                && (1..=each).contains(&next.place.len())
                && waiting[count - 1].place.len() == each
            {
                count += 1;
            }
            let (run, rest) = waiting.split_at(count);
            waiting = rest;
            let end = run[count - 1].place.end;
            Some(Run {
                to: first.to,
                from: first.from,
                bytes: &self.bytes[first.place.start..end],
                each,
                count,
            })
        })
    }

    /// The first `count` of those that wait have left.
    pub(crate) fn left(&mut self, count: usize) {
        self.left += count;
        if self.is_empty() {
            self.waiting.clear();
            self.bytes.clear();
            self.left = 0;
        }
    }
}

const MOST: usize = 64; // leave with one call
// What the system cuts at once: it all has to fit into one datagram.
const MOST_RUN: usize = 64;
const MOST_RUN_BYTES: usize = 65_000;
const MOST_BYTES: usize = 1 << 20; // and take no more memory than this, and one datagram

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lengths: &[(u16, usize)], runs: &[(u16, usize, usize)]) {
        let mut departures = Departures::default();
        let here = SocketAddr::from(([198, 51, 100, 1], 1212));
        for (number, &(peer, length)) in lengths.iter().enumerate() {
            let to = SocketAddr::from(([192, 0, 2, 1], peer));
            departures.push(here, to, &vec![number as u8; length]);
        }
        let found: Vec<_> = departures
            .runs()
            .map(|run| (run.to.port(), run.count, run.bytes.len()))
            .collect();
        assert_eq!(found, runs);
    }

    #[test]
    fn what_goes_to_one_peer_is_together_while_it_is_as_long() {
        check(&[], &[]);
        check(&[(1, 0), (1, 0)], &[(1, 1, 0), (1, 1, 0)]);
        check(
            &[(1, 9), (1, 9), (2, 9), (1, 9)],
            &[(1, 2, 18), (2, 1, 9), (1, 1, 9)],
        );
        check(&[(1, 9), (1, 9), (1, 4), (1, 4)], &[(1, 3, 22), (1, 1, 4)]);
        check(
            &[(1, 9), (1, 0), (1, 10)],
            &[(1, 1, 9), (1, 1, 0), (1, 1, 10)],
        );
        check(
            &[(1, 40_000), (1, 40_000)],
            &[(1, 1, 40_000), (1, 1, 40_000)],
        );
        check(&[(1, 2); 65], &[(1, 64, 128), (1, 1, 2)]);
    }

    #[test]
    fn runs_are_of_those_that_wait_still() {
        let mut departures = Departures::default();
        let here = SocketAddr::from(([198, 51, 100, 1], 1212));
        (0..3).for_each(|byte| departures.push(here, here, &[byte; 5]));
        departures.left(1);
        let run = departures.runs().next().expect("two wait");
        assert_eq!((run.count, run.each), (2, 5));
        assert_eq!(run.bytes, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    }
}
