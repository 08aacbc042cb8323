//! Files on their way: folders that nobody leaves, files that are whole or not there, and what is
//! said about them. No sockets here.
//!
//! A [`Folder`] is one that is shown to others. Whatever [`Name`] it is asked for, it leads to a
//! regular file or a folder below it, never through a link and never outside. What is to be put
//! there is a [`Draft`] until all of it is there, and nobody sees that.
//!
//! ```
//! use switchboard_files::{Folder, Name, Rules};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = tempfile::tempdir()?;
//! let folder = Folder::open(place.path())?;
//! let name = Name::parse(b"notes.txt")?;
//! let mut draft = folder.draft(&name, None, Rules::default())?;
//! draft.write(b"hello")?;
//! draft.publish(None)?;
//! assert_eq!(folder.read(&name)?.length, 5);
//! # Ok(())
//! # }
//! ```

mod answer;
mod beneath;
mod code;
mod command;
mod digest;
mod draft;
mod entry;
mod folder;
mod name;
mod number;
mod problem;
mod room;
mod source;
mod temporary;
pub mod tftp;
mod time;
mod word;

pub use answer::{Answer, NoAnswer};
pub use code::Code;
pub use command::{Command, Follows, Misunderstood};
pub use digest::{Content, Digest, Hashing, NoDigest};
pub use draft::{Draft, Rules};
pub use entry::{Entry, Kind};
pub use folder::Folder;
pub use name::{BadName, Name};
pub use problem::Problem;
pub use source::Source;
pub use time::Time;
pub use word::{BadWord, Word, Words};
