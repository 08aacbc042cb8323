//! How a full-duplex client behaves.

use std::time::Duration;

/// How a full-duplex client behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DuplexOptions {
    /// What happens at the end of input.
    pub eof: EofPolicy,
    /// What happens when the peer has ended its stream, and the input has not ended.
    pub peer_eof: PeerEofPolicy,
    /// End with an error after this time without a byte in either direction.
    pub idle_timeout: Option<Duration>,
}

/// What happens at the end of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EofPolicy {
    /// The client closes its side (shutdown(2)) and waits for the peer to close. Datagrams have no
    /// such close.
    Half,
    /// The client sends what it has and closes the connection.
    Close,
    /// As `Half`, but the client also ends when nothing arrives for this time.
    Wait(Duration),
    /// Nothing: the client waits for the peer to close, and does not announce the end.
    Ignore,
}

/// What happens when the peer has ended its stream. It may have closed the connection, or only its
/// side: TCP shows the difference once something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEofPolicy {
    /// The client ends when the input has nothing to read for this time.
    Wait(Duration),
    /// The client sends until the input ends.
    Ignore,
}

impl Default for DuplexOptions {
    fn default() -> Self {
        Self {
            eof: EofPolicy::Half,
            peer_eof: PeerEofPolicy::Wait(Duration::from_secs(1)),
            idle_timeout: None,
        }
    }
}
