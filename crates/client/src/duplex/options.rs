//! How a full-duplex client behaves.

use std::time::Duration;

/// How a full-duplex client behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DuplexOptions {
    /// What happens at the end of input.
    pub eof: EofPolicy,
    /// End after this time without a byte in either direction.
    pub idle_timeout: Option<Duration>,
}

/// What happens at the end of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EofPolicy {
    /// The client closes its side (shutdown(2)) and waits for the peer to close. Datagrams have no
    /// such close.
    Half,
    /// The client closes the connection at once.
    Close,
    /// As `Half`, but the client ends when nothing arrives for this time.
    Wait(Duration),
    /// Nothing: the client waits for the peer to close, and does not announce the end.
    Ignore,
}

impl Default for DuplexOptions {
    fn default() -> Self {
        Self {
            eof: EofPolicy::Half,
            idle_timeout: None,
        }
    }
}
