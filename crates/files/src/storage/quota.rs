//! Limits on the size of files, and how much a folder contains.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::fstatat;

use crate::error::FileError;
use crate::name::Name;
use crate::protocol::entry::{Entry, Kind};
use crate::storage::folder::Folder;

/// How long a file may become, in bytes.
#[derive(Debug)]
pub(super) struct SizeLimit {
    max_file: Option<u64>,
    quota: Option<Quota>,
    system: u64,
}

#[derive(Debug)]
struct Quota {
    total: u64,
    left: u64,
}

impl SizeLimit {
    /// For a file that replaces `replaced` bytes in `folder`; `quota` limits all its files together.
    pub(super) fn new(
        max_file: Option<u64>,
        quota: Option<u64>,
        folder: &Folder,
        replaced: u64,
    ) -> Result<Self, FileError> {
        let quota = match quota {
            None => None,
            Some(total) => {
                let used = used(folder)?.saturating_sub(replaced);
                let left = total.saturating_sub(used);
                Some(Quota { total, left })
            }
        };
        // Writing beyond this limit raises SIGXFSZ, which kills the process.
        let (system, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        Ok(Self {
            max_file,
            quota,
            system,
        })
    }

    /// # Errors
    ///
    /// A file of `length` bytes exceeds a limit.
    pub(super) fn check(&self, length: u64) -> Result<(), FileError> {
        match (self.max_file, &self.quota) {
            (Some(max), _) if max < length => Err(FileError::TooLarge { max }),
            (_, Some(quota)) if quota.left < length => Err(FileError::Quota { quota: quota.total }),
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
    let mut names = VecDeque::from([Name::root()]);
    while let Some(name) = names.pop_front() {
        let mut dir = match folder.open_folder(&name) {
            Ok(opened) => Dir::from_fd(opened)?,
            // Removed meanwhile, or not readable.
            Err(FileError::NotFound | FileError::NotAFolder | FileError::Denied) => continue,
            Err(error) => return Err(error),
        };
        let entries: Vec<_> = dir.iter().collect::<Result<_, _>>()?;
        for entry in entries {
            let last = entry.file_name();
            if matches!(last.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match fstatat(&dir, last, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Err(Errno::ENOENT | Errno::EACCES) => continue,
                stat => stat?,
            };
            match Entry::from_stat(&stat, Vec::new()).map(|entry| entry.kind) {
                Some(Kind::File(length)) => used = used.saturating_add(length),
                Some(Kind::Folder) => names.extend(name.join(last.to_bytes())),
                None => (),
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
