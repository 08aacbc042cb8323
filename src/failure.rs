//! Why the program failed, and with which exit code.

use std::io;

use switchboard_core::{BindError, Ended};
use switchboard_services::Unusable;

/// Why the program failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("cannot serve {0} over datagrams: {1}")]
    OverDatagrams(String, &'static str),
    #[error("cannot tell on descriptor {0} that the server listens: {1}")]
    Ready(u16, io::Error),
    #[error("cannot serve: {0}")]
    Serve(io::Error),
    #[error("cannot read: {0}")]
    Input(io::Error),
    #[error("cannot write: {0}")]
    Output(io::Error),
    #[error("{0}")]
    Friend(String),
    #[error("the talk {0}")]
    Talk(Ended),
    #[error("{unusable} of {of} cannot be used")]
    Unspeakable { unusable: usize, of: usize },
    #[error("there are warnings, and they are denied")]
    Warnings,
}

impl Failure {
    /// As in sysexits(3) where the cause is an address, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Bind(error) if error.cause.kind() == io::ErrorKind::PermissionDenied => EX_NOPERM,
            Self::Bind(_) => EX_UNAVAILABLE,
            Self::Unusable(_)
            | Self::OverDatagrams(..)
            | Self::Ready(..)
            | Self::Serve(_)
            | Self::Input(_)
            | Self::Output(_)
            | Self::Friend(_)
            | Self::Talk(_)
            | Self::Unspeakable { .. }
            | Self::Warnings => 1,
        }
    }

    /// Whether whoever reads the output has read enough, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

const EX_UNAVAILABLE: u8 = 69;
const EX_NOPERM: u8 = 77;
