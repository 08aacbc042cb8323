//! All files below a local folder, in order to put them.

use std::cmp::Reverse;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use switchboard_files::Name;

use crate::files::error::{DisplayPath, Error};

/// Iterates over the files below a folder, sorted by name. Symbolic links are not followed, and hidden
/// names, which begin with a dot, are skipped.
pub struct LocalWalk {
    hidden: bool,
    folders: Vec<(PathBuf, Name)>,
    files: Vec<Found>, // of one folder, in reverse order
}

/// What was found below a folder.
#[derive(Debug)]
pub enum Found {
    /// A regular file: its path, and its name on the server.
    File(PathBuf, Name),
    /// Something that is skipped; with a message that says so.
    Skipped(String),
    /// A file or folder that cannot be read.
    Unreadable(PathBuf, Error),
}

impl LocalWalk {
    /// Below the folder at `path`. `name` is that of the folder on the server.
    #[must_use]
    pub fn new(path: &Path, name: Name) -> Self {
        Self {
            hidden: false,
            folders: vec![(path.to_owned(), name)],
            files: Vec::new(),
        }
    }

    /// Also returns what has a hidden name, if `hidden`.
    #[must_use]
    pub fn with_hidden(self, hidden: bool) -> Self {
        Self { hidden, ..self }
    }

    fn open(&mut self, folder: &Path, name: &Name) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_cached_key(|entry| Reverse(entry.file_name())); // taken from the end
        entries.iter().try_for_each(|entry| self.keep(entry, name))
    }

    fn keep(&mut self, entry: &DirEntry, folder: &Name) -> io::Result<()> {
        let (path, last, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
        let skipped = |reason| Found::Skipped(format!("{} {reason}", DisplayPath(&path)));
        let found = match folder.join(last.as_bytes()) {
            _ if last.as_bytes().starts_with(b".") && !self.hidden => {
                skipped("is hidden: skipped (--hidden includes it)")
            }
            Err(error) => {
                let error = Error::reading(Path::new(&last), error);
                Found::Unreadable(path, error)
            }
            Ok(name) if kind.is_file() => Found::File(path, name),
            Ok(name) if kind.is_dir() => {
                self.folders.push((path, name));
                return Ok(());
            }
            Ok(_) => skipped("is not a regular file: skipped"),
        };
        self.files.push(found);
        Ok(())
    }
}

impl Iterator for LocalWalk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.files.pop() {
                return Some(found);
            }
            let (folder, name) = self.folders.pop()?;
            if let Err(error) = self.open(&folder, &name) {
                let error = Error::reading(&folder, error);
                return Some(Found::Unreadable(folder, error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::*;
    use switchboard_files::Quoted;

    #[test]
    fn files_are_found_and_links_are_not_followed() {
        let directory = tempdir().expect("a temporary folder");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("b/c")).expect("the disk has room");
        fs::create_dir(path("b/.d")).expect("the disk has room");
        for file in ["a", "z", ".e", "b/one", "b/c/two", "b/.d/three"] {
            fs::write(path(file), "").expect("the disk has room");
        }
        symlink("/etc", path("etc")).expect("the disk has room");
        let found = |hidden| -> Vec<String> {
            let top = Name::parse(b"top").expect("a name");
            let walk = LocalWalk::new(directory.path(), top).with_hidden(hidden);
            walk.map(|found| match found {
                Found::File(_, name) => Quoted::from(&name).to_string(),
                Found::Skipped(message) => message[message.rfind('/').unwrap_or(0)..].to_owned(),
                Found::Unreadable(_, error) => error.to_string(),
            })
            .collect()
        };
        let expected = [
            "/.e is hidden: skipped (--hidden includes it)",
            "top/a",
            "/etc is not a regular file: skipped",
            "top/z",
            "/.d is hidden: skipped (--hidden includes it)",
            "top/b/one",
            "top/b/c/two",
        ];
        assert_eq!(found(false), expected);
        let expected = [
            "top/.e",
            "top/a",
            "/etc is not a regular file: skipped",
            "top/z",
            "top/b/one",
            "top/b/.d/three",
            "top/b/c/two",
        ];
        assert_eq!(found(true), expected);
    }
}
