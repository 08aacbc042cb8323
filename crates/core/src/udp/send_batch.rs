//! The datagrams to send with the next system calls.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use tracing::debug;

use crate::limits::stats::Stats;
use crate::udp::filter::{Dropped, Drops};

/// A queue of datagrams, kept until the kernel has taken all of them.
#[derive(Debug)]
pub(crate) struct SendBatch {
    /// The datagrams that were dropped: those not sent, and those received and not answered.
    pub(crate) drops: Drops,
    bytes: Vec<u8>,
    queue: Vec<Queued>,
    sent: usize, // of `queue`
    /// Datagrams from sockets that take no more for now, by source address, in order.
    aside: HashMap<SocketAddr, Vec<(SocketAddr, Vec<u8>)>>,
    aside_bytes: usize,
}

/// The addresses of a queued datagram.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) to: SocketAddr,
    pub(crate) from: SocketAddr,
    range: Range<usize>, // in the bytes of the batch
}

/// Consecutive datagrams with the same addresses that can be sent as one message with segmentation
/// offload: all have the same length, except that the last one may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments<'a> {
    pub(crate) to: SocketAddr,
    pub(crate) from: SocketAddr,
    pub(crate) bytes: &'a [u8],
    /// The length of each, in bytes.
    pub(crate) length: usize,
    pub(crate) count: usize,
}

impl SendBatch {
    /// Drops are counted in `stats` too.
    pub(crate) fn new(stats: Stats) -> Self {
        Self {
            drops: Drops::new(stats),
            bytes: Vec::new(),
            queue: Vec::new(),
            sent: 0,
            aside: HashMap::new(),
            aside_bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        let range = start..self.bytes.len();
        self.queue.push(Queued { to, from, range });
    }

    /// Whether the batch should be sent before more is pushed.
    pub(crate) fn is_full(&self) -> bool {
        MAX_DATAGRAMS <= self.queue.len() || MAX_BYTES <= self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.len() == self.sent
    }

    /// The datagrams that are not sent yet.
    pub(crate) fn queued(&self) -> impl ExactSizeIterator<Item = (&Queued, &[u8])> {
        let queued = self.queue[self.sent..].iter();
        queued.map(|queued| (queued, &self.bytes[queued.range.clone()]))
    }

    /// The source address of the next datagram.
    pub(crate) fn next_from(&self) -> Option<SocketAddr> {
        self.queue.get(self.sent).map(|next| next.from)
    }

    /// The datagrams that are not sent yet, grouped for segmentation offload.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segments<'_>> {
        let mut queue = &self.queue[self.sent..];
        std::iter::from_fn(move || {
            let first = queue.first()?;
            let length = first.range.len();
            let max_count = (MAX_SEGMENTED_BYTES / length.max(1)).clamp(1, MAX_SEGMENTS);
            let mut count = 1;
            while count < max_count
                && let Some(next) = queue.get(count)
                && (next.to, next.from) == (first.to, first.from)
                && (1..=length).contains(&next.range.len())
                && queue[count - 1].range.len() == length
            {
                count += 1;
            }
            let (group, rest) = queue.split_at(count);
            queue = rest;
            let end = group[count - 1].range.end;
            Some(Segments {
                to: first.to,
                from: first.from,
                bytes: &self.bytes[first.range.start..end],
                length,
                count,
            })
        })
    }

    /// Drops the first datagram, whose error would occur again.
    pub(crate) fn drop_first(&mut self, error: &io::Error) {
        if let Some(first) = self.queue.get(self.sent) {
            debug!(peer = %first.to, bytes = first.range.len(), "send: {error}");
            self.drops.count(Dropped::Unsendable, first.to);
        }
        self.remove(1);
    }

    /// Sets the first datagrams aside, as far as they leave from `from`, whose socket takes no more:
    /// others do not wait for it. Where too much is set aside, they are dropped.
    pub(crate) fn set_aside(&mut self, from: SocketAddr) {
        while let Some(first) = self.queue.get(self.sent)
            && first.from == from
        {
            let (to, bytes) = (first.to, &self.bytes[first.range.clone()]);
            if self.aside_bytes + bytes.len() <= MAX_BYTES_ASIDE {
                self.aside_bytes += bytes.len();
                let aside = self.aside.entry(from).or_default();
                aside.push((to, bytes.to_vec()));
            } else {
                self.drops.count(Dropped::Unsendable, to);
            }
            self.remove(1);
        }
    }

