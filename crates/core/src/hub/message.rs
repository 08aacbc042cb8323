//! The messages between members and the hub.

use serde::{Deserialize, Serialize};

use crate::hub::types::{OVERHEAD, RoomEvent};
use crate::peer::Transport;

/// A request of a member to the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    Join {
        room: String,
        name: String,
        transport: Transport,
    },
    Leave {
        room: String,
    },
    Post {
        room: String,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    ListMembers {
        room: String,
    },
    /// The session has opened, so members that connected later need not wait for its first request:
    /// see [`Hub::connect`](super::hub::Hub::connect).
    Ready,
    /// The session was notified that the server shuts down.
    Stopping,
    /// The session has ended.
    Disconnect,
}

/// A message of the hub to a member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum HubMessage {
    /// For the session.
    Event(RoomEvent),
    /// Requests of this [weight](Request::weight) are done; posts among them are queued for all
    /// their receivers.
    Accepted(usize),
}

impl Request {
    /// The memory it is counted as while it waits, in bytes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Post { bytes, .. } => OVERHEAD + bytes.len(),
            Self::Join { room, name, .. } => OVERHEAD + room.len() + name.len(),
            Self::Leave { room } | Self::ListMembers { room } => OVERHEAD + room.len(),
            Self::Ready | Self::Stopping | Self::Disconnect => 0, // once each
        }
    }
}
