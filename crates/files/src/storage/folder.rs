//! A folder that is served, and what is below it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::fsync;

use crate::error::FileError;
use crate::name::{Name, NameError};
use crate::protocol::attributes::Attributes;
use crate::protocol::entry::{Entry, Kind};
use crate::storage::listing::Listing;
use crate::storage::resolve;
use crate::storage::source::Source;
use crate::storage::temporary;
use crate::storage::usage::Usage;

/// A folder to which all access is confined.
///
/// The kernel resolves each name below it (`openat2`) and refuses symbolic links, also while others
/// rename things, so no name leads outside. Only regular files and folders are visible.
///
/// It stays the same folder if it is moved or renamed. Clones share it.
#[derive(Clone, Debug)]
pub struct Folder {
    root: Arc<OwnedFd>,
    pub(super) usage: Arc<Usage>,
    hidden: bool,
}

/// How far the path to a folder exists.
pub(super) enum Descent {
    Complete(OwnedFd),
    /// The rest is missing below this folder.
    Partial(OwnedFd),
}

impl Folder {
    /// Opens the folder at `path`. Symbolic links in `path` are followed.
    ///
    /// # Errors
    ///
    /// There is no folder, it cannot be read, or the system has no `openat2` (before Linux 5.6).
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = nix::fcntl::open(path.as_ref(), flags, Mode::empty())?;
        resolve::open(&root, Name::root().as_path(), OFlag::O_PATH)?;
        Ok(Self {
            root: Arc::new(root),
            usage: Arc::default(),
            hidden: false,
        })
    }

    /// Opens the parent folder of the file at `path`, with hidden names; also returns the file's name.
    /// The file need not exist.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); or `path` does not end in a name.
    pub fn parent_of(path: impl AsRef<Path>) -> Result<(Self, Name), FileError> {
        let path = path.as_ref();
        let last = path.file_name().ok_or(NameError::Empty)?;
        let name = Name::parse(last.as_encoded_bytes())?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Self::open(parent)?,
            _ => Self::open(".")?,
        };
        Ok((folder.with_hidden(true), name))
    }

    /// Sets whether names with a part that begins with a dot are visible. The default is no.
    #[must_use]
    pub fn with_hidden(self, hidden: bool) -> Self {
        Self { hidden, ..self }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// There is no regular file of this name, or it cannot be opened.
    pub fn read(&self, name: &Name) -> Result<Source, FileError> {
        // Opening alone has effects on a device or a pipe, so the kind is checked before; and again
        // after, in case the name changed hands.
        match self.entry(name)?.kind {
            Kind::File(_) => Source::new(File::from(self.resolve(name, OFlag::O_RDONLY)?)),
            Kind::Folder => Err(FileError::NotAFile),
        }
    }

    /// Describes the file or folder of this name, under its whole name; `/` for the folder itself.
    ///
    /// # Errors
    ///
    /// There is no such file or folder.
    pub fn entry(&self, name: &Name) -> Result<Entry, FileError> {
        let stat = fstat(self.resolve(name, OFlag::O_PATH)?)?;
        let displayed = if name.is_root() {
            b"/"
        } else {
            name.as_bytes()
        };
        Entry::from_stat(&stat, displayed.to_owned()).ok_or(FileError::NotFound)
    }

    /// What a client restores of a file beside its content.
    ///
    /// # Errors
    ///
    /// There is no regular file of this name.
    pub fn attributes(&self, name: &Name) -> Result<Attributes, FileError> {
        let stat = fstat(self.resolve(name, OFlag::O_PATH)?)?;
        match Kind::of(&stat).ok_or(FileError::NotFound)? {
            Kind::File(_) => Ok(Attributes::from_stat(&stat)),
            Kind::Folder => Err(FileError::NotAFile),
        }
    }

    /// Lists the files and folders in a folder.
    ///
    /// # Errors
    ///
    /// There is no such folder, or it cannot be read.
    pub fn list(&self, name: &Name) -> Result<Listing, FileError> {
        Listing::new(self.open_folder(name)?, self.hidden)
    }

    /// Removes the hidden files of uploads into this folder whose processes were killed, and with
    /// `recursive` those into the folders below it, for two seconds at most. Those of running uploads
    /// are kept.
    pub fn remove_stale(&self, name: &Name, recursive: bool) {
        let begin = Instant::now();
        let folder = self.clone().with_hidden(true);
        let mut names = vec![name.clone()];
        while let Some(name) = names.pop() {
            let (Ok(opened), Ok(mut listing)) = (folder.open_folder(&name), folder.list(&name))
            else {
                continue;
            };
            loop {
                if MAX_SWEEP_TIME < begin.elapsed() {
                    return;
                }
                let page = match listing.read() {
                    Ok(Some(page)) => page,
                    Ok(None) => continue,
                    Err(_) => break,
                };
                for entry in page.entries {
                    match entry.kind {
                        Kind::File(_) => temporary::remove_stale(&opened, &entry.name).ok(),
                        Kind::Folder if recursive => {
                            name.join(&entry.name).ok().map(|name| names.push(name))
                        }
                        Kind::Folder => None,
                    };
                }
                if page.is_last {
                    break;
                }
            }
        }
    }

    /// Creates the folder of this name and its missing parents. It may exist already.
    ///
    /// # Errors
    ///
    /// Something else has the name, or the system denies it.
    pub fn create_folder(&self, name: &Name) -> Result<(), FileError> {
        match self.descend(name, true)? {
            Descent::Complete(_) => Ok(()),
            Descent::Partial(_) => Err(FileError::NotFound), // removed at once
        }
    }

    /// Opens a folder for reading.
    pub(super) fn open_folder(&self, name: &Name) -> Result<OwnedFd, FileError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        match self.resolve(name, flags) {
            // ENOTDIR also means that the name itself is a file.
            Err(FileError::NotFound) if self.entry(name).is_ok() => Err(FileError::NotAFolder),
            opened => opened,
        }
    }

    /// Opens the folder of this name, as far as the path exists; missing folders are created if
    /// `create`.
    pub(super) fn descend(&self, name: &Name, create: bool) -> Result<Descent, FileError> {
        let mut above = self.open_folder(&Name::root())?;
        for part in name.parts() {
            let open = || resolve::open(&above, part, OFlag::O_RDONLY | OFlag::O_DIRECTORY);
            above = match open() {
                Err(Errno::ENOENT) if !create => return Ok(Descent::Partial(above)),
                Err(Errno::ENOENT) => {
                    match mkdirat(&above, part, Mode::from_bits_truncate(0o777)) {
                        Ok(()) => fsync(&above)?,
                        Err(Errno::EEXIST) => (), // another process was faster
                        Err(errno) => return Err(errno.into()),
                    }
                    open()?
                }
                Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(FileError::NotAFolder),
                opened => opened?,
            };
        }
        Ok(Descent::Complete(above))
    }

    /// Whether the name is hidden and hidden names are not visible.
    pub(super) fn hides(&self, name: &Name) -> bool {
        name.is_hidden() && !self.hidden
    }

    fn resolve(&self, name: &Name, flags: OFlag) -> Result<OwnedFd, FileError> {
        if self.hides(name) {
            return Err(FileError::NotFound);
        }
        Ok(resolve::open(&self.root, name.as_path(), flags)?)
    }
}

