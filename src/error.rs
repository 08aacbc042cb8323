//! Why the program failed, and with which exit code.

use std::io;
use std::path::PathBuf;

use switchboard_client::{ConnectError, DuplexError, Error, Stopped};
use switchboard_core::{BindError, CloseReason, Sanitized};
use switchboard_files::{Status, tftp};
use switchboard_services::InvalidOptions;

/// Why the program failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    InvalidOptions(#[from] InvalidOptions),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("cannot serve {0} over UDP: {1}")]
    UdpPolicy(String, &'static str),
    #[error("cannot write to descriptor {0} of --ready-fd: {1}")]
    Ready(u16, io::Error),
    #[error("cannot serve: {0}")]
    Serve(io::Error),
    #[error("cannot read: {0}")]
    Input(io::Error),
    #[error("cannot write: {0}")]
    Output(io::Error),
    #[error("cannot write {}: {}", Sanitized(.0.as_os_str().as_encoded_bytes()), .1)]
    WriteFile(PathBuf, io::Error),
    #[error("{0}")]
    Script(String),
    #[error("the conversation ended: {0}")]
    Conversation(CloseReason),
    #[error("{invalid} of {total} scripts cannot be used")]
    InvalidScripts { invalid: usize, total: usize },
    #[error("warnings treated as errors (--deny-warnings)")]
    Warnings,
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Transfer(Error),
    /// With advice for a common mistake.
    #[error("{0}")]
    Duplex(DuplexError, Option<&'static str>),
    /// The failure is already printed.
    #[error("failed")]
    Reported(u8),
}

impl From<Error> for Failure {
    /// That the reader of standard output closed the pipe is no failure of the transfer.
    fn from(error: Error) -> Self {
        match error {
            Error::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Self::Output(error)
            }
            error => Self::Transfer(error),
        }
    }
}

impl Failure {
    /// The failure of `connect` after it was connected, with advice. That the reader of standard output
    /// closed the pipe is no failure.
    pub(crate) fn from_duplex(error: DuplexError, hint: Option<&'static str>) -> Self {
        match error {
            DuplexError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Self::Output(error)
            }
            DuplexError::Stopped(Stopped(signal)) => Self::Reported(signal_code(signal)),
            error => Self::Duplex(error, hint),
        }
    }

    /// The exit code: from sysexits(3) where the cause is an address, a permission or a transfer, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Bind(error) if is_denied(&error.cause) => EX_NOPERM,
            Self::InvalidOptions(error) if error.is_denied() => EX_NOPERM,
            Self::WriteFile(_, error) | Self::Input(error) | Self::Output(error)
                if is_denied(error) =>
            {
                EX_NOPERM
            }
            Self::Bind(_) => EX_UNAVAILABLE,
            Self::Usage(_) => EX_USAGE_ERROR,
            Self::Transfer(error) => transfer_code(error),
            Self::Duplex(DuplexError::Input(_) | DuplexError::Output(_), _) => EX_IOERR,
            Self::Duplex(DuplexError::PortUnreachable, _) => EX_UNAVAILABLE,
            Self::Reported(code) => *code,
            _ => 1,
        }
    }

    /// Advice for a common mistake that may be the reason, as a sentence.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Transfer(Error::Connect(error)) => error.hint(),
            Self::Duplex(_, hint) => hint.map(str::to_owned),
            _ => None,
        }
    }

    /// Whether the reader of standard output closed the pipe, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The exit code of a failed transfer: from sysexits(3) where that has one, 1 if the server refused,
/// 128 plus the number of the signal that ended it.
pub(crate) fn transfer_code(error: &Error) -> u8 {
    match error {
        Error::Connect(ConnectError::NotConnectable { .. }) | Error::InvalidInput(_) => {
            EX_USAGE_ERROR
        }
        Error::Stopped(Stopped(signal)) => signal_code(*signal),
        Error::Connect(_) | Error::NoReply(_) => EX_UNAVAILABLE,
        Error::Exists(_) | Error::CannotCreate { .. } | Error::Rejected(Status::EXISTS, _) => {
            EX_CANTCREAT
        }
        Error::Lost(_)
        | Error::TimedOut(_)
        | Error::OutOfTime(_)
        | Error::TooManyEntries(_)
        | Error::Local { .. }
        | Error::Output(_)
        | Error::Rejected(Status::FAILED | Status::NO_SPACE, _) => EX_IOERR,
        Error::Protocol(_)
        | Error::Mismatch
        | Error::Rejected(Status::MISMATCH | Status::UNKNOWN_COMMAND | Status::BAD_ARGUMENTS, _) => {
            EX_PROTOCOL
        }
        Error::Tftp(failure) => tftp_code(failure),
        Error::Closed(_) | Error::Rejected(..) => 1,
    }
}

fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}

fn tftp_code(failure: &tftp::TransferError) -> u8 {
    match failure {
        tftp::TransferError::Peer { code, .. } if *code == tftp::ErrorCode::Exists as u16 => {
            EX_CANTCREAT
        }
        tftp::TransferError::Peer { code, .. } if *code == tftp::ErrorCode::Full as u16 => EX_IOERR,
        tftp::TransferError::Peer { .. } => 1,
        tftp::TransferError::Timeout | tftp::TransferError::Io(_) => EX_IOERR,
        tftp::TransferError::Protocol(_) | tftp::TransferError::Malformed(_) => EX_PROTOCOL,
    }
}

const EX_USAGE_ERROR: u8 = 2;
const EX_UNAVAILABLE: u8 = 69;
const EX_CANTCREAT: u8 = 73;
const EX_IOERR: u8 = 74;
const EX_PROTOCOL: u8 = 76;
const EX_NOPERM: u8 = 77;
