//! A file that is read.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::fstat;

use crate::error::FileError;
use crate::protocol::entry::{Entry, Kind};
use crate::timestamp::Timestamp;

/// A regular file, opened for reading.
#[derive(Debug)]
pub struct Source {
    /// The file.
    pub file: File,
    /// How long it was when it was opened.
    pub length: u64,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl Source {
    /// The file at `path` of this machine, which may lead through links.
    ///
    /// # Errors
    ///
    /// There is no regular file, or it may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY; // not to wait for the other end of a pipe
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)?;
        Self::new(file).map_err(|problem| match problem {
            FileError::NotFound => FileError::NotAFile, // here it is there, whatever it is
            problem => problem,
        })
    }

    pub(crate) fn new(file: File) -> Result<Self, FileError> {
        let entry = Entry::from_stat(&fstat(&file)?, Vec::new()).ok_or(FileError::NotAFile)?;
        let Kind::File(length) = entry.kind else {
            return Err(FileError::NotAFile);
        };
        Ok(Self {
            file,
            length,
            modified: entry.modified,
        })
    }
}
