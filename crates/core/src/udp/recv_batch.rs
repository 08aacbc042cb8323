//! The datagrams received with one system call.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use crate::sys::mmsg::{BATCH, Received, recv_many};

/// What identifies a peer: its address, and the address of this machine that it sends to.
pub(crate) type PeerKey = (SocketAddr, SocketAddr);

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) bytes: &'a [u8],
    /// The source address, which may be forged.
    pub(crate) remote: SocketAddr,
    /// The source address for a reply.
    pub(crate) local: SocketAddr,
    /// The destination address; differs from `local` for multicast and broadcast.
    pub(crate) destination: IpAddr,
}

/// A buffer for [`BATCH`] datagrams, read one by one before it is filled again.
///
/// The buffer is large, since any datagram may be. Pages that no datagram reached are not allocated
/// by the kernel.
pub(crate) struct RecvBatch {
    buffer: Vec<u8>,
    max_bytes: usize, // of each datagram
    received: Vec<Received>,
    next: usize, // in `received`
}

impl RecvBatch {
    /// Datagrams are truncated to `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            buffer: vec![0; BATCH * stride(max_bytes)],
            max_bytes,
            received: Vec::with_capacity(BATCH),
            next: 0,
        }
    }

    /// Replaces the contents with what has arrived at `socket`, which is bound to `bound`.
    ///
    /// # Errors
    ///
    /// EAGAIN if nothing has arrived; otherwise as recvmmsg(2).
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>, bound: SocketAddr) -> io::Result<()> {
        self.received.clear();
        self.next = 0;
        let buffers = self.buffer.chunks_exact_mut(stride(self.max_bytes));
        let buffers = buffers.map(|buffer| &mut buffer[..self.max_bytes]);
        recv_many(socket, bound, buffers, &mut self.received)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.received.len() == self.next
    }

    /// The next datagram and the number of bytes cut off from it. Those whose destination address
    /// the kernel did not report are skipped.
    pub(crate) fn next(&mut self) -> Option<(Incoming<'_>, usize)> {
        while let Some(received) = self.received.get(self.next) {
            let start = self.next * stride(self.max_bytes);
            self.next += 1;
            if let Some((local, destination)) = received.addresses {
                let kept = received.length.min(self.max_bytes);
                let incoming = Incoming {
                    bytes: &self.buffer[start..][..kept],
                    remote: received.remote,
                    local,
                    destination,
                };
                return Some((incoming, received.length - kept));
            }
        }
        None
    }
}

/// The distance between two datagrams in the buffer, one cache line more than needed: at distances
/// of a power of two, short datagrams would compete for the same cache sets.
fn stride(max_bytes: usize) -> usize {
    max_bytes.next_multiple_of(CACHE_LINE) + CACHE_LINE
}

const CACHE_LINE: usize = 64;
