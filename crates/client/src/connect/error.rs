//! Why a server cannot be reached.

use std::io;

use switchboard_core::{ListenAddr, Sanitized};

use crate::stop::Stopped;

/// Why a server cannot be reached. Displayed, it is safe to print on a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An address that can be listened on, but not connected to.
    #[error("cannot connect to {}: use PORT, HOST:PORT, [V6]:PORT or unix:PATH", Sanitized(.0.to_string().as_bytes()))]
    NotConnectable(ListenAddr),
    /// No address of the server accepts a connection.
    #[error("cannot connect to {}: {cause}", Sanitized(.address.as_bytes()))]
    Unreachable {
        /// As the user gave it.
        address: String,
        /// The error of the last attempt.
        cause: io::Error,
    },
    /// A signal ended the attempts.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
