//! The file that an atomic file is written to, before it gets its name.

use std::fs::{File, TryLockError};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{
    AT_FDCWD, AtFlags, FallocateFlags, OFlag, RenameFlags, fallocate, openat, renameat2,
};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, fsync, linkat, unlinkat};

use crate::error::FileError;
use crate::protocol::attributes::Attributes;
use crate::protocol::entry::Kind;

/// A file without a name (`O_TMPFILE`), or with a name that ends in `.part`.
///
/// The system removes a file without a name in any case. One with a random name is removed by `Drop`,
/// or by [`remove_stale`] if the process was killed. A resumable one is kept unless it is empty. A file
/// with a name is locked as long as its process has it.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    name: Option<PartName>,
    announced: u64, // bytes
    allocated: u64,
}

#[derive(Debug)]
struct PartName {
    folder: OwnedFd,
    name: Vec<u8>,
    is_resumable: bool,
}

impl Temporary {
    /// An empty file on the file system of `folder`.
    pub(super) fn new(folder: OwnedFd) -> Result<Self, Errno> {
        // Not every file system supports files without a name. Other errors occur again.
        Self::without_name(&folder).or_else(|_| Self::with_random_name(folder))
    }

    fn without_name(folder: &OwnedFd) -> Result<Self, Errno> {
        if !Path::new(OWN_FILES).exists() {
            return Err(Errno::EOPNOTSUPP); // it could not get a name later
        }
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY;
        let file = open(folder, b".", flags)?;
        Ok(Self::of(file, None))
    }

    pub(super) fn with_random_name(folder: OwnedFd) -> Result<Self, Errno> {
        let mut name = PartName::random(folder);
        for _ in 0..MAX_ATTEMPTS {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
            let file = open(&name.folder, &name.name, flags)?;
            // Before it is locked, another process may take it for a stale one and remove it.
            let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if !is_taken && is_same(&file, &name.folder, &name.name)? {
                return Ok(Self::of(file, Some(name)));
            }
            name = PartName::random(name.folder);
        }
        Err(Errno::EBUSY)
    }

    fn of(file: File, name: Option<PartName>) -> Self {
        Self {
            file,
            name,
            announced: 0,
            allocated: 0,
        }
    }

    /// The file `NAME.part` in `folder`, with what it contains; locked against other processes.
    pub(super) fn resume(folder: OwnedFd, name: &[u8]) -> Result<Self, FileError> {
        let name = PartName {
            folder,
            name: [name, b".part"].concat(),
            is_resumable: true,
        };
        for _ in 0..MAX_ATTEMPTS {
            let flags = OFlag::O_CREAT | OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
            let file = open(&name.folder, &name.name, flags).map_err(|errno| match errno {
                Errno::ELOOP => FileError::SymbolicLink,
                errno => errno.into(),
            })?;
            match file.try_lock() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => return Err(FileError::Locked),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            if !matches!(Kind::of(&fstat(&file)?), Some(Kind::File(_))) {
                return Err(FileError::NotAFile);
            }
            // Before it was locked, another process may have published or removed it.
            if is_same(&file, &name.folder, &name.name)? {
                return Ok(Self::of(file, Some(name)));
            }
        }
        Err(FileError::Locked) // others keep replacing it
    }

    /// Announces the length of the file. A part of it is allocated at once, and more as the file grows,
    /// so that a peer that does not send what it announced occupies little of the disk.
    ///
    /// # Errors
    ///
    /// There is no space for all of it.
    pub(super) fn announce(&mut self, length: u64) -> Result<(), FileError> {
        if i64::try_from(length).is_err() {
            return Err(FileError::NoSpace);
        }
        if let Ok(system) = fstatvfs(&self.file)
            && system
                .blocks_available()
                .saturating_mul(system.fragment_size())
                < length
        {
            return Err(FileError::NoSpace);
        }
        self.announced = length;
        self.allocate(0)
    }

