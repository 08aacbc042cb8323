//! Where received files go.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use switchboard_files::{AtomicFile, FileError, Folder, Name, Rules};

use crate::files::error::Error;

/// A local folder that receives files. No symbolic link below it is followed, whatever names a server
/// sends, so no file is created outside.
pub struct Destination {
    path: PathBuf,
    pub(crate) folder: Folder,
    swept: RefCell<Option<Name>>, // the last folder without stale files
}

/// Where one file goes.
pub enum Target<'a> {
    /// To a writer, as it arrives. A digest that differs is detected only afterwards.
    Output(&'a mut dyn Write),
    /// Into a file that is complete or absent.
    File {
        /// Below this folder.
        destination: &'a Destination,
        /// Under this name.
        name: &'a Name,
        /// Whether an existing file is replaced.
        overwrite: bool,
        /// Whether an incomplete file is kept as `NAME.part`, and the next transfer continues it.
        resume: bool,
        /// Whether the file gets the modification time of the server's file and is executable if that
        /// is. TFTP has neither.
        preserve: bool,
    },
}

impl Destination {
    /// Opens the folder at `path`. Symbolic links in `path` are followed.
    ///
    /// # Errors
    ///
    /// It does not exist or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let folder = Folder::open(path).map_err(|error| Error::CannotCreate {
            file: path.to_owned(),
            cause: match error.kind() {
                io::ErrorKind::NotADirectory => FileError::NotAFolder,
                _ => error.into(),
            },
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder: folder.with_hidden(true),
            swept: RefCell::default(),
        })
    }

    /// Opens the parent folder of the file at `path`; also returns the file's name in it.
    ///
    /// # Errors
    ///
    /// There is no such folder, or `path` does not end in a name.
    pub fn parent_of(path: &Path) -> Result<(Self, Name), Error> {
        let (folder, name) = Folder::parent_of(path).map_err(|error| match error {
            FileError::Name(_) => Error::InvalidInput("the path does not end in a file name"),
            cause => Error::CannotCreate {
                file: path.to_owned(),
                cause,
            },
        })?;
        let path = path.parent().unwrap_or(Path::new("")).to_owned();
        let destination = Self {
            path,
            folder,
            swept: RefCell::default(),
        };
        Ok((destination, name))
    }

    /// Creates a folder and its missing parents. It may exist already.
    ///
    /// # Errors
    ///
    /// Something else has the name, or the system denies it.
    pub fn make_folder(&self, name: &Name) -> Result<(), Error> {
        let created = self.folder.create_folder(name);
        created.map_err(|error| Error::writing(&self.path_of(name), error))
    }

    /// Begins a file, and its missing folders; also returns the path that it has meanwhile, to display.
    /// If `resume`, that is `NAME.part`, which an earlier transfer may have left.
    pub(crate) fn create(
        &self,
        name: &Name,
        overwrite: bool,
        resume: bool,
    ) -> Result<(AtomicFile, PathBuf), Error> {
        let rules = Rules {
            overwrite,
            make_folders: true,
            ..Rules::default()
        };
        let path = self.path_of(name);
        if overwrite {
            self.remove_stale(name);
        }
        if !resume {
            // The length is the server's claim, so no space is allocated for it.
            let created = AtomicFile::create(&self.folder, name, None, rules);
            let file = created.map_err(|error| Error::writing(&path, error))?;
            return Ok((file, path));
        }
        if let Some((parent, _)) = name.split_last() {
            self.make_folder(&parent)?;
        }
        let file = path.with_added_extension("part");
        match AtomicFile::resume(&self.folder, name, rules) {
            Ok(resumed) => Ok((resumed, file)),
            Err(cause) => Err(Error::CannotCreate { file, cause }),
        }
    }

    /// Removes what an earlier process left that was killed when it replaced a file beside this one.
    fn remove_stale(&self, name: &Name) {
        let parent = name.split_last().map(|(parent, _)| parent);
        let mut swept = self.swept.borrow_mut();
        if *swept != parent
            && let Some(parent) = &parent
        {
            self.folder.remove_stale(parent, false);
        }
        *swept = parent;
    }

    /// The path of a file, to display.
    pub(crate) fn path_of(&self, name: &Name) -> PathBuf {
        if self.path == Path::new(".") {
            return name.as_path().to_owned();
        }
        self.path.join(name.as_path())
    }
}
