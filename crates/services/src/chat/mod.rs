//! Chat rooms for people.
//!
//! Sessions may run in different processes, so they share nothing but the rooms of the hub. Messages
//! in the chat room `#lobby` are posted to the hub's room `#lobby`. Names are rooms as well: the
//! first member of `@alice` owns the name Alice, and posts to that room are private messages to it.

mod bot;
mod command;
mod message;
mod name;
mod rate_limit;
mod session;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use clap::Args;
use switchboard_core::{Peer, Refusal, Result, RoomKind, RoomService, Rooms, Session};
use switchboard_eliza::{Conversation, Script, ScriptError};

use crate::units::count;
use rate_limit::RateLimit;
use session::ChatSession;

/// Chat rooms: each peer has a name of its own and is in one room at a time.
///
/// Peers are sent only plain text: whatever could act on a terminal is shown as an escape. Notices of
/// the server begin with `-- `, and messages from before a peer entered with `| `. No name begins
/// like that.
pub struct Chat {
    options: Options,
    bot: Option<Script>, // loaded once, since each forked process would load it again
    seed: Option<u64>,   // of each conversation with the bot
}

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The number of earlier messages that a person sees on entering a room
    #[arg(long, value_name = "N", default_value_t = HISTORY, value_parser = count(0..=usize::MAX))]
    history: usize,

    /// The number of lines that one person may send at once; a long line counts as several
    #[arg(long, value_name = "N", default_value_t = BURST, value_parser = count(NonZeroU32::MIN..=NonZeroU32::MAX))]
    burst: NonZeroU32,

    /// The number of lines per second that a person may send after that
    #[arg(long, value_name = "N", default_value_t = LINE_RATE, value_parser = count(NonZeroU32::MIN..=NonZeroU32::MAX))]
    line_rate: NonZeroU32,

    /// Have the virtual friend in every room; it answers lines that begin or end with "eliza"
    #[arg(long)]
    with_eliza: bool,
}

impl Chat {
    pub(crate) fn from_options(options: Options) -> Result<Self, ScriptError> {
        Ok(Self {
            bot: options.with_eliza.then(Script::friend).transpose()?,
            options,
            seed: None,
        })
    }
}

/// A history of 10 messages per room, and for each peer 200 lines at once and 5 per second after that.
impl Default for Chat {
    fn default() -> Self {
        Self {
            options: Options {
                history: HISTORY,
                burst: BURST,
                line_rate: LINE_RATE,
                with_eliza: false,
            },
            bot: None,
            seed: None,
        }
    }
}

impl RoomService for Chat {
    /// All rooms are lossy: a member that does not read delays no other. Only chat rooms have a
    /// history, private messages have none.
    fn room(&self, name: &str) -> RoomKind {
        RoomKind::lossy().history(if name.starts_with('#') {
            self.options.history
        } else {
            0
        })
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let seed = || self.seed.unwrap_or_else(rand::random);
        let script = self.bot.as_ref();
        let bot = script.map(|script| Conversation::new(script, seed()));
        let rate_limit = RateLimit::new(self.options.burst, self.options.line_rate);
        Ok(Box::new(ChatSession::new(rooms, rate_limit, bot)))
    }
}

const HISTORY: usize = 10; // fits on a screen beside the new messages
const BURST: NonZeroU32 = NonZeroU32::new(200).unwrap(); // a pasted page of source code
const LINE_RATE: NonZeroU32 = NonZeroU32::new(5).unwrap(); // faster than people read
