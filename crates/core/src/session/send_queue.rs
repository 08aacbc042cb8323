//! What waits to be sent to one peer: bytes and files of a stream, or datagrams.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::byte_queue::ByteQueue;
use crate::peer::Transport;

/// The queue of one peer: bytes, with files between them if it is a stream.
#[derive(Debug)]
pub(super) struct SendQueue {
    pub(super) transport: Transport,
    bytes: ByteQueue<KEPT_CAPACITY>,
    files: VecDeque<QueuedFile>, // none on datagrams
    datagrams: VecDeque<usize>,  // their lengths, which may be 0; none on a stream
}

#[derive(Debug)]
struct QueuedFile {
    file: File,
    range: Range<u64>, // not sent yet
    after: usize,      // the number of queued bytes before it
}

impl SendQueue {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            transport,
            bytes: ByteQueue::default(),
            files: VecDeque::new(),
            datagrams: VecDeque::new(),
        }
    }

    /// The buffer for a message of `length` bytes, to which exactly that many are to be appended.
    pub(super) fn push(&mut self, length: usize) -> &mut Vec<u8> {
        if self.transport == Transport::Datagram {
            self.datagrams.push_back(length);
        }
        self.bytes.buffer()
    }

    /// Appends a range of a file, which must not be empty, to a stream.
    pub(super) fn push_file(&mut self, file: File, range: Range<u64>) {
        let after = self.bytes.len();
        self.files.push_back(QueuedFile { file, range, after });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.weight() == 0
    }

    /// The memory it is counted as, in bytes; files and datagrams have a cost beside their bytes.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + FILE_WEIGHT * self.files.len() + DATAGRAM_WEIGHT * self.datagrams.len()
    }

    /// The bytes to send next, up to the next file.
    pub(super) fn waiting(&self) -> &[u8] {
        let bytes = self.bytes.as_slice();
        let file = self.files.front();
        &bytes[..file.map_or(bytes.len(), |file| file.after)]
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.files.iter_mut().for_each(|file| file.after -= count);
        self.bytes.remove(count);
    }

    pub(super) fn datagram(&self) -> Option<&[u8]> {
        let length = self.datagrams.front()?;
        Some(&self.bytes.as_slice()[..*length])
    }

    pub(super) fn datagram_sent(&mut self) {
        if let Some(length) = self.datagrams.pop_front() {
            self.bytes.remove(length);
        }
    }

    pub(super) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The file to send next, if no bytes are before it.
    pub(super) fn file(&self) -> Option<(&File, Range<u64>)> {
        let next = self.files.front().filter(|next| next.after == 0)?;
        Some((&next.file, next.range.clone()))
    }

    pub(super) fn file_sent(&mut self, count: u64) {
        if let Some(next) = self.files.front_mut() {
            next.range.start += count;
        }
        self.files.pop_front_if(|next| next.range.is_empty());
    }

    /// Moves the next bytes of the file to the queued bytes, for a peer that `sendfile` cannot serve.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is shorter than its range.
    pub(super) fn load_file(&mut self) -> io::Result<()> {
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

    pub(super) fn clear(&mut self) {
        self.files.clear();
        self.datagrams.clear();
        self.bytes.remove(self.bytes.len());
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
