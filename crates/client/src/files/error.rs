//! Why a file was not transferred or listed.

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchboard_core::Sanitized;
use switchboard_files::tftp::TransferError;
use switchboard_files::{FileError, Status};

use crate::connect::ConnectError;
use crate::stop::Stopped;
use crate::wait::WaitError;

/// Why a file was not transferred or listed. Displayed, it is safe to print on a terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(ConnectError),
    /// No datagram came from the server at this address.
    #[error("no answer from {}", Sanitized(.0.as_bytes()))]
    NoReply(String),
    /// The server refused the client, or ended the session, with a message outside the protocol.
    #[error("the server answered: {}", Sanitized(.0))]
    Closed(Vec<u8>),
    /// The server rejected the request with this status and message.
    #[error("the server answered: {message} ({0})", message = Sanitized(.1.as_bytes()))]
    Rejected(Status, String),
    /// The server violated the protocol; nothing more is sent to it.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// What arrived differs from what the server has.
    #[error("the content was damaged on the way: its digest differs from the server's")]
    Mismatch,
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    /// The server was silent for this long.
    #[error("the server was silent for {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The calls of a client together took longer than this.
    #[error("not complete after {} s (--max-time allows more)", .0.as_secs_f32())]
    OutOfTime(Duration),
    /// A folder of the server has more files and folders in it than this.
    #[error("more than {0} files and folders (--max-entries allows more)")]
    TooManyEntries(u64),
    /// A transfer by TFTP failed.
    #[error(transparent)]
    Tftp(#[from] TransferError),
    /// A local file of this name exists.
    #[error("{} exists already (--overwrite replaces it)", DisplayPath(.0))]
    Exists(PathBuf),
    /// A local file or folder cannot be created.
    #[error("cannot create {}: {cause}", DisplayPath(.file))]
    CannotCreate {
        /// Its path.
        file: PathBuf,
        /// The reason.
        cause: FileError,
    },
    /// A local file cannot be read or written.
    #[error("{}: {cause}", DisplayPath(.file))]
    Local {
        /// Its path.
        file: PathBuf,
        /// The reason.
        cause: FileError,
    },
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// The operation does not apply to this name.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// A signal asked the program to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Stopped(stopped) => Self::Stopped(stopped),
            error => Self::Connect(error),
        }
    }
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Stopped(stopped) => Self::Stopped(stopped),
            WaitError::Io(error) => Self::Lost(error),
        }
    }
}

impl Error {
    /// A local file cannot be written.
    pub(crate) fn writing(file: &Path, error: impl Into<FileError>) -> Self {
        let file = file.to_owned();
        match error.into() {
            FileError::Exists => Self::Exists(file),
            FileError::Mismatch => Self::Mismatch,
            cause @ (FileError::NoSpace | FileError::Quota { .. } | FileError::Io(_)) => {
                Self::Local { file, cause }
            }
            cause => Self::CannotCreate { file, cause },
        }
    }

    /// A local file cannot be read.
    pub(crate) fn reading(file: &Path, error: impl Into<FileError>) -> Self {
        Self::Local {
            file: file.to_owned(),
            cause: error.into(),
        }
    }

    pub(crate) fn protocol(message: &str) -> Self {
        Self::Protocol(message.to_owned())
    }
}

/// Displays a path without control characters, since a server may have chosen it.
pub(crate) struct DisplayPath<'a>(pub(crate) &'a Path);

impl fmt::Display for DisplayPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Sanitized(self.0.as_os_str().as_bytes()).fmt(f)
    }
}
