//! Chat: people meet in rooms, each with a name.
//!
//! Sessions may be in processes of their own, so all they share is in rooms of the hub. What is said
//! in the room that people see as `#lobby` is posted to the room `#lobby`. A name is a room as well:
//! who is first in `@alice` is Alice, and what is posted there is for her alone.

mod allowance;
mod chatting;
mod friend;
mod name;
mod post;
mod said;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use clap::Args;
use switchboard_core::{Peer, Refusal, Result, RoomKind, RoomService, Rooms, Sanitized, Session};
use switchboard_eliza::{Script, ScriptError};

use allowance::Allowance;
use chatting::Chatting;
use friend::Friend;

use crate::units::count;

/// People who hear each other: each has a name that nobody else has, and is in one room at a time.
///
/// What one of them says reaches the others only as text: whatever could act on a terminal is shown
/// as an escape. What is the server's own begins with `-- `, and what was said before somebody came
/// with `| `; no name begins so.
pub struct Chat {
    options: Options,
    friend: Option<Script>, // ready before anybody comes: a process for each would read it again
    seed: Option<u64>,      // of each talk with her
}

/// What is passed on, and who else is there.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Show whoever enters a room the last so many messages there
    #[arg(long, value_name = "N", default_value_t = HISTORY, value_parser = count(0_usize..))]
    history: usize,

    /// Pass on so many lines of one person at once; a long one counts as several
    #[arg(long, value_name = "N", default_value_t = BURST, value_parser = count(NonZeroU32::MIN..))]
    burst: NonZeroU32,

    /// Pass on so many lines a second of a person who says more at once
    #[arg(long, value_name = "N", default_value_t = PACE, value_parser = count(NonZeroU32::MIN..))]
    pace: NonZeroU32,

    /// The virtual friend sits in every room, and answers whoever says "eliza, ..."
    #[arg(long)]
    with_eliza: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: HISTORY,
            burst: BURST,
            pace: PACE,
            with_eliza: false,
        }
    }
}

impl Chat {
    /// A chat as it is without options: 10 messages for whoever enters, and 5 lines a second of
    /// somebody who says more than 200 at once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            friend: None,
            options: Options::default(),
            seed: None,
        }
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, ScriptError> {
        Ok(Self {
            friend: options.with_eliza.then(Script::friend).transpose()?,
            options,
            seed: None,
        })
    }
}

impl Default for Chat {
    fn default() -> Self {
        Self::new()
    }
}

impl RoomService for Chat {
    /// All are lively: nobody waits for somebody who does not read. Only what was said in a room is
    /// kept; what was said to a person is not.
    fn room(&self, name: &str) -> RoomKind {
        RoomKind::lossy().history(if name.starts_with('#') {
            self.options.history
        } else {
            0
        })
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let seed = || self.seed.unwrap_or_else(rand::random);
        let friend = self.friend.as_ref();
        let friend = friend.map(|script| Friend::new(script, seed()));
        let allowance = Allowance::new(self.options.burst, self.options.pace);
        Ok(Box::new(Chatting::new(rooms, allowance, friend)))
    }
}

/// What a peer sent, as it may be shown to anybody: on one line, and without tabs as well, which
/// move what follows.
fn plain(bytes: &[u8]) -> String {
    Sanitized(bytes).to_string().replace('\t', "    ")
}

const HISTORY: usize = 10; // what fits on a screen beside what is new
const BURST: NonZeroU32 = NonZeroU32::new(200).unwrap(); // a page of a program, pasted
const PACE: NonZeroU32 = NonZeroU32::new(5).unwrap(); // nobody reads faster