const MAX_SWEEP_TIME: Duration = Duration::from_secs(2); // a server does not listen meanwhile

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

    /// A folder with one entry of each kind, inside another folder.
    fn example() -> (TempDir, Folder) {
        let directory = tempdir().expect("a temporary folder");
        let top = directory.path().join("top");
        fs::create_dir_all(top.join("sub/deep")).expect("the disk has room");
        fs::write(directory.path().join("secret"), "outside").expect("the disk has room");
        fs::write(top.join("notes"), "inside").expect("the disk has room");
        fs::write(top.join("sub/more"), "").expect("the disk has room");
        fs::write(top.join(".dot"), "hidden").expect("the disk has room");
        symlink("notes", top.join("link")).expect("the disk has room");
        symlink("../secret", top.join("out")).expect("the disk has room");
        symlink("/", top.join("up")).expect("the disk has room");
        symlink("sub", top.join("sub-link")).expect("the disk has room");
        mkfifo(&top.join("pipe"), Mode::S_IRWXU).expect("the disk has room");
        let folder = Folder::open(top).expect("a folder");
        (directory, folder)
    }

    fn names(folder: &Folder, of: &str) -> Vec<String> {
        let mut listing = folder.list(&name(of)).expect("a folder");
        let page = listing.read().expect("a folder").expect("few entries");
        let name = |entry: Entry| String::from_utf8(entry.name).expect("these are text");
        page.entries.into_iter().map(name).collect()
    }

    #[test]
    fn only_regular_files_are_read() {
        let (_directory, folder) = example();
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
            let error = folder.read(&name(missing)).expect_err(missing);
            assert!(matches!(error, FileError::NotFound), "{missing}: {error}");
            let error = folder.entry(&name(missing)).expect_err(missing);
            assert!(matches!(error, FileError::NotFound), "{missing}: {error}");
        }
        // The system takes such a name for that of a folder.
        for folder_name in ["notes/", "notes/.", "sub/more//"] {
            let error = folder.read(&name(folder_name)).expect_err(folder_name);
            assert!(matches!(error, FileError::NotFound), "{error}");
            let error = folder.entry(&name(folder_name)).expect_err(folder_name);
            assert!(matches!(error, FileError::NotFound), "{error}");
        }
        for no_file in ["", "sub"] {
            let error = folder.read(&name(no_file)).expect_err(no_file);
            assert!(matches!(error, FileError::NotAFile), "{no_file}: {error}");
        }
        let folder = folder.with_hidden(true);
        assert_eq!(folder.read(&name(".dot")).expect("a file").length, 6);
    }

    #[test]
    fn folders_are_listed() {
        let (_directory, folder) = example();
        assert_eq!(names(&folder, "/"), ["notes", "sub"]);
        assert_eq!(names(&folder, "sub"), ["deep", "more"]);
        assert_eq!(names(&folder, "sub/deep"), [""; 0]);
        let hidden = folder.clone().with_hidden(true);
        assert_eq!(names(&hidden, "/"), [".dot", "notes", "sub"]);
        let error = |of| folder.list(&name(of)).expect_err(of);
        assert!(matches!(error("none"), FileError::NotFound));
        assert!(matches!(error("up"), FileError::NotFound));
        assert!(matches!(error("notes"), FileError::NotAFolder));
        let entry = folder.entry(&name("sub")).expect("a folder");
        assert_eq!((entry.kind, &*entry.name), (Kind::Folder, &b"sub"[..]));
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let (directory, folder) = example();
        let path = directory.path().join("top/pipe");
        // A pipe can be opened for writing only while another process has it open for reading.
        folder.read(&name("pipe")).expect_err("no file");
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK;
        let opened = nix::fcntl::open(&path, flags, Mode::empty());
        assert_eq!(opened.expect_err("no reader"), Errno::ENXIO);
    }

    #[test]
    fn a_folder_stays_the_same_when_it_is_moved() {
        let (directory, folder) = example();
        fs::rename(directory.path().join("top"), directory.path().join("moved"))
            .expect("the disk has room");
        assert_eq!(folder.read(&name("notes")).expect("a file").length, 6);
    }

    #[test]
    fn only_a_folder_is_opened() {
        let (directory, _) = example();
        Folder::open(directory.path().join("secret")).expect_err("a file");
        Folder::open(directory.path().join("none")).expect_err("nothing");
        let (folder, name) = Folder::parent_of(directory.path().join("secret")).expect("a path");
        assert_eq!(folder.read(&name).expect("a file").length, 7);
        for no_name in ["/", "..", "."] {
            let error = Folder::parent_of(no_name).expect_err(no_name);
            assert!(matches!(error, FileError::Name(NameError::Empty)));
        }
    }
}