    /// Whether datagrams from this address are set aside.
    pub(crate) fn is_set_aside(&self, from: SocketAddr) -> bool {
        self.aside.contains_key(&from)
    }

    /// Whether anything is set aside.
    pub(crate) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// Queues the datagrams from this address again that were set aside.
    pub(crate) fn restore(&mut self, from: SocketAddr) {
        for (to, bytes) in self.aside.remove(&from).unwrap_or_default() {
            self.aside_bytes -= bytes.len();
            self.push(from, to, &bytes);
        }
    }

    /// Removes the first `count` queued datagrams, which were sent or cannot be.
    pub(crate) fn remove(&mut self, count: usize) {
        self.sent += count;
        if self.is_empty() {
            self.queue.clear();
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

const MAX_DATAGRAMS: usize = 64; // what one sendmmsg(2) takes
const MAX_BYTES: usize = 1 << 20; // exceeded by one datagram at most
const MAX_BYTES_ASIDE: usize = 8 << 20;
const MAX_SEGMENTS: usize = 64; // UDP_MAX_SEGMENTS of older kernels
const MAX_SEGMENTED_BYTES: usize = 65_000; // all segments have to fit into one datagram

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lengths: &[(u16, usize)], groups: &[(u16, usize, usize)]) {
        let mut batch = SendBatch::new(Stats::uncounted());
        let local = SocketAddr::from(([198, 51, 100, 1], 1212));
        for (number, &(peer, length)) in lengths.iter().enumerate() {
            let to = SocketAddr::from(([192, 0, 2, 1], peer));
            batch.push(local, to, &vec![number as u8; length]);
        }
        let found: Vec<_> = batch
            .segments()
            .map(|group| (group.to.port(), group.count, group.bytes.len()))
            .collect();
        assert_eq!(found, groups);
    }

    #[test]
    fn datagrams_of_equal_length_to_one_peer_are_grouped() {
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
    fn groups_leave_out_what_was_sent() {
        let mut batch = SendBatch::new(Stats::uncounted());
        let local = SocketAddr::from(([198, 51, 100, 1], 1212));
        (0..3).for_each(|byte| batch.push(local, local, &[byte; 5]));
        batch.remove(1);
        let group = batch.segments().next().expect("two are queued");
        assert_eq!((group.count, group.length), (2, 5));
        assert_eq!(group.bytes, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn datagrams_of_a_full_socket_are_set_aside_in_order() {
        let mut batch = SendBatch::new(Stats::uncounted());
        let peer = SocketAddr::from(([192, 0, 2, 1], 5000));
        let [full, other] = [1, 2].map(|port| SocketAddr::from(([198, 51, 100, 1], port)));
        let queue = |batch: &mut SendBatch, datagrams: &[(SocketAddr, u8)]| {
            for &(from, byte) in datagrams {
                batch.push(from, peer, &[byte]);
            }
        };
        let queued =
            |batch: &SendBatch| -> Vec<u8> { batch.queued().map(|(_, bytes)| bytes[0]).collect() };
        queue(&mut batch, &[(full, 1), (full, 2), (other, 3), (full, 4)]);
        batch.set_aside(full);
        assert_eq!(queued(&batch), [3, 4]);
        batch.set_aside(full);
        assert_eq!(queued(&batch), [3, 4], "another socket is first");
        batch.remove(1);
        batch.set_aside(full);
        assert!(batch.is_empty() && batch.is_set_aside(full));
        batch.restore(full);
        assert_eq!(queued(&batch), [1, 2, 4]);
        assert!(!batch.is_set_aside(full));
    }

    #[test]
    fn what_is_set_aside_is_bounded() {
        let mut batch = SendBatch::new(Stats::uncounted());
        let local = SocketAddr::from(([198, 51, 100, 1], 1212));
        for round in 1..=2 {
            for _ in 0..100 {
                batch.push(local, local, &[0; 60_000]);
            }
            batch.set_aside(local);
            assert!(batch.is_empty());
            assert!(batch.aside_bytes <= MAX_BYTES_ASIDE);
            assert_eq!(batch.drops.of(Dropped::Unsendable), [0, 61][round - 1]);
        }
        batch.restore(local);
        assert_eq!((batch.aside_bytes, batch.queued().len()), (0, 139));
    }
}
