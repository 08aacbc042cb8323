//! A line of a listing.

use std::fmt;

use nix::sys::stat::{FileStat, SFlag};

use crate::protocol::quoting::{Quoted, Words, number};
use crate::timestamp::Timestamp;

/// A file or folder, as it is listed.
///
/// The name may come from a peer. [`Name::parse`](crate::Name::parse) checks it before a file is
/// stored under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File or folder.
    pub kind: Kind,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Any bytes.
    pub name: Vec<u8>,
}

/// A file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of this length, in bytes.
    File(u64),
    /// A folder.
    Folder,
}

impl Entry {
    /// `None` if it is neither a regular file nor a folder.
    pub(crate) fn from_stat(stat: &FileStat, name: Vec<u8>) -> Option<Self> {
        Some(Self {
            kind: Kind::of(stat)?,
            modified: Timestamp::from_seconds(stat.st_mtime),
            name,
        })
    }

    /// Parses the displayed form.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let [kind, size, time, name] = Words::parse(line)?;
        let kind = match (&*kind, &*size) {
            (b"file", size) => Kind::File(number(size)?),
            (b"folder", b"-") => Kind::Folder,
            _ => return None,
        };
        Some(Self {
            kind,
            modified: Timestamp::parse(&time)?,
            name: name.into_owned(),
        })
    }
}

impl Kind {
    /// `None` if it is neither a regular file nor a folder.
    pub(crate) fn of(stat: &FileStat) -> Option<Self> {
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Some(Self::File(u64::try_from(stat.st_size).unwrap_or(0))),
            SFlag::S_IFDIR => Some(Self::Folder),
            _ => None,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::File(size) => write!(f, "file {size}")?,
            Kind::Folder => f.write_str("folder -")?,
        }
        write!(f, " {} {}", self.modified, Quoted(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_are_lines() {
        let lines = [
            "file 1234 2026-01-31T12:00:00Z notes.txt",
            "folder - 2026-01-30T08:15:00Z \"my pictures\"",
        ];
        for line in lines {
            let entry = Entry::parse(line.as_bytes()).expect("an entry");
            assert_eq!(entry.to_string(), line);
        }
        for wrong in [
            "",
            "file",
            "file - 2026-01-31T12:00:00Z a",
            "folder 1 2026-01-31T12:00:00Z a",
            "file 1 2026 a",
            "file 1 2026-01-31T12:00:00Z a b",
            "file 1 2026-01-31T12:00:00Z \"a",
            "pipe 1 2026-01-31T12:00:00Z a",
        ] {
            assert_eq!(Entry::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_displayed_entry_parses(size: Option<u64>, seconds: i64, name: Vec<u8>) {
            let kind = size.map_or(Kind::Folder, Kind::File);
            let entry = Entry { kind, modified: Timestamp::from_seconds(seconds), name };
            prop_assert_eq!(Entry::parse(entry.to_string().as_bytes()), Some(entry));
        }
    }
}
