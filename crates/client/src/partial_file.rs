//! A file that survives an interrupted transfer.

use std::path::{Path, PathBuf};

use switchboard_files::{AtomicFile, Content, Digest, Name};

use crate::destination::{Destination, rules};
use crate::error::Error;

/// The file `NAME.part`, which becomes `NAME` when it is complete. Unless it is empty, it is kept when
/// this is dropped before.
pub(crate) struct PartialFile {
    file: AtomicFile,
    path: PathBuf,
    part_path: PathBuf,
}

impl PartialFile {
    /// Opens what an earlier transfer left, or creates an empty file; locked against other processes.
    pub(crate) fn open(
        destination: &Destination,
        name: &Name,
        overwrite: bool,
    ) -> Result<Self, Error> {
        if let Some((parent, _)) = name.split_last() {
            destination.make_folder(&parent)?;
        }
        let path = destination.path_of(name);
        let mut part_path = path.clone().into_os_string();
        part_path.push(".part");
        let part_path = PathBuf::from(part_path);
        let file = AtomicFile::resume(&destination.folder, name, rules(overwrite));
        Ok(Self {
            file: file.map_err(|cause| Error::CannotCreate {
                file: part_path.clone(),
                cause,
            })?,
            path,
            part_path,
        })
    }

    pub(crate) fn length(&self) -> u64 {
        self.file.length()
    }

    /// The path of `NAME.part`, to display.
    pub(crate) fn part_path(&self) -> &Path {
        &self.part_path
    }

    /// Hashes about `max_bytes` more of what was there. Returns the digest once it is complete.
    pub(crate) fn hash(&mut self, max_bytes: u64) -> Result<Option<Digest>, Error> {
        let hashed = self.file.hash_resumed(max_bytes);
        hashed.map_err(|error| Error::reading(&self.part_path, error))
    }

    /// Discards what is there.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        let cleared = self.file.clear();
        cleared.map_err(|error| Error::writing(&self.part_path, error))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = std::io::Write::write_all(&mut self.file, bytes);
        written.map_err(|error| Error::writing(&self.part_path, error))
    }

    /// Gives the file its name, if it has the `expected` content; else discards it.
    pub(crate) fn publish(self, expected: &Content) -> Result<(), Error> {
        let published = self.file.publish(Some(expected));
        published
            .map(drop)
            .map_err(|error| Error::writing(&self.path, error))
    }
}
