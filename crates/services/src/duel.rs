//! Duel: Connect Four for two, while the others watch.
//!
//! Sessions may be in different processes, so there is no game that they share: each has a copy, and
//! does to it what all hear in the room, in the same order.

mod board;
mod guest;
mod post;
mod replica;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use switchboard_core::{
    Config, Peer, Refusal, Result, RoomKind, RoomService, Rooms, Session, Transport, UdpPolicy,
};

use crate::duel::guest::Guest;

/// Connect Four at one table: the first two to come play, whoever comes later watches, and may take
/// a seat that has become free.
pub struct Duel {
    move_time: Option<Duration>,
}

/// How to play.
#[derive(Args, Clone, Copy)]
pub(crate) struct Options {
    /// Lose after so many seconds without a move; none (or 0) waits until --idle, or --idle none
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = move_time)]
    move_time: MoveTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MoveTime(Option<Duration>);

impl Duel {
    /// A table where a move takes so long at most.
    #[must_use]
    pub fn new(move_time: Option<Duration>) -> Self {
        Self { move_time }
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, Infallible> {
        Ok(Self::new(options.move_time.0))
    }
}

fn move_time(words: &str) -> Result<MoveTime, &'static str> {
    match words {
        "none" | "0" => Ok(MoveTime(None)),
        seconds => seconds
            .parse()
            .ok()
            .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
            .map(|seconds| MoveTime(Some(Duration::from_secs(seconds))))
            .ok_or("a move takes a whole number of seconds, at most 86400, or none for any time"),
    }
}

impl RoomService for Duel {
    fn config(&self, _: Transport) -> Config {
        Config::lines().udp(UdpPolicy::Unsupported(
            "the server would not notice that a player has left",
        ))
    }

    /// It is lively, since nobody who watches is to hold up the game. Each post carries the whole
    /// table, so that the last one that counted is enough for whoever comes; what came too late is
    /// remembered as well.
    fn room(&self, _: &str) -> RoomKind {
        RoomKind::lossy().history(1000).echo()
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Guest::new(rooms, self.move_time)))
    }
}

const ROOM: &str = "table";
const MOST_SECONDS: u64 = 86_400;
