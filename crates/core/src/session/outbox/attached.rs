//! Files that wait to be sent among the bytes of an outbox.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::session::outbox::Outbox;

/// A file that is to be sent, as far as it was not yet.
#[derive(Debug)]
pub(super) struct Attached {
    file: File,
    range: Range<u64>,
    after: usize, // so many of the bytes that wait are sent before
}

impl Outbox {
    /// Sends these bytes of a file, after what was sent before. On a socket the system moves them
    /// (sendfile(2)), and nothing is copied here.
    ///
    /// Until all of it has left, the outbox is full, and no message is delivered. A file that turns
    /// out to be shorter breaks the conversation [off](crate::CloseReason::Failed), so that the peer does
    /// not take a part for the whole: over TCP it sees a reset. There are no files in datagrams.
    pub fn send_file(&mut self, file: File, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let held = self.held() + FILE_BYTES;
        if self.overflow.is_some() || self.most < held {
            self.overflow.get_or_insert(held);
            return;
        }
        let after = self.len();
        self.files.push_back(Attached { file, range, after });
    }

    /// Whether files wait to be sent.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// How many of the bytes that wait are to leave before a file.
    pub(super) fn before_file(&self) -> usize {
        self.files.front().map_or(self.len(), |next| next.after)
    }

    /// So many of the bytes that wait have left.
    pub(super) fn move_files(&mut self, count: usize) {
        for attached in &mut self.files {
            attached.after -= count;
        }
    }

    /// How much memory the files that wait are taken to need.
    pub(super) fn held_files(&self) -> usize {
        FILE_BYTES * self.files.len()
    }

    /// The file to be sent next, where nothing is before it.
    pub(crate) fn file(&self) -> Option<(&File, Range<u64>)> {
        let next = self.files.front().filter(|next| next.after == 0)?;
        Some((&next.file, next.range.clone()))
    }

    /// The next `count` bytes of the file were sent.
    pub(crate) fn file_sent(&mut self, count: u64) {
        if let Some(next) = self.files.front_mut() {
            next.range.start += count;
        }
        self.files.pop_front_if(|next| next.range.is_empty());
    }

    /// Puts the next bytes of the file among those that wait, where they cannot be sent from the
    /// file itself.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or ends before it should.
    pub(crate) fn load_file(&mut self) -> io::Result<()> {
        let Some(next) = self.files.front().filter(|next| next.after == 0) else {
            return Ok(());
        };
        let left = next.range.end - next.range.start;
        let mut piece = vec![
            0;
            usize::try_from(left)
                .unwrap_or(LOADED_BYTES)
                .min(LOADED_BYTES)
        ];
        let count = next.file.read_at(&mut piece, next.range.start)?;
        if count == 0 {
            return Err(too_short());
        }
        let place = self.sent..self.sent;
        self.bytes.splice(place, piece.into_iter().take(count));
        self.files.iter_mut().for_each(|file| file.after += count);
        self.file_sent(count as u64);
        Ok(())
    }
}

/// What is wrong where a file ends before it should.
pub(crate) fn too_short() -> io::Error {
    let words = "the file became shorter while it was sent";
    io::Error::new(io::ErrorKind::UnexpectedEof, words)
}

const FILE_BYTES: usize = 4096; // a descriptor, of which there are few
const LOADED_BYTES: usize = 64 * 1024;
