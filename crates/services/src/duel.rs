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
use crate::units::{Limit, or_none, timeout};

/// Connect Four at one table: the first two to come play, whoever comes later watches, and may take
/// a seat that has become free.
pub struct Duel {
    move_time: Option<Duration>,
}

/// How to play.
#[derive(Args, Clone, Copy)]
pub(crate) struct Options {
    /// A player who takes longer than this for a move loses (90s, 2m; or none: only --idle applies)
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = or_none(timeout))]
    move_time: Limit<Duration>,
}

impl Duel {
    /// A table where a move takes so long at most.
    #[must_use]
    pub fn new(move_time: Option<Duration>) -> Self {
        Self { move_time }
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, Infallible> {
        Ok(Self::new(options.move_time))
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
