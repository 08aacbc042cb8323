//! ELIZA, your virtual friend: a script, and a conversation that follows it.
//!
//! After the program of Joseph Weizenbaum (Communications of the ACM 9(1), 1966). Three kinds of
//! script are understood, each by an engine of its own: the friend's (patterns and replies in
//! TOML), those of the program of 1966, and the lines of Charles Hayden's Java version. The engines
//! know no network, no clock and no file: a [`Script`] is made from text, and a [`Conversation`]
//! turns lines into replies. Equal seeds give equal conversations.
//!
//! ```
//! use switchboard_eliza::{Conversation, Script};
//!
//! let mut friend = Conversation::new(&Script::friend()?, 42);
//! println!("{}", friend.greet().expect("the friend has a greeting"));
//! let reply = friend.reply("I need a holiday");
//! assert!(reply.text.contains("a holiday"));
//! assert!(friend.reply("Goodbye!").last);
//! # Ok::<(), switchboard_eliza::ScriptError>(())
//! ```

mod chars;
mod conversation;
mod engine;
mod interner;
mod matching;
mod problem;
mod script;
mod subsumption;
mod trace;

pub use conversation::{Conversation, Reply};
pub use problem::{Problem, ScriptError};
pub use script::{Format, Script};
pub use trace::{Keyword, Source, Step, Trace};
