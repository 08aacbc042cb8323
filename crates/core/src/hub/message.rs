//! What members ask of the hub, and what it tells them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hub::types::{LeaveReason, Member, RoomEvent};
use crate::peer::Transport;

/// What a member asks of the hub.
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
    /// Nothing, but that it has come: see [`Hub::connect`](super::Hub::connect).
    Ready,
    /// Its conversation has ended.
    Disconnect,
}

/// What the hub tells a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Notice {
    Entered {
        room: Arc<str>,
        place: u32,
        others: usize,
    },
    Post {
        post: Arc<Post>,
        past: bool,
    },
    Joined {
        room: Arc<str>,
        origin: Arc<Member>,
    },
    Left {
        room: Arc<str>,
        origin: Arc<Member>,
        parting: LeaveReason,
    },
    Members {
        room: Arc<str>,
        members: Vec<Member>,
    },
    Unheard {
        room: Arc<str>,
    },
    Full {
        room: Arc<str>,
    },
    TooSlow,
    /// Requests of this [weight](Request::weight) are done: their posts have gone to all who are to
    /// hear them.
    Accepted(usize),
}

/// One post, as all hear it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) room: Arc<str>,
    pub(crate) origin: Arc<Member>,
    pub(crate) sequence: u64,
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// How much memory a post of these bytes is taken to need, wherever it waits.
pub(crate) fn weight(bytes: &[u8]) -> usize {
    bytes.len() + OVERHEAD
}

impl Request {
    /// How much memory it is taken to need while it waits.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Post { bytes, .. } => weight(bytes),
            Self::Join { room, name, .. } => OVERHEAD + room.len() + name.len(),
            Self::Leave { room } | Self::ListMembers { room } => OVERHEAD + room.len(),
            Self::Ready | Self::Disconnect => 0, // once each
        }
    }
}

impl Notice {
    /// How much memory it is taken to need while it waits.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Post { post, .. } => weight(&post.bytes),
            Self::Members { members, .. } => OVERHEAD * (1 + members.len()),
            _ => OVERHEAD,
        }
    }

    pub(crate) fn is_post(&self) -> bool {
        matches!(self, Self::Post { .. })
    }

    /// As the session hears it, if it is for the session.
    pub(crate) fn heard(&self) -> Option<RoomEvent<'_>> {
        Some(match self {
            Self::Accepted(_) => return None,
            Self::Entered {
                room,
                place,
                others,
            } => RoomEvent::Entered {
                room,
                place: *place,
                others: *others,
            },
            Self::Post { post, past } => RoomEvent::Post {
                room: &post.room,
                origin: &post.origin,
                sequence: post.sequence,
                past: *past,
                bytes: &post.bytes,
            },
            Self::Joined { room, origin } => RoomEvent::Joined { room, origin },
            Self::Left {
                room,
                origin,
                parting,
            } => RoomEvent::Left {
                room,
                origin,
                parting: *parting,
            },
            Self::Members { room, members } => RoomEvent::Members { room, members },
            Self::Unheard { room } => RoomEvent::Unheard { room },
            Self::Full { room } => RoomEvent::Full { room },
            Self::TooSlow => RoomEvent::TooSlow,
        })
    }
}

const OVERHEAD: usize = 64; // the bookkeeping of one
