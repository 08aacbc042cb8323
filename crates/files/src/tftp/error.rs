//! Why a packet cannot be parsed, and why a transfer fails.

use std::io;

use switchboard_core::Sanitized;

/// The code of an error packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// See the message.
    Undefined = 0,
    /// No such file.
    NotFound = 1,
    /// Permission denied.
    Access = 2,
    /// The disk is full.
    Full = 3,
    /// A malformed packet, or one that is not expected now.
    Illegal = 4,
    /// A packet that belongs to no transfer.
    UnknownTransfer = 5,
    /// The file exists already.
    Exists = 6,
    /// The options are refused (RFC 2347).
    Options = 8,
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Too short for an operation code.
    #[error("the packet has no operation code")]
    Nothing,
    /// An unknown operation code.
    #[error("unknown operation code")]
    Operation,
    /// A field is incomplete.
    #[error("the packet is too short")]
    Short,
    /// A mode that is not supported, such as mail.
    #[error("the mode must be octet or netascii")]
    Mode,
    /// An option acknowledgement that is malformed or does not fit the request.
    #[error("the option acknowledgement is invalid")]
    Options,
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The peer did not answer, or did not make progress.
    #[error("no answer for too long")]
    Timeout,
    /// The peer sent an error packet.
    #[error("{}", describe(*code, message))]
    Peer {
        /// See [`ErrorCode`]; may be another one.
        code: u16,
        /// As it was received.
        message: Vec<u8>,
    },
    /// The peer violated the protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// A packet is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl TransferError {
    /// The error packet to send to the peer: its code and message. `None` if there should be no
    /// answer, as for an error of the peer or a timeout.
    #[must_use]
    pub fn reply(&self) -> Option<(ErrorCode, &'static str)> {
        Some(match self {
            Self::Timeout | Self::Peer { .. } => return None,
            Self::Protocol(message) => (ErrorCode::Illegal, message),
            Self::Malformed(Malformed::Options) => {
                (ErrorCode::Options, "invalid option acknowledgement")
            }
            Self::Malformed(_) => (ErrorCode::Illegal, "malformed"),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => (ErrorCode::Full, "no space left"),
                _ => (ErrorCode::Undefined, "reading or writing the file failed"),
            },
        })
    }

    pub(super) fn peer(code: u16, message: &[u8]) -> Self {
        Self::Peer {
            code,
            message: message.to_vec(),
        }
    }
}

/// The peer's message, or else the usual one for its code.
fn describe(code: u16, message: &[u8]) -> String {
    let usual = match code {
        1 => "no such file",
        2 => "permission denied",
        3 => "no space left",
        4 => "illegal operation",
        5 => "unknown transfer",
        6 => "the file exists already",
        7 => "no such user",
        8 => "the options are refused",
        _ => "the transfer failed",
    };
    match message {
        [] => format!("error {code}: {usual}"),
        message => format!("error {code}: {}", Sanitized(message)),
    }
}
