//! Which files may be stored, and how much a folder contains.

use std::fs::File;
use std::io;

use nix::sys::resource::{Resource, getrlimit};

use crate::error::FileError;
use crate::name::Name;
use crate::protocol::entry::Kind;
use crate::storage::folder::Folder;

/// Which files may be stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Whether a regular file of the same name is replaced.
    pub overwrite: bool,
    /// Whether missing parent folders are created.
    pub make_folders: bool,
    /// The maximum length of a file, in bytes.
    pub max_file: Option<u64>,
    /// The maximum length of all files below the folder together, in bytes, with hidden ones and
    /// those that are being written. They are counted when the first bytes of a file are written, or
    /// its length is known, and when it is published.
    pub quota: Option<u64>,
}

/// How long a file may become, in bytes, not counting the quota.
#[derive(Debug)]
pub(super) struct SizeLimit {
    max_file: Option<u64>,
    system: u64,
}

impl SizeLimit {
    pub(super) fn new(rules: &Rules) -> Result<Self, FileError> {
        // Writing beyond this limit raises SIGXFSZ, which ends a process that does not ignore it.
        let (system, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        let max_file = rules.max_file;
        Ok(Self { max_file, system })
    }

    /// Fails if a file of `length` bytes exceeds a limit.
    pub(super) fn check(&self, length: u64) -> Result<(), FileError> {
        match self.max_file {
            Some(max) if max < length => Err(FileError::TooLarge { max }),
            _ if self.system < length => Err(FileError::NoSpace),
            _ => Ok(()),
        }
    }
}

/// The length of all files below `folder` together, including hidden ones. Folders without read
/// permission are skipped.
pub(super) fn used(folder: &Folder) -> Result<u64, FileError> {
    let folder = folder.clone().with_hidden(true);
    let mut used: u64 = 0;
    let mut names = vec![Name::root()];
    while let Some(name) = names.pop() {
        let mut listing = match folder.list(&name) {
            // Removed meanwhile, or not readable.
            Err(FileError::NotFound | FileError::NotAFolder | FileError::Denied) => continue,
            listing => listing?,
        };
        let mut is_last = false;
        while !is_last {
            let Some(page) = listing.read()? else {
                continue;
            };
            is_last = page.is_last;
            for entry in page.entries {
                match entry.kind {
                    Kind::File(length) => used = used.saturating_add(length),
                    Kind::Folder => names.extend(name.join(&entry.name)),
                }
            }
        }
    }
    Ok(used)
}

/// Locks `folder` against other publishers that count its files, in this process and in others, until
/// the result is dropped.
pub(super) fn lock(folder: &Folder) -> Result<File, FileError> {
    // A lock belongs to the open file description, so each publisher needs its own.
    let file = File::from(folder.open_folder(&Name::root())?);
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            locked => return locked.map(|()| file).map_err(FileError::from),
        }
    }
}
