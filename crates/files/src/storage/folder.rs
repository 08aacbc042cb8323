//! A folder that is shown to others, and that nobody leaves.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, fstat, fstatat};

use crate::error::FileError;
use crate::name::{Name, NameError};
use crate::protocol::entry::{Entry, Kind};
use crate::storage::atomic_file::{AtomicFile, Rules};
use crate::storage::resolve;
use crate::storage::source::Source;

/// A folder, of which others may read, and perhaps write, what is below it.
///
/// The system itself resolves each name below the folder (`openat2`), whatever is moved about at
/// the same time: no part may be a link, so nothing leads outside. Only regular files and folders
/// are there.
///
/// It is the same folder when it is moved or renamed, and for all clones of this.
#[derive(Clone, Debug)]
pub struct Folder {
    top: Arc<OwnedFd>,
    hidden: bool,
}

impl Folder {
    /// The folder at `path`, which may lead through links.
    ///
    /// # Errors
    ///
    /// There is none, it may not be read, or the system has no `openat2` (before Linux 5.6).
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let top = nix::fcntl::open(path.as_ref(), flags, Mode::empty())?;
        let folder = Self {
            top: Arc::new(top),
            hidden: false,
        };
        resolve::open(&folder.top, Name::root().as_path(), OFlag::O_PATH)?;
        Ok(folder)
    }

    /// The folder that the file at `path` is or is to be in, and its name there. Nothing is hidden.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); or `path` does not end in a name.
    pub fn around(path: impl AsRef<Path>) -> Result<(Self, Name), FileError> {
        let path = path.as_ref();
        let last = path.file_name().ok_or(NameError::Empty)?;
        let name = Name::parse(last.as_encoded_bytes())?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Self::open(parent)?,
            _ => Self::open(".")?,
        };
        Ok((folder.with_hidden(true), name))
    }

    /// It with the files and folders whose names begin with a dot, or without them as at first.
    #[must_use]
    pub fn with_hidden(self, hidden: bool) -> Self {
        Self { hidden, ..self }
    }

    /// The file of this name, opened for reading.
    ///
    /// # Errors
    ///
    /// There is no regular file of this name, or it may not be read.
    pub fn read(&self, name: &Name) -> Result<Source, FileError> {
        // Nothing else is even opened, since that alone can do something: start a device, or let
        // the writer of a pipe go. What was opened then is looked at again.
        match self.entry(name)?.kind {
            Kind::File(_) => Source::new(File::from(self.open_beneath(name, OFlag::O_RDONLY)?)),
            Kind::Folder => Err(FileError::NotAFile),
        }
    }

    /// What there is to know of the file or folder of this name, under that name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn entry(&self, name: &Name) -> Result<Entry, FileError> {
        let found = self.open_beneath(name, OFlag::O_PATH)?;
        let shown = if name.is_root() {
            b"/"
        } else {
            name.as_bytes()
        };
        Entry::from_stat(&fstat(found)?, shown.to_owned()).ok_or(FileError::NotFound)
    }

    /// The files and folders in the folder of this name, in the order of their bytes; each under the
    /// last part of its name.
    ///
    /// # Errors
    ///
    /// There is no such folder, it may not be read, or has more than 100,000 entries.
    pub fn list(&self, name: &Name) -> Result<Vec<Entry>, FileError> {
        let mut dir = Dir::from_fd(self.folder(name)?)?;
        let mut entries = Vec::new();
        let mut names = Vec::new();
        for found in dir.iter() {
            let found = found?;
            let name = found.file_name().to_bytes();
            if matches!(name, b"." | b"..") || (name.starts_with(b".") && !self.hidden) {
                continue;
            }
            if names.len() == MOST_ENTRIES {
                return Err(FileError::TooManyEntries { most: MOST_ENTRIES });
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        for name in names {
            match fstatat(&dir, &*name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => entries.extend(Entry::from_stat(&stat, name)),
                Err(Errno::ENOENT) => (), // it has gone meanwhile
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(entries)
    }

    /// Begins a file that is to get this name; `length` is how long it will be, if that is known.
    ///
    /// # Errors
    ///
    /// It could not be kept: it is too large, there is no room, or there is something of this name.
    pub fn draft(
        &self,
        name: &Name,
        length: Option<u64>,
        rules: Rules,
    ) -> Result<AtomicFile, FileError> {
        if name.is_hidden() && !self.hidden {
            return Err(NameError::Hidden.into());
        }
        AtomicFile::begin(self, name, length, rules)
    }

    /// The folder of this name, opened for reading.
    pub(crate) fn folder(&self, name: &Name) -> Result<OwnedFd, FileError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        match self.open_beneath(name, flags) {
            // The system says so of a file as well.
            Err(FileError::NotFound) if self.entry(name).is_ok() => Err(FileError::NotAFolder),
            opened => opened,
        }
    }

    /// What has this name, unless it is hidden.
    fn open_beneath(&self, name: &Name, flags: OFlag) -> Result<OwnedFd, FileError> {
        if name.is_hidden() && !self.hidden {
            return Err(FileError::NotFound);
        }
        Ok(resolve::open(&self.top, name.as_path(), flags)?)
    }
}

const MOST_ENTRIES: usize = 100_000; // some ten megabytes, while they are told

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;
    use tempfile::{TempDir, tempdir};

    use super::*;

    fn name(bytes: impl AsRef<[u8]>) -> Name {
        Name::parse(bytes.as_ref()).expect("a name")
    }

    /// A folder in a folder, with one of everything.
    fn place() -> (TempDir, Folder) {
        let place = tempdir().expect("a temporary folder");
        let top = place.path().join("top");
        fs::create_dir_all(top.join("sub/deep")).expect("room");
        fs::write(place.path().join("secret"), "outside").expect("room");
        fs::write(top.join("notes"), "inside").expect("room");
        fs::write(top.join("sub/more"), "").expect("room");
        fs::write(top.join(".dot"), "hidden").expect("room");
        symlink("notes", top.join("link")).expect("room");
        symlink("../secret", top.join("out")).expect("room");
        symlink("/", top.join("up")).expect("room");
        symlink("sub", top.join("sub-link")).expect("room");
        mkfifo(&top.join("pipe"), Mode::S_IRWXU).expect("room");
        let folder = Folder::open(top).expect("a folder");
        (place, folder)
    }

    fn names(folder: &Folder, of: &str) -> Vec<String> {
        let entries = folder.list(&name(of)).expect("a folder");
        let name = |entry: Entry| String::from_utf8(entry.name).expect("these are text");
        entries.into_iter().map(name).collect()
    }

    #[test]
    fn files_are_read_and_nothing_else() {
        let (_place, folder) = place();
        let source = folder.read(&name("notes")).expect("a file");
        assert_eq!(source.length, 6);
        assert_eq!(folder.read(&name("/sub//more")).expect("a file").length, 0);
        for missing in [
            "none",
            "link",
            "out",
            "pipe",
            "up/etc",
            "sub-link/more",
            ".dot",
            "notes/a",
        ] {
            let problem = folder.read(&name(missing)).expect_err(missing);
            assert!(
                matches!(problem, FileError::NotFound),
                "{missing}: {problem}"
            );
            let problem = folder.entry(&name(missing)).expect_err(missing);
            assert!(
                matches!(problem, FileError::NotFound),
                "{missing}: {problem}"
            );
        }
        for no_file in ["", "sub"] {
            let problem = folder.read(&name(no_file)).expect_err(no_file);
            assert!(
                matches!(problem, FileError::NotAFile),
                "{no_file}: {problem}"
            );
        }
        let folder = folder.with_hidden(true);
        assert_eq!(folder.read(&name(".dot")).expect("a file").length, 6);
    }

    #[test]
    fn folders_are_listed() {
        let (_place, folder) = place();
        assert_eq!(names(&folder, "/"), ["notes", "sub"]);
        assert_eq!(names(&folder, "sub"), ["deep", "more"]);
        assert_eq!(names(&folder, "sub/deep"), [""; 0]);
        let hidden = folder.clone().with_hidden(true);
        assert_eq!(names(&hidden, "/"), [".dot", "notes", "sub"]);
        let problem = |of| folder.list(&name(of)).expect_err(of);
        assert!(matches!(problem("none"), FileError::NotFound));
        assert!(matches!(problem("up"), FileError::NotFound));
        assert!(matches!(problem("notes"), FileError::NotAFolder));
        let entry = folder.entry(&name("sub")).expect("a folder");
        assert_eq!((entry.kind, &*entry.name), (Kind::Folder, &b"sub"[..]));
    }

    #[test]
    fn a_pipe_is_left_alone() {
        let (place, folder) = place();
        let path = place.path().join("top/pipe");
        // Who reads can open it at once, without anybody who writes; who writes cannot, unless
        // somebody reads.
        folder.read(&name("pipe")).expect_err("no file");
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK;
        let opened = nix::fcntl::open(&path, flags, Mode::empty());
        assert_eq!(opened.expect_err("nobody reads"), Errno::ENXIO);
    }

    #[test]
    fn a_folder_stays_the_same_when_it_is_moved() {
        let (place, folder) = place();
        fs::rename(place.path().join("top"), place.path().join("moved")).expect("room");
        assert_eq!(folder.read(&name("notes")).expect("a file").length, 6);
    }

    #[test]
    fn what_is_no_folder_is_not_opened() {
        let (place, _) = place();
        Folder::open(place.path().join("secret")).expect_err("a file");
        Folder::open(place.path().join("none")).expect_err("nothing");
        let (folder, name) = Folder::around(place.path().join("secret")).expect("a path");
        assert_eq!(folder.read(&name).expect("a file").length, 7);
        for no_name in ["/", "..", "."] {
            let problem = Folder::around(no_name).expect_err(no_name);
            assert!(matches!(problem, FileError::Name(NameError::Empty)));
        }
    }
}
