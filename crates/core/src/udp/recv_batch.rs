//! Datagrams that arrived together, until each has been attended to.

use std::io;
use std::os::fd::BorrowedFd;

use crate::sys::mmsg::{BATCH, Letter, receive_many};

/// The datagrams that one call has brought.
///
/// Its memory is large, since any datagram may be; what no datagram has reached is never touched,
/// and takes no room.
pub(crate) struct Inbox {
    memory: Vec<u8>,
    most: usize, // bytes of a datagram that are kept
    letters: Vec<Letter>,
    next: usize,
}

impl Inbox {
    /// Keeps so many bytes of each datagram.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            memory: vec![0; BATCH * stride(most)],
            most,
            letters: Vec::with_capacity(BATCH),
            next: 0,
        }
    }

    /// Receives what has arrived at the socket, after the last ones have been attended to.
    ///
    /// # Errors
    ///
    /// EAGAIN if nothing has arrived, and others.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.letters.clear();
        self.next = 0;
        let memory = self.memory.chunks_exact_mut(stride(self.most));
        let memory = memory.map(|memory| &mut memory[..self.most]);
        receive_many(socket, memory, &mut self.letters)
    }

    /// Whether all were attended to.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.len() == self.next
    }

    /// The next datagram, as far as it was kept.
    pub(crate) fn next(&mut self) -> Option<(Letter, &[u8])> {
        let letter = *self.letters.get(self.next)?;
        let start = self.next * stride(self.most);
        self.next += 1;
        Some((
            letter,
            &self.memory[start..][..letter.length.min(self.most)],
        ))
    }
}

/// From one datagram to the next. A cache line more than it needs: were all of them a power of two
/// apart, short datagrams would drive each other out of the cache.
fn stride(most: usize) -> usize {
    most.next_multiple_of(CACHE_LINE) + CACHE_LINE
}

const CACHE_LINE: usize = 64;
