//! What has come of a file so far, kept under a name that says so.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, fsync, linkat, unlinkat};
use sha2::{Digest as _, Sha256};
use switchboard_files::{Content, Digest, FileError, Name};

use crate::destination::Destination;
use crate::error::Error;

/// The file `NAME.part`, which becomes `NAME` once it is whole. What there is of it outlives this,
/// unless that is nothing.
pub(crate) struct PartialFile {
    folder: OwnedFd,
    name: Vec<u8>,
    part: Vec<u8>,
    path: PathBuf, // of the part, for people
    file: Flock<File>,
    hash: Sha256,
    length: u64,
    most: u64, // the system would send a signal to whoever writes more
    is_named: bool,
}

impl PartialFile {
    /// Opens what there is already, or begins. Nobody else goes on with it meanwhile.
    pub(crate) fn open(destination: &Destination, name: &Name) -> Result<Self, Error> {
        let (folder, last) = destination.parent(name)?;
        let part = [last, b".part"].concat();
        let mut path = destination.path_of(name).into_os_string();
        path.push(".part");
        let path = PathBuf::from(path);
        let failed = |cause| Error::CannotCreate {
            file: path.clone(),
            cause,
        };
        let open = || {
            let file = open_own(folder.as_fd(), &part).map_err(|errno| failed(errno.into()))?;
            let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
                let words = "another program is writing it";
                failed(FileError::Io(io::Error::other(words)))
            })?;
            let own = fstat(&*file).map_err(|errno| failed(errno.into()))?;
            Ok((file, own))
        };
        let (most, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(|errno| failed(errno.into()))?;
        for _ in 0..ATTEMPTS {
            let (file, own) = open()?;
            if SFlag::from_bits_truncate(own.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
                return Err(failed(FileError::NotAFile));
            }
            // Whoever had it locked may have given it its name meanwhile.
            let there = fstatat(folder.as_fd(), &*part, AtFlags::AT_SYMLINK_NOFOLLOW);
            if there.is_ok_and(|there| (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)) {
                return Ok(Self {
                    folder,
                    name: last.to_owned(),
                    part,
                    path,
                    file,
                    hash: Sha256::new(),
                    length: u64::try_from(own.st_size).unwrap_or(0),
                    most,
                    is_named: false,
                });
            }
        }
        let words = "others take it away again and again";
        Err(failed(FileError::Io(io::Error::other(words))))
    }

    /// How much there is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what is there into account: from now on its digest is that of all of it. `check` is
    /// asked now and then whether to go on.
    pub(crate) fn digest(
        &mut self,
        check: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<Digest, Error> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = self.length;
        while 0 < left {
            check()?;
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(BUFFER_BYTES);
            let read = self.file.read(&mut buffer[..wanted]);
            let count = match read {
                Ok(0) => {
                    return Err(Error::reading(
                        &self.path,
                        FileError::Short { length: left },
                    ));
                }
                Ok(count) => count,
                Err(error) => return Err(Error::reading(&self.path, error)),
            };
            self.hash.update(&buffer[..count]);
            left -= count as u64;
        }
        Ok(self.so_far())
    }

    /// Forgets all that is there.
    pub(crate) fn start_over(&mut self) -> Result<(), Error> {
        self.hash = Sha256::new();
        self.length = 0;
        let emptied = self.file.set_len(0);
        let emptied = emptied.and_then(|()| io::Seek::rewind(&mut *self.file));
        emptied.map_err(|error| Error::writing(&self.path, error.into()))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let failed = |problem| Error::writing(&self.path, problem);
        let length = self.length + bytes.len() as u64;
        if self.most < length {
            return Err(failed(FileError::NoSpace));
        }
        let written = self.file.write_all(bytes);
        written.map_err(|error| failed(error.into()))?;
        self.hash.update(bytes);
        self.length = length;
        Ok(())
    }

    /// Gives it its name, if it is what it should be; else nothing of it is kept.
    pub(crate) fn publish(mut self, expected: Content, overwrite: bool) -> Result<(), Error> {
        if (self.length, self.so_far()) != (expected.length, expected.sha256) {
            self.start_over()?;
            return Err(Error::Mismatch);
        }
        let synced = self.file.sync_all();
        synced.map_err(|error| Error::writing(&self.path, error.into()))?;
        let named = self.rename(overwrite);
        named.map_err(|errno| Error::writing(&self.path.with_extension(""), errno.into()))?;
        self.is_named = true;
        Ok(())
    }

    fn rename(&self, overwrite: bool) -> Result<(), Errno> {
        let (folder, part, name) = (self.folder.as_fd(), &*self.part, &*self.name);
        if overwrite {
            let there = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW);
            let kind = |there: FileStat| SFlag::from_bits_truncate(there.st_mode) & SFlag::S_IFMT;
            // Files are replaced, and nothing else.
            return match there.map(kind) {
                Ok(SFlag::S_IFREG) | Err(Errno::ENOENT) => renameat(folder, part, folder, name),
                Ok(_) => Err(Errno::EEXIST),
                Err(errno) => Err(errno),
            };
        }
        match renameat2(folder, part, folder, name, RenameFlags::RENAME_NOREPLACE) {
            // Some file systems do not know how to.
            Err(Errno::EINVAL) => {
                linkat(folder, part, folder, name, AtFlags::empty())?;
                unlinkat(folder, part, UnlinkatFlags::NoRemoveDir)
            }
            renamed => renamed,
        }
    }

    fn so_far(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let folder = self.folder.as_fd();
        if self.length == 0 && !self.is_named {
            unlinkat(folder, &*self.part, UnlinkatFlags::NoRemoveDir).ok();
        }
        fsync(folder).ok();
    }
}

/// The file of this name, which is made if there is none; no link is followed, and no pipe waited for.
fn open_own(folder: BorrowedFd<'_>, name: &[u8]) -> Result<File, Errno> {
    let flags =
        OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    openat(folder, name, flags, Mode::from_bits_truncate(0o666)).map(File::from)
}

const ATTEMPTS: u32 = 16;
const BUFFER_BYTES: usize = 256 * 1024;
