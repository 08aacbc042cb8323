//! How conversations end.

use std::fmt;
use std::io;

use crate::clean::Clean;
use crate::service::{Error, Refusal};

/// Why a conversation ended.
#[derive(Debug)]
pub enum Ended {
    /// The service closed it.
    Closed,
    /// The peer ended its side, and everything was answered.
    PeerLeft,
    /// The server stopped, and the session had its last words.
    Stopped,
    /// The server stopped or the peer did not take what was sent, until the grace was over.
    Cut,
    /// No byte moved for too long.
    Idle,
    /// The peer sent a line longer than a message may be.
    LineTooLong,
    /// The service did not begin a conversation with this peer.
    Refused(Refusal),
    /// The connection broke.
    Lost(io::Error),
    /// The session failed.
    Failed(Error),
    /// The session panicked, with these words.
    Panicked(String),
}

impl Ended {
    /// Whether the service is to blame, rather than the peer or the course of things.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Panicked(_))
    }

    /// The exit code of a process that held this one conversation; 70 is `EX_SOFTWARE` of
    /// sysexits(3).
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Failed(_) => 1,
            Self::Panicked(_) => 70,
            _ => 0,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the service"),
            Self::PeerLeft => f.write_str("the peer left"),
            Self::Stopped => f.write_str("the server stopped"),
            Self::Cut => f.write_str("cut when the grace was over"),
            Self::Idle => f.write_str("idle for too long"),
            Self::LineTooLong => f.write_str("sent a line that was too long"),
            Self::Refused(Refusal(words)) => write!(f, "refused: {}", Clean(words.as_bytes())),
            Self::Lost(error) => write!(f, "lost: {error}"),
            // What a session says may quote its peer.
            Self::Failed(error) => write!(f, "failed: {}", Clean(error.to_string().as_bytes())),
            Self::Panicked(words) => write!(f, "panicked: {}", Clean(words.as_bytes())),
        }
    }
}
