//! A file that nobody sees, until it gets its name.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{
    AT_FDCWD, AtFlags, FallocateFlags, OFlag, RenameFlags, fallocate, openat, renameat, renameat2,
};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use crate::error::FileError;

/// A file without a name; or with one that nobody knows, where the file system has no others.
///
/// Without a name the system removes it whatever happens. With one it is removed when this is
/// dropped, but stays behind if the process is killed.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) file: File,
    name: Option<HiddenName>,
}

/// The name of a file that is removed in the end, unless it has another by then.
#[derive(Debug)]
struct HiddenName {
    folder: OwnedFd,
    name: String,
}

impl Temporary {
    /// A file that can get its name in `folder`, or in a folder below.
    pub(crate) fn new(folder: OwnedFd) -> Result<Self, Errno> {
        match Self::without_name(&folder) {
            Ok(file) => Ok(file),
            // If that was not the reason, it is told again.
            Err(_) => Self::with_name(folder),
        }
    }

    fn without_name(folder: &OwnedFd) -> Result<Self, Errno> {
        if !Path::new(OWN_FILES).exists() {
            return Err(Errno::EOPNOTSUPP); // it could not get a name later
        }
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let file = openat(folder, ".", flags, permissions())?.into();
        Ok(Self { file, name: None })
    }

    pub(crate) fn with_name(folder: OwnedFd) -> Result<Self, Errno> {
        let name = hidden_name();
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let file = openat(&folder, &*name, flags, permissions())?.into();
        let name = Some(HiddenName { folder, name });
        Ok(Self { file, name })
    }

    /// Makes room for `length` bytes, where the file system can.
    ///
    /// # Errors
    ///
    /// There is no room.
    pub(crate) fn reserve(&self, length: u64) -> Result<(), FileError> {
        let length = i64::try_from(length).map_err(|_| FileError::NoSpace)?;
        match fallocate(&self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
            Err(full @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => Err(full.into()),
            Ok(()) | Err(_) => Ok(()), // what cannot be told now is told later
        }
    }

    /// Whether it is in its folder already, under a name that nobody knows.
    pub(crate) fn has_name(&self) -> bool {
        self.name.is_some()
    }

    /// Gives it its name in `folder`; what has that name is replaced if `overwrite`.
    ///
    /// # Errors
    ///
    /// As the system says; it is [`Errno::EEXIST`] where nothing is to be replaced.
    pub(crate) fn publish(
        self,
        folder: &OwnedFd,
        name: &[u8],
        overwrite: bool,
    ) -> Result<(), Errno> {
        match (&self.name, overwrite) {
            (Some(own), true) => renameat(&own.folder, &*own.name, folder, name),
            (Some(own), false) => {
                let (from, own) = (&own.folder, &*own.name);
                match linkat(from, own, folder, name, AtFlags::empty()) {
                    // This file system has one name for each file.
                    Err(Errno::EPERM | Errno::EOPNOTSUPP) => {
                        let flags = RenameFlags::RENAME_NOREPLACE;
                        renameat2(from, own, folder, name, flags)
                    }
                    linked => linked,
                }
            }
            (None, true) => {
                // A link replaces nothing, but a name does.
                let own = HiddenName {
                    folder: folder.try_clone().map_err(|_| Errno::last())?,
                    name: hidden_name(),
                };
                self.link(folder, own.name.as_bytes())?;
                renameat(&own.folder, &*own.name, folder, name)
            }
            (None, false) => self.link(folder, name),
        }
    }

    /// Gives a name to a file that has none.
    fn link(&self, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        let own = format!("{OWN_FILES}/{}", self.file.as_raw_fd());
        linkat(AT_FDCWD, &*own, folder, name, AtFlags::AT_SYMLINK_FOLLOW)
    }
}

impl Drop for HiddenName {
    fn drop(&mut self) {
        unlinkat(&self.folder, &*self.name, UnlinkatFlags::NoRemoveDir).ok();
    }
}

/// A name that is left out where files are shown.
fn hidden_name() -> String {
    format!(".{:016x}.part", rand::random::<u64>())
}

/// Those that the umask leaves.
fn permissions() -> Mode {
    Mode::from_bits_truncate(0o666)
}

const OWN_FILES: &str = "/proc/self/fd";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use tempfile::tempdir;

    use super::*;

    /// A file of either kind: what comes of it, and that nothing else stays.
    fn check(make: fn(OwnedFd) -> Result<Temporary, Errno>, seen: usize) {
        let place = tempdir().expect("a temporary folder");
        let open = || OwnedFd::from(File::open(place.path()).expect("a folder"));
        let count = || fs::read_dir(place.path()).expect("a folder").count();
        let begin = |content: &[u8]| {
            let mut temporary = make(open()).expect("room");
            temporary.reserve(5).expect("room");
            temporary.file.write_all(content).expect("room");
            assert_eq!(temporary.file.metadata().expect("a file").len(), 5);
            temporary
        };
        drop(begin(b"never"));
        assert_eq!(count(), 0);
        let first = begin(b"first");
        assert_eq!(count(), seen);
        first.publish(&open(), b"a", false).expect("room");
        assert_eq!(count(), 1);
        let publish = |content, overwrite| begin(content).publish(&open(), b"a", overwrite);
        assert_eq!(publish(b"other", false), Err(Errno::EEXIST));
        assert_eq!(fs::read(place.path().join("a")).expect("a file"), b"first");
        assert_eq!(publish(b"third", true), Ok(()));
        assert_eq!(fs::read(place.path().join("a")).expect("a file"), b"third");
        assert_eq!(count(), 1);
        fs::create_dir(place.path().join("b")).expect("room");
        let over_folder = begin(b"never").publish(&open(), b"b", true);
        assert_eq!(over_folder, Err(Errno::EISDIR));
        assert_eq!(count(), 2);
    }

    #[test]
    fn a_file_gets_its_name_once_it_is_whole() {
        check(|folder| Temporary::without_name(&folder), 0);
        check(Temporary::with_name, 1);
    }

    #[test]
    fn no_file_is_longer_than_the_system_can_count() {
        let folder = File::open(std::env::temp_dir()).expect("a folder");
        let temporary = Temporary::new(folder.into()).expect("room");
        for length in [i64::MAX as u64, u64::MAX] {
            let problem = temporary.reserve(length).expect_err("no room");
            assert!(matches!(problem, FileError::NoSpace), "{problem}");
        }
        temporary.reserve(0).expect("room");
    }
}
