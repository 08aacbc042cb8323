//! A queue of bytes that is taken from the front.

use std::mem;

/// Bytes in one piece. Once it is empty, it keeps a capacity of at most `KEPT` bytes, so that an idle
/// peer keeps no memory for one long message.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue<const KEPT: usize> {
    bytes: Vec<u8>,
    removed: usize, // from the start of `bytes`
}

impl<const KEPT: usize> ByteQueue<KEPT> {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.removed..]
    }

    /// The buffer to append to. What it contains must stay.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Inserts `bytes` before all others.
    pub(crate) fn insert(&mut self, bytes: Vec<u8>) {
        self.bytes.splice(self.removed..self.removed, bytes);
    }

    pub(crate) fn remove(&mut self, count: usize) {
        self.removed += count;
        debug_assert!(
            self.removed <= self.bytes.len(),
            "only queued bytes are removed"
        );
        if self.is_empty() {
            self.bytes.clear();
            self.removed = 0;
            self.bytes.shrink_to(KEPT);
        } else if self.len().max(COMPACT_FACTOR * KEPT) <= self.removed {
            self.bytes.drain(..mem::take(&mut self.removed));
        }
    }
}

const COMPACT_FACTOR: usize = 4; // moving the rest pays when more was removed
