//! Rooms: where sessions hear each other, whatever process each is in.

use serde::{Deserialize, Serialize};

use crate::peer::Transport;

/// How a room works, as its service [says](crate::Service::room).
///
/// By default it is lively, forgets at once, and has no host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// No post is lost: a member that is slow to hear holds back those who post, and so does a room
    /// with nobody else in it. Only members may post.
    ///
    /// A room that is not lossless is lively: nobody waits for a member that has stopped hearing, nor
    /// for longer than half a second for one that is slow. It is dropped.
    pub lossless: bool,
    /// So many of the last posts are heard by whoever joins, at most 128 KiB of them.
    pub history: usize,
    /// Whoever posts hears its own posts as well, in the same order as everybody else.
    pub hears_itself: bool,
    /// When a member of this name leaves, the room is over for all who are in it then: they hear of
    /// that and nothing else of it. What was posted stays its past.
    pub host: Option<&'static str>,
}

/// What a session hears of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
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
        origin: &'a Origin,
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
        origin: &'a Origin,
    },
    /// Another member has left.
    Left {
        /// The room.
        room: &'a str,
        /// Who left.
        origin: &'a Origin,
        /// In what manner.
        parting: Parting,
    },
    /// Who is in the room, as it was [asked](crate::Outbox::ask).
    Members {
        /// The room.
        room: &'a str,
        /// The members in the order in which they joined, but 1000 at most.
        members: &'a [Origin],
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
pub struct Origin {
    /// Which one: no two have had the same number.
    pub member: u64,
    /// The name by which it [joined](crate::Outbox::join).
    pub name: String,
    /// Its place among those of the same name.
    pub place: u32,
    /// How its peer speaks.
    pub transport: Transport,
}

/// How a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parting {
    /// By itself, or since its conversation ended.
    Own,
    /// It was dropped, since it fell behind.
    TooSlow,
    /// Nothing was heard of it: its process ended.
    Lost,
}
