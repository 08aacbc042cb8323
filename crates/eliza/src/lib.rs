//! ELIZA, your virtual friend: a script and a conversation that follows it.
//!
//! After the program of Joseph Weizenbaum (Communications of the ACM 9(1), 1966). There are three
//! script formats with an engine each: patterns and replies in TOML (the built-in friend), the
//! format of the program of 1966, and that of Charles Hayden's Java version. The engines use no
//! network, no clock and no files: a [`Script`] is parsed from text, and a [`Conversation`] turns
//! lines into replies. Equal seeds give equal conversations.
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
