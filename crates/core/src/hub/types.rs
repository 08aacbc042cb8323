//! The public types of rooms.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::peer::Transport;

/// How a room works, as its service [defines](crate::RoomService::room).
///
/// The default is a [lossy](Self::lossy) room without history and without a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomKind {
    /// No post is lost: posting blocks while a member's queue is full, and while there is no other
    /// member. Only members may post.
    ///
    /// Otherwise a member whose queue is full is dropped: at once if it has stopped reading, after
    /// half a second if it is slow.
    pub lossless: bool,
    /// The number of posts that a new member receives on joining, at most 128 KiB of them.
    pub history: usize,
    /// A member receives its own posts too, in the same order as all others.
    pub echo: bool,
    /// When a member of this name leaves, the room closes for all its members: they receive that
    /// event and no further one of the room. Its history stays.
    pub host: Option<&'static str>,
}

impl RoomKind {
    /// A room that drops members that fall behind.
    #[must_use]
    pub fn lossy() -> Self {
        Self::default()
    }

    /// A room in which no post is lost.
    #[must_use]
    pub fn lossless() -> Self {
        Self {
            lossless: true,
            ..Self::default()
        }
    }

    /// Sets the number of posts that a new member receives.
    #[must_use]
    pub fn history(mut self, posts: usize) -> Self {
        self.history = posts;
        self
    }

    /// Sends members their own posts too.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Sets the name of the member whose leaving closes the room.
    #[must_use]
    pub fn host(mut self, name: &'static str) -> Self {
        self.host = Some(name);
        self
    }
}

/// An event in a room, for the session of one member.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The session is in the room now, or has another name there.
    #[non_exhaustive]
    Entered {
        /// The room.
        room: Arc<str>,
        /// Its number among the members of the same name: the lowest free one, from 1.
        place: u32,
        /// The number of other members.
        others: usize,
    },
    /// A member posted.
    #[non_exhaustive]
    Post {
        /// What it posted.
        post: Arc<Post>,
        /// Whether it is from the history: posted before this session joined.
        past: bool,
    },
    /// Another member joined.
    #[non_exhaustive]
    Joined {
        /// The room.
        room: Arc<str>,
        /// The new member.
        member: Arc<Member>,
    },
    /// Another member left.
    #[non_exhaustive]
    Left {
        /// The room.
        room: Arc<str>,
        /// The former member.
        member: Arc<Member>,
        /// Why it left.
        reason: LeaveReason,
    },
    /// The list of members that was [requested](crate::Rooms::list_members).
    #[non_exhaustive]
    Members {
        /// The room.
        room: Arc<str>,
        /// The members in the order in which they joined, at most 1000.
        members: Vec<Arc<Member>>,
    },
    /// The session's last post had no receiver: there is no other member.
    #[non_exhaustive]
    Undelivered {
        /// The room.
        room: Arc<str>,
    },
    /// The session cannot join: it is in 16 rooms already, or the hub has its maximum of rooms.
    #[non_exhaustive]
    Full {
        /// The room.
        room: Arc<str>,
    },
    /// The session received too slowly, and was removed from all its rooms. No further event follows.
    TooSlow,
}

/// One post in a room, shared by all its receivers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Post {
    /// The room.
    pub room: Arc<str>,
    /// The member that posted, as it was then.
    pub sender: Arc<Member>,
    /// The number of the post in its room, from 1.
    pub sequence: u64,
    /// The payload.
    pub bytes: Vec<u8>,
    /// All but the payload, encoded at the first use for all receivers.
    pub(super) header: OnceLock<Vec<u8>>,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// Unique for as long as the hub runs.
    pub id: MemberId,
    /// The name under which it [joined](crate::Rooms::join).
    pub name: String,
    /// Its number among the members of the same name, from 1.
    pub place: u32,
    /// How its peer is connected.
    pub transport: Transport,
}

/// Identifies a member of the hub; no number is used twice.
pub type MemberId = u64;

/// Why a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LeaveReason {
    /// It left, or its session ended.
    Left,
    /// It received too slowly and was dropped.
    TooSlow,
    /// Its process ended.
    Lost,
}

impl RoomEvent {
    /// The memory it is counted as while it is queued, in bytes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Post { post, .. } => post.weight(),
            Self::Members { members, .. } => OVERHEAD * (1 + members.len()),
            _ => OVERHEAD,
        }
    }

    pub(crate) fn is_post(&self) -> bool {
        matches!(self, Self::Post { .. })
    }
}

impl Post {
    pub(crate) fn new(room: Arc<str>, sender: Arc<Member>, sequence: u64, bytes: Vec<u8>) -> Self {
        Self {
            room,
            sender,
            sequence,
            bytes,
            header: OnceLock::new(),
        }
    }

    /// The memory it is counted as wherever it is kept, in bytes.
    pub(crate) fn weight(&self) -> usize {
        OVERHEAD + self.bytes.len()
    }
}

impl Member {
    /// A member of a room, for tests of what a session does with it.
    #[must_use]
    pub fn new(id: MemberId, name: &str, place: u32, transport: Transport) -> Self {
        let name = name.to_owned();
        Self {
            id,
            name,
            place,
            transport,
        }
    }
}

/// The memory that one request or event is counted as, beside its payload.
pub(crate) const OVERHEAD: usize = 64;
