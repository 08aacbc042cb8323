//! What can go wrong with files.

use std::io;

use nix::errno::Errno;

use crate::name::NameError;
use crate::protocol::status::Status;

/// Why a file is not read, shown or kept.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is nothing of this name, or nothing that is shown.
    #[error("there is no such file or folder")]
    NotFound,
    /// It is something else, mostly a folder.
    #[error("that is no file")]
    NotAFile,
    /// It is something else, mostly a file.
    #[error("that is no folder")]
    NotAFolder,
    /// The system does not let us.
    #[error("that may not be read or written")]
    Denied,
    /// It cannot be a name here.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is something of this name already.
    #[error("there is something of this name already")]
    Exists,
    /// Larger than a file may be.
    #[error("a file has at most {most} bytes here")]
    TooLarge {
        /// So many bytes are allowed.
        most: u64,
    },
    /// The disk is full, or the system allows no file to be so large.
    #[error("the disk has no room for that")]
    NoSpace,
    /// All files together would be more than they may be.
    #[error("there is no room: all files may have {quota} bytes together")]
    Quota {
        /// So many bytes are allowed.
        quota: u64,
    },
    /// What was written is not what was announced.
    #[error("the content is not what its length and digest say")]
    Mismatch,
    /// The file ends before that.
    #[error("the file has only {length} bytes")]
    Short {
        /// So long is it.
        length: u64,
    },
    /// A folder has more in it than is told.
    #[error("there are more than {most} entries")]
    TooManyEntries {
        /// So many are told.
        most: usize,
    },
    /// Anything else that the system says.
    #[error("reading or writing failed: {0}")]
    Io(io::Error),
}

impl FileError {
    /// What the protocol says then.
    #[must_use]
    pub fn code(&self) -> Status {
        match self {
            Self::NotFound | Self::NotAFile | Self::NotAFolder | Self::Denied => Status::NOT_FOUND,
            Self::Name(_) => Status::BAD_NAME,
            Self::Exists => Status::EXISTS,
            Self::TooLarge { .. } => Status::TOO_LARGE,
            Self::NoSpace | Self::Quota { .. } => Status::NO_SPACE,
            Self::Mismatch => Status::MISMATCH,
            Self::Short { .. } => Status::SHORT,
            Self::TooManyEntries { .. } | Self::Io(_) => Status::FAILED,
        }
    }
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> Self {
        match errno {
            // A part that is a link is not there, and neither is anything below a file.
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
        match error.raw_os_error() {
            Some(number) => Errno::from_raw(number).into(),
            None => Self::Io(error),
        }
    }
}
