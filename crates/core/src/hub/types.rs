//! Rooms: publish/subscribe between sessions, whatever process each runs in.

use serde::{Deserialize, Serialize};

use crate::peer::Transport;

/// How a room works, as its service [defines](crate::RoomService::room).
///
/// The default is a [lossy](Self::lossy) room without history and without a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomKind {
    /// No post is lost: a member that receives slowly holds back the members that post, and so does
    /// a room without another member. Only members may post.
    ///
    /// In a room that is not lossless, no member waits for one that has stopped receiving, nor
    /// longer than half a second for a slow one: that member is dropped.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomEvent<'a> {
    /// It is in the room now, or goes by another name there.
    Entered {
        /// The room.
        room: &'a str,
        /// Its place, counted from 1 among those of the same name: the first that is free.
        place: u32,
        /// How many others are in the room.
        others: usize,
    },
    /// A member has posted.
    Post {
        /// The room.
        room: &'a str,
        /// Who posted, as it was then.
        origin: &'a Member,
        /// The number of the post in its room, from 1 on.
        sequence: u64,
        /// It was posted before this session joined.
        past: bool,
        /// What was posted.
        bytes: &'a [u8],
    },
    /// Another member has joined.
    Joined {
        /// The room.
        room: &'a str,
        /// Who joined.
        origin: &'a Member,
    },
    /// Another member has left.
    Left {
        /// The room.
        room: &'a str,
        /// Who left.
        origin: &'a Member,
        /// In what manner.
        parting: LeaveReason,
    },
    /// Who is in the room, as it was [asked](crate::Rooms::list_members).
    Members {
        /// The room.
        room: &'a str,
        /// The members in the order in which they joined, but 1000 at most.
        members: &'a [Member],
    },
    /// The last post was heard by nobody: there is no other member.
    Unheard {
        /// The room.
        room: &'a str,
    },
    /// It cannot join: it is in too many rooms, or there are too many.
    Full {
        /// The room.
        room: &'a str,
    },
    /// It fell behind, and is in no room any more.
    TooSlow,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which one: no two have had the same number.
    pub member: u64,
    /// The name by which it [joined](crate::Rooms::join).
    pub name: String,
    /// Its place among those of the same name.
    pub place: u32,
    /// How its peer speaks.
    pub transport: Transport,
}

/// How a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaveReason {
    /// By itself, or since its conversation ended.
    Own,
    /// It was dropped, since it fell behind.
    TooSlow,
    /// Nothing was heard of it: its process ended.
    Lost,
}
