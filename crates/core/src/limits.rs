//! Limits on everything a peer can make grow.

use std::time::Duration;

/// What the peers of one server may use. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations at the same time; further peers wait in the listener's backlog.
    pub clients: usize,
    /// Conversations at the same time with one host (an IPv4 address, or the /64 of an IPv6 one);
    /// more are refused.
    pub clients_per_host: Option<usize>,
    /// A conversation is ended if the first whole message does not come within this time.
    pub first: Option<Duration>,
    /// A conversation is ended after this time in which no whole message came from the peer and no
    /// byte could be sent to it. A line that never ends is no message, however long it trickles.
    pub idle: Option<Duration>,
    /// No conversation lasts longer than this.
    pub session: Option<Duration>,
    /// How long a conversation may take to end: when the server stops, after the last words were
    /// sent, and while they wait without a byte that could be sent. A peer that was sent all of them
    /// and is silent for half a second is not waited for longer.
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
            first: None, // idleness bounds it, and people take their time
            idle: Some(Duration::from_secs(5 * 60)),
            session: None,
            grace: Duration::from_secs(5),
            message_bytes: 8 * 1024, // talk is far shorter; a flood is not
            outbox_bytes: 64 * 1024, // a stream of bytes moves in few calls
        }
    }
}

/// The most that one read brings: twice a full outbox.
pub(crate) const READ_BYTES: usize = 128 * 1024;
