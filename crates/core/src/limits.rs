//! Limits on everything a peer can make grow.

use std::time::Duration;

/// What the peers of one server may use. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations at the same time; further peers wait in the listener's backlog.
    pub clients: usize,
    /// Conversations at the same time with one host (an IPv4 address, or the /64 of an IPv6 one);
    /// more are refused.
    pub clients_per_host: Option<usize>,
    /// A conversation in which no byte moves for this long is ended.
    pub idle: Option<Duration>,
    /// How long a conversation may take to end: after the last words, and when the server stops.
    pub grace: Duration,
    /// The longest line.
    pub message_bytes: usize,
    /// With this much waiting to be sent to a peer, nothing more is read from it.
    pub outbox_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 1000, // at some tens of KiB each, a small part of any machine
            clients_per_host: None,
            idle: Some(Duration::from_secs(5 * 60)),
            grace: Duration::from_secs(5),
            message_bytes: 8 * 1024, // talk is far shorter; a flood is not
            outbox_bytes: 64 * 1024, // as much as one read may bring
        }
    }
}