    /// Allocates space for a file that is going to have `length` bytes, and for as many more, within
    /// the announced length. Fails only if there is no space.
    pub(super) fn allocate(&mut self, length: u64) -> Result<(), FileError> {
        let goal = length.saturating_mul(2).max(MIN_ALLOCATED_BYTES);
        let goal = goal.min(self.announced);
        if goal <= self.allocated || (0 < length && length <= self.allocated) {
            return Ok(());
        }
        let signed = |bytes: u64| i64::try_from(bytes).map_err(|_| FileError::NoSpace);
        let (offset, count) = (signed(self.allocated)?, signed(goal - self.allocated)?);
        match fallocate(
            &self.file,
            FallocateFlags::FALLOC_FL_KEEP_SIZE,
            offset,
            count,
        ) {
            Err(full @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => return Err(full.into()),
            Ok(()) | Err(_) => self.allocated = goal, // any other error shows when it is written
        }
        Ok(())
    }

    pub(super) fn apply(&self, attributes: Attributes) -> Result<(), FileError> {
        let mode = Mode::from_bits_truncate(fstat(&self.file)?.st_mode);
        if attributes.is_executable {
            let readable = mode & (Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH);
            let executable = Mode::from_bits_truncate(readable.bits() >> 2);
            fchmod(&self.file, mode | executable)?;
        }
        let modified = Duration::from_secs(attributes.modified.seconds());
        Ok(self.file.set_modified(SystemTime::UNIX_EPOCH + modified)?)
    }

    /// Whether it has a name, so that it counts among the files of its folder.
    pub(super) fn has_name(&self) -> bool {
        self.name.is_some()
    }

    /// Names it `name` in `folder`. A file of this name is replaced if `overwrite`; else it fails with
    /// [`Errno::EEXIST`].
    pub(super) fn publish(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        overwrite: bool,
    ) -> Result<(), Errno> {
        if self.name.is_none() {
            if !overwrite {
                return self.link(folder, name);
            }
            // A link cannot replace a file, but a rename can.
            let part = PartName::random(folder.try_clone().map_err(|_| Errno::last())?);
            self.file.try_lock().ok(); // so that no process removes it as a stale one
            self.link(folder, &part.name)?;
            self.name = Some(part);
        }
        if let Some(part) = &self.name {
            let old = &*part.name;
            let mut flags = RenameFlags::empty();
            flags.set(RenameFlags::RENAME_NOREPLACE, !overwrite);
            match renameat2(&part.folder, old, folder, name, flags) {
                // The file system does not support the flag, as with NFS.
                Err(Errno::EINVAL) if !overwrite => {
                    linkat(&part.folder, old, folder, name, AtFlags::empty())?;
                    unlinkat(&part.folder, old, UnlinkatFlags::NoRemoveDir).ok(); // it has its new name
                }
                renamed => renamed?,
            }
            self.name = None;
        }
        Ok(())
    }

    /// Gives a name to a file without one.
    fn link(&self, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        let own = format!("{OWN_FILES}/{}", self.file.as_raw_fd());
        linkat(AT_FDCWD, &*own, folder, name, AtFlags::AT_SYMLINK_FOLLOW)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(part) = &self.name else {
            return;
        };
        let is_empty = || self.file.metadata().is_ok_and(|file| file.len() == 0);
        if part.is_resumable && !is_empty() {
            fsync(&part.folder).ok();
        } else {
            unlinkat(&part.folder, &*part.name, UnlinkatFlags::NoRemoveDir).ok();
        }
    }
}

impl PartName {
    /// A hidden name that is not taken.
    fn random(folder: OwnedFd) -> Self {
        Self {
            folder,
            name: format!("{PREFIX}{:016x}{SUFFIX}", rand::random::<u64>()).into_bytes(),
            is_resumable: false,
        }
    }
}

/// Removes a file of this name in `folder` if it is one with a random name whose process was killed.
pub(super) fn remove_stale(folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    if !has_random_name(name) {
        return Ok(());
    }
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = open(folder, name, flags)?;
    let is_file = matches!(Kind::of(&fstat(&file)?), Some(Kind::File(_)));
    if is_file && file.try_lock().is_ok() && is_same(&file, folder, name)? {
        unlinkat(folder, name, UnlinkatFlags::NoRemoveDir)?;
    }
    Ok(())
}

fn has_random_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(PREFIX.as_bytes());
    let digits = name.and_then(|name| name.strip_suffix(SUFFIX.as_bytes()));
    digits.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether the file has this name.
fn is_same(file: &File, folder: &OwnedFd, name: &[u8]) -> Result<bool, Errno> {
    let opened = fstat(file)?;
    let named = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW);
    let is_same = |named: FileStat| (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino);
    Ok(named.is_ok_and(is_same))
}

