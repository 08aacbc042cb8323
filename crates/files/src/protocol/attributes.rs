//! What a client restores of a file beside its content.

use std::fmt;

use nix::sys::stat::{FileStat, Mode};

use crate::protocol::quoting::Words;
use crate::timestamp::Timestamp;

/// What a client restores of a file beside its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// When it was last changed.
    pub modified: Timestamp,
    /// Whether its owner may execute it.
    pub is_executable: bool,
}

impl Attributes {
    pub(crate) fn from_stat(stat: &FileStat) -> Self {
        Self {
            modified: Timestamp::from_seconds(stat.st_mtime),
            is_executable: Mode::from_bits_truncate(stat.st_mode).contains(Mode::S_IXUSR),
        }
    }

    /// Parses the displayed form. Other words behind the time are ignored.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut words = Words::new(text);
        let modified = Timestamp::parse(&words.next()?.ok()?)?;
        let words = words.collect::<Result<Vec<_>, _>>().ok()?;
        Some(Self {
            modified,
            is_executable: words.iter().any(|word| **word == *EXECUTABLE),
        })
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.modified.fmt(f)?;
        if self.is_executable {
            f.write_str(" executable")?;
        }
        Ok(())
    }
}

const EXECUTABLE: &[u8] = b"executable";
