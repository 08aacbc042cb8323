//! A file that is read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::fstat;

use crate::error::FileError;
use crate::protocol::entry::Kind;

/// A regular file, opened for reading.
///
/// [`Read`] ends at `length`, even if the file grows. If it shrinks, reading fails with
/// [`FileError::Short`], so that no part is mistaken for the whole.
#[derive(Debug)]
pub struct Source {
    /// The file, positioned at its beginning.
    pub file: File,
    /// In bytes, when it was opened.
    pub length: u64,
    position: u64,
}

impl Source {
    /// Opens the file at `path`. Symbolic links are followed.
    ///
    /// # Errors
    ///
    /// There is no regular file, or it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY; // opening a pipe would wait for a writer
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)?;
        Self::new(file)
    }

    pub(super) fn new(file: File) -> Result<Self, FileError> {
        match Kind::of(&fstat(&file)?) {
            Some(Kind::File(length)) => Ok(Self {
                file,
                length,
                position: 0,
            }),
            _ => Err(FileError::NotAFile),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length - self.position;
        let count = (&self.file).take(left).read(buffer)?;
        if count == 0 && 0 < left && !buffer.is_empty() {
            return Err(FileError::Short {
                length: self.position,
            }
            .into());
        }
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn reading_ends_at_the_length_when_opened() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(&file, "hello").expect("the disk has room");
        let mut grown = Source::open(file.path()).expect("a file");
        let mut shrunk = Source::open(file.path()).expect("a file");
        file.as_file().set_len(3).expect("it can be cut");
        let error = io::read_to_string(&mut shrunk).expect_err("two bytes are missing");
        assert!(matches!(error.into(), FileError::Short { length: 3 }));
        file.as_file()
            .write_all(b"hello world")
            .expect("the disk has room");
        assert_eq!(io::read_to_string(&mut grown).expect("text"), "hello");
    }
}
