//! Why a file cannot be read, listed or stored.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use crate::name::NameError;

/// Why a file cannot be read, listed or stored.
///
/// It converts to [`io::Error`] and back without loss, so that a file can be used through
/// [`Read`](io::Read) and [`Write`](io::Write).
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No file or folder has this name, or it is hidden.
    #[error("no such file or folder")]
    NotFound,
    /// The name leads to something else, mostly a folder.
    #[error("not a regular file")]
    NotAFile,
    /// The name is that of a symbolic link, which is not followed here.
    #[error("a symbolic link is not followed")]
    SymbolicLink,
    /// The name leads to something else, mostly a file.
    #[error("not a folder")]
    NotAFolder,
    /// The system denies access.
    #[error("permission denied")]
    Denied,
    /// The name is not valid here.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name is taken and must not be replaced.
    #[error("a file or folder of this name exists already")]
    Exists,
    /// The file exceeds [`Rules::max_file`](crate::Rules::max_file).
    #[error("the file is too large: the maximum is {}", counted(*.max, "byte"))]
    TooLarge {
        /// In bytes.
        max: u64,
    },
    /// The disk is full, or the system allows no file of this size (`RLIMIT_FSIZE`).
    #[error("no space left on the disk")]
    NoSpace,
    /// The files together would exceed [`Rules::quota`](crate::Rules::quota).
    #[error("quota exceeded: all files together may have {}", counted(*.quota, "byte"))]
    Quota {
        /// In bytes.
        quota: u64,
    },
    /// Another process writes the file.
    #[error("in use by another program")]
    Locked,
    /// The content is not the one that was announced.
    #[error("the content does not match its length and digest")]
    Mismatch,
    /// The file ends early.
    #[error("the file has only {}, {missing} fewer than expected", counted(*.length, "byte"))]
    Short {
        /// In bytes.
        length: u64,
        /// In bytes.
        missing: u64,
    },
    /// Any other error of the system.
    #[error("reading or writing failed: {0}")]
    Io(io::Error),
}

impl FileError {
    /// The file was expected to have `expected` bytes.
    #[must_use]
    pub fn short(length: u64, expected: u64) -> Self {
        let missing = expected.saturating_sub(length);
        Self::Short { length, missing }
    }

    /// `file` ended at `position`, before `expected` bytes.
    pub(crate) fn ended(file: &File, position: u64, expected: u64) -> Self {
        // It may have become shorter than what was read before.
        let length = file.metadata().map_or(position, |file| file.len());
        Self::short(length.min(position), expected)
    }
}

/// A number and what it counts, in the plural unless it is one.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> Self {
        match errno {
            // Symbolic links, and names below a file, count as missing.
            Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO => Self::NotFound,
            Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ETXTBSY => Self::Denied,
            Errno::ENAMETOOLONG => Self::Name(NameError::Long),
            Errno::EEXIST => Self::Exists,
            Errno::EISDIR => Self::NotAFile,
            Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG => Self::NoSpace,
            errno => Self::Io(errno.into()),
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        error
            .downcast()
            .unwrap_or_else(|error| match error.raw_os_error() {
                Some(number) => Errno::from_raw(number).into(),
                None => Self::Io(error),
            })
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        let kind = match error {
            FileError::Io(error) => return error,
            FileError::NoSpace => io::ErrorKind::StorageFull,
            FileError::Quota { .. } => io::ErrorKind::QuotaExceeded,
            FileError::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_plural() {
        let text = |length| FileError::short(length, 3).to_string();
        assert_eq!(text(0), "the file has only 0 bytes, 3 fewer than expected");
        assert_eq!(text(1), "the file has only 1 byte, 2 fewer than expected");
    }
}
