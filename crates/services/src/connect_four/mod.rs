//! Connect Four for two players, while the other peers watch.
//!
//! Sessions may run in different processes, so they share no game. Each session has a replica, to
//! which it applies the messages of one room. All members receive these in the same order.

mod board;
mod game;
mod message;
mod messages;
mod replica;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use clap::Args;
use switchboard_core::{
    Config, Peer, Refusal, Result, RoomKind, RoomService, Rooms, Session, Transport, UdpPolicy,
};

use crate::units::{Limit, or_none, timeout};
use session::GameSession;

/// One game of Connect Four: the first two peers play, later ones watch and may take a seat that
/// becomes free.
#[derive(Args)]
pub struct ConnectFour {
    /// A player who takes longer than this for a move loses (90s, 2m; or none: only --idle-timeout
    /// applies)
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = or_none(timeout))]
    move_time: Limit<Duration>,
}

impl ConnectFour {
    /// A game in which a player that exceeds `move_time` for a move loses.
    #[must_use]
    pub fn new(move_time: Option<Duration>) -> Self {
        Self { move_time }
    }
}

impl RoomService for ConnectFour {
    fn config(&self, _: Transport) -> Config {
        Config::lines().udp(UdpPolicy::Unsupported(
            "the server would not notice that a player has left",
        ))
    }

    /// Lossy, so that a slow watcher cannot stop the game. Each message carries the whole state, so
    /// the history gives a new member the current one; messages that came too late are in it too.
    fn room(&self, _: &str) -> RoomKind {
        RoomKind::lossy().history(1000).echo()
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(GameSession::new(rooms, self.move_time)))
    }
}
