//! How a full-duplex client ended.

use std::io;
use std::time::Duration;

use crate::stop::Stopped;
use crate::wait::WaitError;

/// How a full-duplex client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// Which side ended it.
    pub closer: Closer,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// Which side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closer {
    /// The peer closed.
    Peer,
    /// The input ended, and the client closed after that.
    Input,
}

/// Why a full-duplex client failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DuplexError {
    /// The input cannot be read.
    #[error("cannot read: {0}")]
    Input(io::Error),
    /// The output, or a copy of it, cannot be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    /// Nothing was sent or received for this time.
    #[error("nothing was sent or received for {} s", .0.as_secs_f32())]
    IdleTimeout(Duration),
    /// A signal arrived.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<WaitError> for DuplexError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Stopped(stopped) => Self::Stopped(stopped),
            WaitError::Io(error) => Self::Lost(error),
        }
    }
}
