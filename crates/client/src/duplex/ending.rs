//! How a full-duplex client ended.

use std::io;
use std::time::Duration;

use crate::cause::Cause;
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
    /// The peer closed, after the input had ended.
    Peer,
    /// The peer closed, and the input was still open.
    PeerFirst,
    /// The input ended, and the client closed after that.
    Input,
}

/// Why a full-duplex client failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DuplexError {
    /// The input cannot be read.
    #[error("cannot read standard input: {}", Cause(.0))]
    Input(io::Error),
    /// The output, or a copy of it, cannot be written.
    #[error("cannot write: {}", Cause(.0))]
    Output(io::Error),
    /// The connection broke.
    #[error("the connection broke: {}{}", Cause(.cause), not_sent(*.unsent))]
    Lost {
        /// The reason.
        cause: io::Error,
        /// Bytes of the input that were read and not sent. Bytes sent last may be lost as well.
        unsent: usize,
    },
    /// No program receives datagrams at the port of the peer.
    #[error("no answer: the UDP port of the peer is unreachable")]
    PortUnreachable,
    /// The network takes no datagram of this many bytes.
    #[error("a datagram of {0} bytes is too long for the network")]
    TooLong(usize),
    /// Nothing was sent or received for this time.
    #[error("nothing was sent or received for {} s", .0.as_secs_f32())]
    IdleTimeout(Duration),
    /// A signal arrived.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl DuplexError {
    /// The connection broke, with nothing to send.
    pub(crate) fn lost(cause: io::Error) -> Self {
        Self::Lost { cause, unsent: 0 }
    }
}

fn not_sent(bytes: usize) -> String {
    match bytes {
        0 => String::new(),
        1 => " (1 byte was not sent)".to_owned(),
        _ => format!(" ({bytes} bytes were not sent)"),
    }
}

impl From<WaitError> for DuplexError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Stopped(stopped) => Self::Stopped(stopped),
            WaitError::Io(error) => Self::lost(error),
        }
    }
}
