//! What waits to be sent to one peer: bytes and files of a stream, or datagrams.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The queue of one peer, by its transport.
#[derive(Debug)]
pub(super) enum SendQueue {
    Stream(StreamQueue),
    Datagrams(DatagramQueue),
}

/// Bytes, and files between them.
#[derive(Debug, Default)]
pub(super) struct StreamQueue {
    bytes: Bytes,
    files: VecDeque<QueuedFile>,
}

/// Datagrams, each with its length; a datagram may be empty.
#[derive(Debug, Default)]
pub(super) struct DatagramQueue {
    bytes: Bytes,
    lengths: VecDeque<usize>,
}

#[derive(Debug)]
struct QueuedFile {
    file: File,
    range: Range<u64>, // not sent yet
    after: usize,      // the number of queued bytes before it
}

#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    sent: usize, // from the start of `bytes`
}

impl SendQueue {
    /// The buffer for a message of `length` bytes, to which exactly that many are to be appended.
    pub(super) fn push(&mut self, length: usize) -> &mut Vec<u8> {
        match self {
            Self::Stream(queue) => &mut queue.bytes.bytes,
            Self::Datagrams(queue) => {
                queue.lengths.push_back(length);
                &mut queue.bytes.bytes
            }
        }
    }

    /// The number of queued bytes, without those in files.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stream(queue) => queue.bytes.len(),
            Self::Datagrams(queue) => queue.bytes.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Stream(queue) => queue.bytes.len() == 0 && queue.files.is_empty(),
            Self::Datagrams(queue) => queue.lengths.is_empty(),
        }
    }

    /// The memory it is counted as, in bytes; files and datagrams have a cost beside their bytes.
    pub(super) fn weight(&self) -> usize {
        self.len()
            + match self {
                Self::Stream(queue) => FILE_WEIGHT * queue.files.len(),
                Self::Datagrams(queue) => DATAGRAM_WEIGHT * queue.lengths.len(),
            }
    }

    /// The bytes to send next, up to the next file.
    pub(super) fn waiting(&self) -> &[u8] {
        match self {
            Self::Stream(queue) => {
                let waiting = queue.bytes.waiting();
                let file = queue.files.front();
                &waiting[..file.map_or(waiting.len(), |file| file.after)]
            }
            Self::Datagrams(queue) => queue.bytes.waiting(),
        }
    }

    /// The first `count` bytes were sent.
    pub(super) fn sent(&mut self, count: usize) {
        match self {
            Self::Stream(queue) => {
                queue.files.iter_mut().for_each(|file| file.after -= count);
                queue.bytes.remove(count);
            }
            Self::Datagrams(queue) => queue.bytes.remove(count),
        }
    }

    /// The next datagram, on a peer of datagrams.
    pub(super) fn datagram(&self) -> Option<&[u8]> {
        match self {
            Self::Stream(_) => None,
            Self::Datagrams(queue) => {
                let &length = queue.lengths.front()?;
                Some(&queue.bytes.waiting()[..length])
            }
        }
    }

    /// The next datagram was sent.
    pub(super) fn datagram_sent(&mut self) {
        if let Self::Datagrams(queue) = self
            && let Some(length) = queue.lengths.pop_front()
        {
            queue.bytes.remove(length);
        }
    }

    pub(super) fn has_files(&self) -> bool {
        matches!(self, Self::Stream(queue) if !queue.files.is_empty())
    }

    /// The file to send next, if no bytes are before it.
    pub(super) fn file(&self) -> Option<(&File, Range<u64>)> {
        match self {
            Self::Stream(queue) => queue.file(),
            Self::Datagrams(_) => None,
        }
    }

    /// The next `count` bytes of the file were sent.
    pub(super) fn file_sent(&mut self, count: u64) {
        if let Self::Stream(queue) = self {
            queue.file_sent(count);
        }
    }

    /// Moves the next bytes of the file to the queued bytes, for a peer that `sendfile` cannot serve.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is shorter than its range.
    pub(super) fn load_file(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(queue) => queue.load_file(),
            Self::Datagrams(_) => Ok(()),
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Stream(queue) => {
                queue.files.clear();
                queue.bytes.remove(queue.bytes.len());
            }
            Self::Datagrams(queue) => {
                queue.lengths.clear();
                queue.bytes.remove(queue.bytes.len());
            }
        }
    }
}

impl StreamQueue {
    /// Appends a range of a file, which must not be empty.
    pub(super) fn push_file(&mut self, file: File, range: Range<u64>) {
        let after = self.bytes.len();
        self.files.push_back(QueuedFile { file, range, after });
    }

    fn file(&self) -> Option<(&File, Range<u64>)> {
        let next = self.files.front().filter(|next| next.after == 0)?;
        Some((&next.file, next.range.clone()))
    }

    fn file_sent(&mut self, count: u64) {
        if let Some(next) = self.files.front_mut() {
            next.range.start += count;
        }
        self.files.pop_front_if(|next| next.range.is_empty());
    }

    fn load_file(&mut self) -> io::Result<()> {
        let Some((file, range)) = self.file() else {
            return Ok(());
        };
        let rest = usize::try_from(range.end - range.start).unwrap_or(LOADED_BYTES);
        let mut chunk = vec![0; rest.min(LOADED_BYTES)];
        let count = file.read_at(&mut chunk, range.start)?;
        if count == 0 {
            return Err(file_too_short());
        }
        chunk.truncate(count);
        self.bytes.insert(chunk);
        self.files.iter_mut().for_each(|file| file.after += count);
        self.file_sent(count as u64);
        Ok(())
    }
}

impl Bytes {
    fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Inserts `bytes` before all others.
    fn insert(&mut self, bytes: Vec<u8>) {
        self.bytes.splice(self.sent..self.sent, bytes);
    }

    fn remove(&mut self, count: usize) {
        self.sent += count;
        debug_assert!(self.sent <= self.bytes.len(), "only queued bytes are sent");
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
            // An idle peer keeps no memory for one long answer.
            self.bytes.shrink_to(KEPT_CAPACITY);
        } else if COMPACT_FROM <= self.sent {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

/// The error for a file that ends within the range to send.
pub(crate) fn file_too_short() -> io::Error {
    let text = "the file became shorter while it was sent";
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

pub(super) const FILE_WEIGHT: usize = 4096; // descriptors are few
const DATAGRAM_WEIGHT: usize = 16; // its length, and bookkeeping
const LOADED_BYTES: usize = 64 * 1024;
const KEPT_CAPACITY: usize = 64 * 1024;
const COMPACT_FROM: usize = 256 * 1024; // compacting earlier costs more than it saves
