//! A file that an option names, and why it cannot be used.

use std::path::{Path, PathBuf};

use switchboard_files::FileError;

/// A file that an option names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub(crate) struct FileProblem {
    path: PathBuf,
    cause: FileError,
}

impl FileProblem {
    pub(crate) fn new(path: &Path, cause: impl Into<FileError>) -> Self {
        let (path, cause) = (path.to_owned(), cause.into());
        Self { path, cause }
    }

    /// Whether the system denies access to it.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.cause, FileError::Denied)
    }
}
