//! Bytes on their way in one direction.

/// Bytes on their way in one direction, in bounded memory.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    /// What waits is `bytes[start..end]`.
    start: usize,
    end: usize,
}

impl Buffer {
    /// Space for this many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into(),
            start: 0,
            end: 0,
        }
    }

    /// The bytes that wait.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes bytes from the front.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Whether bytes can be added. A buffer takes more once it is empty, so nothing is moved.
    pub(super) fn has_space(&self) -> bool {
        self.is_empty()
    }

    /// The space for bytes that [`add`](Self::add) then counts.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// This many bytes were written to the space; returns them.
    pub(super) fn add(&mut self, count: usize) -> &[u8] {
        let added = self.end..self.end + count;
        self.end += count;
        &self.bytes[added]
    }
}
