//! The three digits that an answer begins with.

use std::fmt;

/// What became of a command, as `docs/files-protocol.md` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// So many lines follow.
    pub const LINES: Self = Self(210);
    /// An entry follows.
    pub const ENTRY: Self = Self(213);
    /// A length and a digest follow.
    pub const HASH: Self = Self(214);
    /// The server greets.
    pub const GREETING: Self = Self(220);
    /// The server says goodbye.
    pub const BYE: Self = Self(221);
    /// So many bytes follow.
    pub const BYTES: Self = Self(226);
    /// The file is there.
    pub const STORED: Self = Self(230);
    /// The server is stopping.
    pub const STOPPING: Self = Self(421);
    /// Reading or writing failed.
    pub const FAILED: Self = Self(451);
    /// The disk is full, or the quota.
    pub const NO_SPACE: Self = Self(452);
    /// There is no such command.
    pub const UNKNOWN_COMMAND: Self = Self(500);
    /// The command has other words.
    pub const BAD_ARGUMENTS: Self = Self(501);
    /// There is no such file or folder.
    pub const NOT_FOUND: Self = Self(550);
    /// The file is larger than files may be.
    pub const TOO_LARGE: Self = Self(552);
    /// That cannot be a name.
    pub const BAD_NAME: Self = Self(553);
    /// There is a file of this name.
    pub const EXISTS: Self = Self(554);
    /// Files cannot be put here.
    pub const READ_ONLY: Self = Self(555);
    /// The content was another one.
    pub const MISMATCH: Self = Self(556);
    /// The file is not as long as that.
    pub const SHORT: Self = Self(557);

    /// Reads the three digits that `line` begins with, and gives what stands behind the blank.
    pub(crate) fn cut(line: &[u8]) -> Option<(Self, &[u8])> {
        let (digits, rest) = line.split_at_checked(3)?;
        let code = str::from_utf8(digits).ok()?.parse().ok()?;
        let rest = match rest {
            [] => rest,
            [b' ', rest @ ..] => rest,
            _ => return None,
        };
        (200..600).contains(&code).then_some((Self(code), rest))
    }

    /// Whether the command was done.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// Whether it was not done for a reason that may pass.
    #[must_use]
    pub fn is_transient(self) -> bool {
        self.0 / 100 == 4
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