fn open(folder: &OwnedFd, name: &[u8], flags: OFlag) -> Result<File, Errno> {
    let permissions = Mode::from_bits_truncate(0o666); // less the umask
    openat(folder, name, flags | OFlag::O_CLOEXEC, permissions).map(File::from)
}

const OWN_FILES: &str = "/proc/self/fd";
const PREFIX: &str = ".switchboard-";
const SUFFIX: &str = ".part";
const MAX_ATTEMPTS: u32 = 16;
const MIN_ALLOCATED_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, symlink};

    use tempfile::tempdir;

    use super::*;

    /// Publishes files of one kind: with or without overwriting, and nothing else stays behind.
    fn check(create: fn(OwnedFd) -> Result<Temporary, Errno>, visible: usize) {
        let directory = tempdir().expect("a temporary folder");
        let open = || OwnedFd::from(File::open(directory.path()).expect("a folder"));
        let count = || fs::read_dir(directory.path()).expect("a folder").count();
        let write = |content: &[u8]| {
            let mut temporary = create(open()).expect("the disk has room");
            temporary.announce(5).expect("the disk has room");
            temporary
                .file
                .write_all(content)
                .expect("the disk has room");
            assert_eq!(temporary.file.metadata().expect("a file").len(), 5);
            temporary
        };
        drop(write(b"never"));
        assert_eq!(count(), 0);
        let mut first = write(b"first");
        assert_eq!(count(), visible);
        first
            .publish(&open(), b"a", false)
            .expect("the disk has room");
        assert_eq!(count(), 1);
        let publish = |content, overwrite| write(content).publish(&open(), b"a", overwrite);
        let content = || fs::read(directory.path().join("a")).expect("a file");
        assert_eq!(publish(b"other", false), Err(Errno::EEXIST));
        assert_eq!(content(), b"first");
        assert_eq!(publish(b"third", true), Ok(()));
        assert_eq!(content(), b"third");
        assert_eq!(count(), 1);
        fs::create_dir(directory.path().join("b")).expect("the disk has room");
        let over_folder = write(b"never").publish(&open(), b"b", true);
        assert_eq!(over_folder, Err(Errno::EISDIR));
        assert_eq!(count(), 2);
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_complete() {
        check(|folder| Temporary::without_name(&folder), 0);
        check(Temporary::with_random_name, 1);
    }

    #[test]
    fn only_files_of_killed_processes_are_stale() {
        let directory = tempdir().expect("a temporary folder");
        let open = || OwnedFd::from(File::open(directory.path()).expect("a folder"));
        let names = || {
            let entries = fs::read_dir(directory.path()).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            names.collect::<BTreeSet<_>>()
        };
        let sweep = || {
            for name in names() {
                remove_stale(&open(), name.as_encoded_bytes()).ok();
            }
        };
        // Killed between the link and the rename that replaces a file.
        let killed = Temporary::without_name(&open()).expect("the disk has room");
        let name = PartName::random(open());
        killed.link(&open(), &name.name).expect("the disk has room");
        drop(killed);
        // Killed while it had a name.
        let mut killed = Temporary::with_random_name(open()).expect("the disk has room");
        killed.name = None;
        sweep();
        assert_eq!(names().len(), 1, "its process has it still");
        drop(killed);
        let running = Temporary::with_random_name(open()).expect("the disk has room");
        for other in [
            ".switchboard-.part",
            ".switchboard-0123456789abcdeg.part",
            ".switchboard-0123456789abcdef0.part",
            ".0123456789abcdef.part",
            "switchboard-0123456789abcdef.part",
            "a.part",
        ] {
            fs::write(directory.path().join(other), "").expect("the disk has room");
        }
        let folder = directory.path().join(".switchboard-0123456789abcdee.part");
        fs::create_dir(folder).expect("the disk has room");
        let link = directory.path().join(".switchboard-0123456789abcded.part");
        symlink("a.part", link).expect("the disk has room");
        assert_eq!(names().len(), 1 + 1 + 6 + 2);
        sweep();
        assert_eq!(names().len(), 1 + 6 + 2, "{:?}", names());
        drop(running);
        assert_eq!(names().len(), 6 + 2);
    }

    #[test]
    fn a_symbolic_link_is_not_resumed() {
        let directory = tempdir().expect("a temporary folder");
        symlink("nowhere", directory.path().join("a.part")).expect("the disk has room");
        let folder = File::open(directory.path()).expect("a folder");
        let error = Temporary::resume(folder.into(), b"a").expect_err("a link");
        assert_eq!(error.to_string(), "a symbolic link is not followed");
    }

    #[test]
    fn a_resumable_file_is_kept_unless_it_is_empty() {
        let directory = tempdir().expect("a temporary folder");
        let open = || OwnedFd::from(File::open(directory.path()).expect("a folder"));
        let resume = || Temporary::resume(open(), b"a");
        let names = || {
            let entries = fs::read_dir(directory.path()).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            names.collect::<Vec<_>>()
        };
        drop(resume().expect("the disk has room"));
        assert_eq!(names(), [""; 0]);
        let mut part = resume().expect("the disk has room");
        part.file.write_all(b"hel").expect("the disk has room");
        let error = resume().expect_err("it is locked");
        assert!(matches!(error, FileError::Locked), "{error}");
        drop(part);
        assert_eq!(names(), ["a.part"]);
        let mut part = resume().expect("it was unlocked");
        assert_eq!(part.file.metadata().expect("a file").len(), 3);
        part.publish(&open(), b"a", false)
            .expect("the disk has room");
        drop(part);
        assert_eq!(names(), ["a"]);
    }

    #[test]
    fn no_file_is_longer_than_the_system_can_count() {
        let folder = File::open(std::env::temp_dir()).expect("a folder");
        let mut temporary = Temporary::new(folder.into()).expect("the disk has room");
        for length in [i64::MAX as u64, u64::MAX] {
            let error = temporary.announce(length).expect_err("no space");
            assert!(matches!(error, FileError::NoSpace), "{error}");
        }
        temporary.announce(0).expect("the disk has room");
    }

    #[test]
    fn an_announced_length_is_allocated_as_the_file_grows() {
        let folder = File::open(std::env::temp_dir()).expect("a folder");
        let mut temporary = Temporary::new(folder.into()).expect("the disk has room");
        temporary.announce(5 << 20).expect("the disk has room");
        let allocated = |temporary: &Temporary| temporary.allocated >> 10;
        assert_eq!(allocated(&temporary), 1 << 10);
        let blocks = temporary.file.metadata().expect("a file").blocks();
        assert!(blocks * 512 < 2 << 20, "{blocks} blocks");
        for (length, expected) in [
            (1, 1),
            (1024, 1),
            (1025, 2),
            (2051, 4),
            (4103, 5),
            (5120, 5),
        ] {
            temporary.allocate(length << 10).expect("the disk has room");
            assert_eq!(allocated(&temporary) >> 10, expected, "{length} KiB");
        }
    }
}
