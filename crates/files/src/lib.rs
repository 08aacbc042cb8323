//! Confined folders, atomic files, and two protocols for them as state machines without I/O: the line
//! protocol of `docs/src/reference/files-protocol.md` and [TFTP](tftp). No sockets here.
//!
//! A [`Folder`] resolves each [`Name`] to a regular file or folder below it, never through a symbolic
//! link and never outside. An [`AtomicFile`] appears under its name only when it is complete.
//!
//! ```
//! use std::io::Write;
//! use switchboard_files::{AtomicFile, Folder, Name, Rules};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let folder = Folder::open(directory.path())?;
//! let name = Name::parse(b"notes.txt")?;
//! let mut file = AtomicFile::create(&folder, &name, None, Rules::default())?;
//! file.write_all(b"hello")?;
//! file.publish(None)?;
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

pub use digest::{Content, Digest, Hasher, ParseDigestError};
pub use error::{FileError, counted};
pub use name::{Name, NameError};
pub use protocol::attributes::Attributes;
pub use protocol::entry::{Entry, Kind};
pub use protocol::quoting::{Quoted, QuotingError, Words};
pub use protocol::request::{Follows, InvalidRequest, Request};
pub use protocol::response::Response;
pub use protocol::status::Status;
pub use storage::atomic_file::AtomicFile;
pub use storage::folder::Folder;
pub use storage::listing::{Listing, Page};
pub use storage::rules::Rules;
pub use storage::source::Source;
pub use timestamp::Timestamp;
