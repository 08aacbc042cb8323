//! Why connections end.

use std::fmt;
use std::io;
use std::process::ExitStatus;

use tracing::{debug, error, warn};

use crate::limits::admission::Slot;
use crate::limits::stats::Counter;
use crate::peer::{Address, Peer};
use crate::sanitize::Sanitized;
use crate::session::service::{Error, Refusal};

/// Why a connection ended. Its text is for the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The session returned [`Flow::Close`](crate::Flow::Close).
    Closed,
    /// The peer closed its sending side and everything was answered, or it closed the connection.
    PeerClosed,
    /// The server shut down, and the session was notified.
    Shutdown,
    /// The session or the peer did not finish within the grace period.
    Aborted,
    /// The server had as many UDP peers as it may, and this one was inactive for longest.
    Evicted,
    /// The hub ended, and all rooms with it.
    HubLost,
    /// No message arrived within [`Limits::idle_timeout`](crate::Limits::idle_timeout), or the first one within its
    /// limit.
    IdleTimeout,
    /// The session lasted [`Limits::session_timeout`](crate::Limits::session_timeout).
    SessionTimeout,
    /// The peer sent a line longer than [`Limits::message_bytes`](crate::Limits::message_bytes).
    LineTooLong,
    /// The peer sent the first line of an HTTP request to a service of lines that has not set
    /// [`Config::http_lines`](crate::Config::http_lines).
    HttpRequest,
    /// The service, or the server for lack of capacity, refused the peer.
    Refused(Refusal),
    /// The connection was handed to a program, whose end follows.
    HandedOver,
    /// The program to which the connection was handed ended with this status.
    Exited(ExitStatus),
    /// The connection failed.
    ConnectionLost(io::Error),
    /// The session returned an error.
    Failed(Error),
    /// The session panicked with this message.
    Panicked(String),
    /// The session sent into a full outbox, which would have contained this many bytes.
    Overflow(usize),
    /// [`on_writable`](crate::Session::on_writable) sent nothing and returned
    /// [`Flow::WhenWritable`](crate::Flow::WhenWritable).
    Stuck,
}

impl CloseReason {
    /// Whether the service caused it by a failure.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Failed(_) | Self::Panicked(_) | Self::Overflow(_) | Self::Stuck
        )
    }

    /// What a peer of lines is sent, where the server ends the connection.
    pub(crate) fn peer_text(&self) -> Option<&'static str> {
        match self {
            Self::IdleTimeout => Some("Idle for too long. Goodbye."),
            Self::HubLost => Some("The server lost the room. Goodbye."),
            Self::SessionTimeout => Some("The session time limit is reached. Goodbye."),
            Self::LineTooLong => Some("That line is too long. Goodbye."),
            Self::HttpRequest => Some(BAD_REQUEST),
            _ => None,
        }
    }

    /// Logs the end of a session with the bytes it moved, and counts it if it was refused or failed.
    pub(crate) fn record(&self, peer: &Peer, slot: Option<&Slot>, received: u64, sent: u64) {
        if let (Some(slot), Self::Refused(_)) = (slot, self) {
            slot.count(Counter::RefusedService);
        }
        if self.is_failure() || self.loses_output(peer) {
            slot.inspect(|slot| slot.count(Counter::Failed));
            error!(%peer, received, sent, "end: {self}");
        } else if let Self::HttpRequest = self {
            warn!(%peer, received, sent, "end: {self}");
        } else {
            debug!(%peer, received, sent, "end: {self}");
        }
    }

    /// Whether standard output cannot be written, as on a full disk. That its reader has left, as `head`
    /// does, is no failure.
    fn loses_output(&self, peer: &Peer) -> bool {
        matches!(self, Self::ConnectionLost(error)
            if peer.remote == Address::Stdio && error.kind() != io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the service"),
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::Shutdown => f.write_str("server shutdown"),
            Self::Aborted => f.write_str("aborted after the grace period"),
            Self::Evicted => f.write_str("evicted"),
            Self::HubLost => f.write_str("hub lost"),
            Self::IdleTimeout => f.write_str("idle timeout"),
            Self::SessionTimeout => f.write_str("session timeout"),
            Self::LineTooLong => f.write_str("line too long"),
            Self::HttpRequest => f.write_str("HTTP request to a service of lines"),
            Self::Refused(Refusal(text)) => write!(f, "refused: {}", Sanitized(text.as_bytes())),
            Self::HandedOver => f.write_str("handed to a program"),
            Self::Exited(status) => write!(f, "the program ended: {status}"),
            Self::ConnectionLost(error) => write!(f, "connection lost: {error}"),
            // The text of a session may quote its peer.
            Self::Failed(error) => write!(f, "failed: {}", Sanitized(error.to_string().as_bytes())),
            Self::Panicked(text) => write!(f, "panicked: {}", Sanitized(text.as_bytes())),
            Self::Overflow(bytes) => write!(f, "failed: outbox overflow at {bytes} bytes"),
            Self::Stuck => f.write_str("failed: on_writable sent nothing and waits for more room"),
        }
    }
}

/// The answer to an HTTP request, whose lines end as those of the peer.
const BAD_REQUEST: &str = "\
HTTP/1.1 400 Bad Request
Content-Type: text/plain
Connection: close

This is not a web server.";
