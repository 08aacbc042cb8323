//! Files on their way: folders that nobody leaves, files that are whole or not there, and what is
//! said about them. No sockets here.
//!
//! A [`Folder`] is one that is shown to others. Whatever [`Name`] it is asked for, it leads to a
//! regular file or a folder below it, never through a link and never outside. What is to be put
//! there is a [`AtomicFile`] until all of it is there, and nobody sees that.
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

mod digest;
mod error;
mod name;
mod protocol;
mod storage;
pub mod tftp;
mod timestamp;

pub use digest::{Content, Digest, FileHasher, ParseDigestError};
pub use error::FileError;
pub use name::{Name, NameError};
pub use protocol::entry::{Entry, Kind};
pub use protocol::quoting::{Quoted, QuotingError, Words};
pub use protocol::request::{Follows, InvalidRequest, Request};
pub use protocol::response::{NotAResponse, Response};
pub use protocol::status::Status;
pub use storage::atomic_file::{AtomicFile, Rules};
pub use storage::folder::Folder;
pub use storage::source::Source;
pub use timestamp::Timestamp;
