//! A file that is read.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::fstat;

use crate::error::Problem;
use crate::protocol::entry::{Entry, Kind};
use crate::timestamp::Time;

/// A regular file, opened for reading.
#[derive(Debug)]
pub struct Source {
    /// The file.
    pub file: File,
    /// How long it was when it was opened.
    pub length: u64,
    /// When it was last changed.
    pub modified: Time,
}

impl Source {
    /// The file at `path` of this machine, which may lead through links.
    ///
    /// # Errors
    ///
    /// There is no regular file, or it may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Problem> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY; // not to wait for the other end of a pipe
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)?;
        Self::new(file).map_err(|problem| match problem {
            Problem::Missing => Problem::NoFile, // here it is there, whatever it is
            problem => problem,
        })
    }

    pub(crate) fn new(file: File) -> Result<Self, Problem> {
        let entry = Entry::from_stat(&fstat(&file)?, Vec::new()).ok_or(Problem::NoFile)?;
        let Kind::File(length) = entry.kind else {
            return Err(Problem::NoFile);
        };
        Ok(Self {
            file,
            length,
            modified: entry.modified,
        })
    }
}
