//! How much is in a folder, and how much may be.

use std::collections::VecDeque;
use std::fs::File;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::fstatat;

use crate::error::FileError;
use crate::name::Name;
use crate::protocol::entry::{Entry, Kind};
use crate::storage::atomic_file::Rules;
use crate::storage::folder::Folder;

/// How long a file may become.
#[derive(Debug)]
pub(crate) struct Most {
    file: Option<u64>,
    left: Option<(u64, u64)>, // of the quota, and that
    system: u64,
}

impl Most {
    /// For a file that takes the place of one with `replaced` bytes.
    pub(crate) fn of(rules: Rules, folder: &Folder, replaced: u64) -> Result<Self, FileError> {
        let left = |quota: u64| {
            let used = used(folder)?.saturating_sub(replaced);
            Ok::<_, FileError>((quota.saturating_sub(used), quota))
        };
        // Who writes beyond this is not told but killed.
        let (system, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        Ok(Self {
            file: rules.max_file,
            left: rules.quota.map(left).transpose()?,
            system,
        })
    }

    /// Whether it may have so many bytes.
    pub(crate) fn check(&self, length: u64) -> Result<(), FileError> {
        match (self.file, self.left) {
            (Some(most), _) if most < length => Err(FileError::TooLarge { most }),
            (_, Some((left, quota))) if left < length => Err(FileError::Quota { quota }),
            _ if self.system < length => Err(FileError::NoSpace),
            _ => Ok(()),
        }
    }
}

/// How many bytes all files below `folder` have, hidden ones too.
///
/// What may not be looked into is not counted.
pub(crate) fn used(folder: &Folder) -> Result<u64, FileError> {
    let folder = folder.clone().with_hidden(true);
    let mut used: u64 = 0;
    let mut names = VecDeque::from([Name::root()]);
    while let Some(name) = names.pop_front() {
        let mut dir = match folder.folder(&name) {
            Ok(opened) => Dir::from_fd(opened)?,
            // Gone since it was seen, or not for us to see.
            Err(FileError::NotFound | FileError::NotAFolder | FileError::Denied) => continue,
            Err(problem) => return Err(problem),
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

/// Keeps everybody else, in this process or another, from counting what is in `folder` in order to
/// add to it.
pub(crate) fn lock(folder: &Folder) -> Result<Flock<File>, FileError> {
    // Opened anew, since a lock belongs to what was opened.
    let mut opened = File::from(folder.folder(&Name::root())?);
    loop {
        match Flock::lock(opened, FlockArg::LockExclusive) {
            Ok(lock) => return Ok(lock),
            Err((file, Errno::EINTR)) => opened = file,
            Err((_, errno)) => return Err(errno.into()),
        }
    }
}
