//! How conversations end.

use std::fmt;
use std::io;
use std::process::ExitStatus;

use tracing::{debug, error};

use crate::limits::admission::Slot;
use crate::limits::stats::Counter;
use crate::peer::Peer;
use crate::sanitize::Sanitized;
use crate::session::service::{Error, Refusal};

/// Why a conversation ended.
#[derive(Debug)]
pub enum CloseReason {
    /// The service closed it.
    Closed,
    /// The peer ended its side and everything was answered, or it left altogether.
    PeerClosed,
    /// The server stopped, and the session had its last words.
    Shutdown,
    /// It was not waited for longer: the server stopped, or the peer did not take what was sent.
    Aborted,
    /// Its rooms are gone, since the hub has ended.
    HubLost,
    /// Nothing was heard for too long.
    IdleTimeout,
    /// It lasted as long as a conversation may.
    SessionTimeout,
    /// The peer sent a line longer than a message may be.
    LineTooLong,
    /// The service did not begin a conversation with this peer.
    Refused(Refusal),
    /// The peer was given to a program.
    HandedOver,
    /// The program that it was given to ended so.
    Exited(ExitStatus),
    /// The connection broke.
    ConnectionLost(io::Error),
    /// The session failed.
    Failed(Error),
    /// The session panicked, with these words.
    Panicked(String),
    /// The session sent into a full outbox until it would have held this many bytes.
    Overflow(usize),
    /// The session said that it has more to send, and sent nothing.
    Stuck,
}

impl CloseReason {
    /// Whether the service is to blame, rather than the peer or the course of things.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Panicked(_) | Self::Overflow(_) | Self::Stuck => true,
            Self::Closed
            | Self::PeerClosed
            | Self::Shutdown
            | Self::Aborted
            | Self::IdleTimeout => false,
            Self::SessionTimeout
            | Self::LineTooLong
            | Self::Refused(_)
            | Self::ConnectionLost(_) => false,
            Self::HandedOver | Self::Exited(_) | Self::HubLost => false,
        }
    }

    /// What the server says to a peer of lines whose conversation it ends so.
    pub(crate) fn parting_words(&self) -> Option<&'static str> {
        match self {
            Self::IdleTimeout => Some("Nothing was heard for too long. Goodbye."),
            Self::HubLost => Some("The room is gone: the server has lost it. Goodbye."),
            Self::SessionTimeout => Some("The time for this conversation is over. Goodbye."),
            Self::LineTooLong => Some("That line is too long. Goodbye."),
            _ => None,
        }
    }

    /// Logs the end of a session with the bytes it moved, and counts it if it was refused or failed.
    pub(crate) fn record(&self, peer: &Peer, slot: Option<&Slot>, received: u64, sent: u64) {
        if let (Some(slot), Self::Refused(_)) = (slot, self) {
            slot.count(Counter::RefusedService);
        }
        if self.is_failure() {
            slot.inspect(|slot| slot.count(Counter::Failed));
            error!(%peer, received, sent, "end: {self}");
        } else {
            debug!(%peer, received, sent, "end: {self}");
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the service"),
            Self::PeerClosed => f.write_str("the peer left"),
            Self::Shutdown => f.write_str("the server stopped"),
            Self::Aborted => f.write_str("cut, not waited for longer"),
            Self::HubLost => f.write_str("its rooms were lost"),
            Self::IdleTimeout => f.write_str("idle for too long"),
            Self::SessionTimeout => f.write_str("lasted as long as it may"),
            Self::LineTooLong => f.write_str("sent a line that was too long"),
            Self::Refused(Refusal(words)) => write!(f, "refused: {}", Sanitized(words.as_bytes())),
            Self::HandedOver => f.write_str("given to a program"),
            Self::Exited(status) => write!(f, "the program ended: {status}"),
            Self::ConnectionLost(error) => write!(f, "lost: {error}"),
            // What a session says may quote its peer.
            Self::Failed(error) => write!(f, "failed: {}", Sanitized(error.to_string().as_bytes())),
            Self::Panicked(words) => write!(f, "panicked: {}", Sanitized(words.as_bytes())),
            Self::Overflow(bytes) => write!(f, "failed: {bytes} bytes would wait for one peer"),
            Self::Stuck => f.write_str("failed: it has more to send, and sends nothing"),
        }
    }
}
