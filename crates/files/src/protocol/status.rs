//! The three-digit code that a response begins with.

use std::fmt;

use crate::error::FileError;

/// The result of a request, as `docs/src/reference/files-protocol.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// Lines follow.
    pub const LINES: Self = Self(210);
    /// An entry follows, on the same line.
    pub const ENTRY: Self = Self(213);
    /// Lines follow, and then another response.
    pub const PAGE: Self = Self(211);
    /// A length and a digest follow, on the same line.
    pub const HASH: Self = Self(214);
    /// The attributes of a file follow, on the same line.
    pub const ATTRIBUTES: Self = Self(215);
    /// The server is ready; sent first.
    pub const GREETING: Self = Self(220);
    /// The server closes, as requested.
    pub const BYE: Self = Self(221);
    /// Bytes of a file follow.
    pub const BYTES: Self = Self(226);
    /// The file is stored.
    pub const STORED: Self = Self(230);
    /// Content arrives too slowly.
    pub const SLOW: Self = Self(408);
    /// The server shuts down.
    pub const STOPPING: Self = Self(421);
    /// Reading or writing failed.
    pub const FAILED: Self = Self(451);
    /// The disk is full, or the quota is exceeded.
    pub const NO_SPACE: Self = Self(452);
    /// The command does not exist.
    pub const UNKNOWN_COMMAND: Self = Self(500);
    /// The arguments do not fit the command.
    pub const BAD_ARGUMENTS: Self = Self(501);
    /// No such file or folder.
    pub const NOT_FOUND: Self = Self(550);
    /// The file is larger than allowed.
    pub const TOO_LARGE: Self = Self(552);
    /// The name is not valid.
    pub const BAD_NAME: Self = Self(553);
    /// The name is taken.
    pub const EXISTS: Self = Self(554);
    /// The folder is read-only.
    pub const READ_ONLY: Self = Self(555);
    /// The content does not match its length and digest.
    pub const MISMATCH: Self = Self(556);
    /// The file is shorter than the requested range.
    pub const SHORT: Self = Self(557);

    /// Splits `line` into its code and the text behind it. `None` if it does not begin with a code
    /// from 200 to 599.
    pub(super) fn split(line: &[u8]) -> Option<(Self, &[u8])> {
        let (digits, rest) = line.split_at_checked(3)?;
        let code = str::from_utf8(digits).ok()?.parse().ok()?;
        let rest = match rest {
            [] => rest,
            [b' ', rest @ ..] => rest,
            _ => return None,
        };
        (200..600).contains(&code).then_some((Self(code), rest))
    }

    /// Whether the request succeeded (2xx).
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }
}

impl From<&FileError> for Status {
    fn from(error: &FileError) -> Self {
        match error {
            FileError::NotFound
            | FileError::NotAFile
            | FileError::NotAFolder
            | FileError::SymbolicLink
            | FileError::Denied => Self::NOT_FOUND,
            FileError::Name(_) => Self::BAD_NAME,
            FileError::Exists => Self::EXISTS,
            FileError::TooLarge { .. } => Self::TOO_LARGE,
            FileError::NoSpace | FileError::Quota { .. } => Self::NO_SPACE,
            FileError::Mismatch => Self::MISMATCH,
            FileError::Short { .. } => Self::SHORT,
            FileError::Locked | FileError::Io(_) => Self::FAILED,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
