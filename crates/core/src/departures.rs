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
const MOST_BYTES: usize = 1 << 20; // and take no more memory than this, and one datagram
