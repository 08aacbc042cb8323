//! How a transfer goes on, or ends.

use std::io;

use switchboard_core::Sanitized;

use crate::tftp::packet::{ErrorCode, Malformed, Packet};

/// How a transfer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be something to say, and more is to come.
    Continue,
    /// The file is over.
    Done,
}

/// Why a transfer is over before its file is.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Nothing came from the peer, or nothing new for a long time.
    #[error("there was no answer for too long")]
    Timeout,
    /// The peer gave it up.
    #[error("{}", told(*code, words))]
    Peer {
        /// What the peer says it is, see [`ErrorCode`].
        code: u16,
        /// Its words, as they came.
        words: Vec<u8>,
    },
    /// The peer sent what makes no sense.
    #[error("{0}")]
    Protocol(&'static str),
    /// The answer to the options makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Reading or writing the file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl TransferError {
    /// What the peer is to be told, if it is to be told anything: errors are not answered, and who is
    /// silent is not sent more.
    #[must_use]
    pub fn answer(&self) -> Option<Vec<u8>> {
        let (code, words) = match self {
            Self::Timeout | Self::Peer { .. } => return None,
            Self::Protocol(words) => (ErrorCode::Illegal, *words),
            Self::Malformed(Malformed::Options) => {
                (ErrorCode::Options, "the options make no sense")
            }
            Self::Malformed(_) => (ErrorCode::Illegal, "that makes no sense"),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => (ErrorCode::Full, "there is no room"),
                _ => (ErrorCode::Undefined, "reading or writing the file failed"),
            },
        };
        Some(Packet::error(code, words))
    }

    pub(super) fn told(code: u16, words: &[u8]) -> Self {
        Self::Peer {
            code,
            words: words.to_vec(),
        }
    }
}

/// What the peer said, as words that can be shown.
fn told(code: u16, words: &[u8]) -> String {
    let usual = match code {
        1 => "no such file",
        2 => "it may not be read or written",
        3 => "there is no room",
        4 => "illegal operation",
        5 => "unknown transfer",
        6 => "it is there already",
        7 => "no such user",
        8 => "the options are refused",
        _ => "it failed",
    };
    match words {
        [] => format!("error {code}: {usual}"),
        words => format!("error {code}: {}", Sanitized(words)),
    }
}
