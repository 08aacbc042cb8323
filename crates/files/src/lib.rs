//! Files on their way: folders that nobody leaves, files that are whole or not there, and what is
//! said about them. No sockets here.

mod answer;
mod code;
mod command;
mod digest;
mod entry;
mod name;
mod number;
mod problem;
mod time;
mod word;

pub use answer::{Answer, NoAnswer};
pub use code::Code;
pub use command::{Command, Follows, Misunderstood};
pub use digest::{Content, Digest, Hashing, NoDigest};
pub use entry::{Entry, Kind};
pub use name::{BadName, Name};
pub use problem::Problem;
pub use time::Time;
pub use word::{BadWord, Word, Words};
