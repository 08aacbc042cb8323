//! Where files are put here: below one folder, and nowhere else.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use switchboard_files::{FileError, Folder, Name};

use crate::error::Error;

/// A folder here, below which files are put. Whatever they are called, no link is followed, so they
/// come to lie nowhere else.
pub struct Destination {
    path: PathBuf,
    pub(crate) folder: Folder,
}

impl Destination {
    /// The folder at this path, which may lead through links.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let folder = Folder::open(path).map_err(|error| Error::CannotCreate {
            file: path.to_owned(),
            cause: FileError::Io(error),
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder: folder.with_hidden(true),
        })
    }

    /// The destination for the file at this path, and the name of that there.
    ///
    /// # Errors
    ///
    /// There is no such folder, or the path does not end in a name.
    pub fn around(path: &Path) -> Result<(Self, Name), Error> {
        let last = path
            .file_name()
            .map(|last| Name::parse(last.as_encoded_bytes()));
        let Some(Ok(name)) = last else {
            return Err(Error::InvalidInput("a file needs a name here"));
        };
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Ok((Self::open(parent.unwrap_or(Path::new(".")))?, name))
    }

    /// Makes a folder, and those that it is in, where they are not there yet.
    ///
    /// # Errors
    ///
    /// Something else has that name, or the system does not let us.
    pub fn make_folder(&self, name: &Name) -> Result<(), Error> {
        self.make(name).map(drop)
    }

    /// The path of a file, for people.
    pub(crate) fn path_of(&self, name: &Name) -> PathBuf {
        if self.path == Path::new(".") {
            return name.as_path().to_owned();
        }
        self.path.join(name.as_path())
    }

    /// The folder that a file is to lie in, which is made if need be, and its name there.
    pub(crate) fn parent<'a>(&self, name: &'a Name) -> Result<(OwnedFd, &'a [u8]), Error> {
        let (parent, last) = name
            .split_last()
            .ok_or(Error::InvalidInput("a file needs a name"))?;
        Ok((self.make(&parent)?, last))
    }

    fn make(&self, name: &Name) -> Result<OwnedFd, Error> {
        let made = self.folder.make(name);
        made.map_err(|problem| Error::writing(&self.path_of(name), problem))
    }
}
