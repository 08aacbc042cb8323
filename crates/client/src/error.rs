//! Why something was not got, put or listed.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchboard_core::{ListenAddr, Sanitized};
use switchboard_files::tftp::TransferError;
use switchboard_files::{FileError, Status};

/// Why something was not got, put or listed. The words are clean, whoever they come from.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that can be listened on, but not called.
    #[error("{} cannot be called: an address is PORT, HOST:PORT, [V6]:PORT or unix:PATH", Sanitized(.0.to_string().as_bytes()))]
    NotConnectable(ListenAddr),
    /// No connection came about.
    #[error("cannot connect to {place}: {cause}", place = Sanitized(.place.as_bytes()))]
    Unreachable {
        /// Where to.
        place: String,
        /// What became of the last attempt.
        cause: io::Error,
    },
    /// Nothing came from there, where no connection is needed.
    #[error("no answer from {}", Sanitized(.0.as_bytes()))]
    NoReply(String),
    /// The server refused the peer, or ended the conversation, in words of its own.
    #[error("the server says: {}", Sanitized(.0))]
    Closed(Vec<u8>),
    /// The server answered that it does not do this, and why.
    #[error("the server says: {words} ({0})", words = Sanitized(.1.as_bytes()))]
    Rejected(Status, String),
    /// What the server said makes no sense here, so nothing more is said to it.
    #[error("the server makes no sense: {0}")]
    Protocol(String),
    /// What arrived is not what the server has.
    #[error("what arrived is not what the server has: its digest differs, so nothing is kept")]
    Mismatch,
    /// The connection broke off.
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    /// Nothing moved for this long.
    #[error("the server was silent for {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// A transfer by TFTP failed.
    #[error(transparent)]
    Tftp(TransferError),
    /// There is something of this name here already.
    #[error("{} is there already (--overwrite replaces it)", Shown(.0))]
    Exists(PathBuf),
    /// A file here cannot be made.
    #[error("cannot make {}: {cause}", Shown(.file))]
    CannotCreate {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        cause: FileError,
    },
    /// Reading or writing a file failed here.
    #[error("{}: {cause}", Shown(.file))]
    Local {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        cause: FileError,
    },
    /// What the output goes to takes no more.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// It cannot be done for that name.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// A signal asked to stop.
    #[error("stopped by a signal")]
    Stopped(i32),
}

impl Error {
    /// What went wrong with a file here while it was written.
    pub(crate) fn writing(file: &Path, problem: FileError) -> Self {
        let file = file.to_owned();
        match problem {
            FileError::Exists => Self::Exists(file),
            FileError::Mismatch => Self::Mismatch,
            cause @ (FileError::NoSpace | FileError::Quota { .. } | FileError::Io(_)) => {
                Self::Local { file, cause }
            }
            cause => Self::CannotCreate { file, cause },
        }
    }

    /// What went wrong with a file here while it was read.
    pub(crate) fn reading(file: &Path, problem: impl Into<FileError>) -> Self {
        Self::Local {
            file: file.to_owned(),
            cause: problem.into(),
        }
    }
}

/// A path for people: clean, since a server may have named it.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Sanitized(self.0.as_os_str().as_bytes()).fmt(f)
    }
}
