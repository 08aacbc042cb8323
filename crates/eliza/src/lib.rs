//! ELIZA, your virtual friend: a script of patterns, and a conversation that follows it.
//!
//! After the program of Joseph Weizenbaum (Communications of the ACM 9(1), 1966), in the simple
//! form that replaces its rules by regular expressions. The engine knows no network, no clock and
//! no file: a [`Script`] is made from text, and a [`Conversation`] turns lines into replies. Equal
//! seeds give equal conversations.
//!
//! ```
//! use switchboard_eliza::{Conversation, Script};
//!
//! let mut friend = Conversation::new(Script::friend(), 42);
//! println!("{}", friend.greet());
//! let reply = friend.reply("I need a holiday");
//! assert!(reply.text.contains("a holiday"));
//! assert!(friend.reply("Goodbye!").last);
//! ```

mod conversation;
mod english;
mod pattern;
mod reflect;
mod said;
mod script;
mod template;
mod trimmings;
mod written;

pub use conversation::{Conversation, Reply};
pub use script::{Script, ScriptError};
