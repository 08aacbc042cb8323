//! All files below a folder here, for putting them.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use switchboard_files::Name;

use crate::error::{Error, Shown};

/// The files below a folder, in the order of their names; links, pipes and devices are none.
pub struct LocalWalk {
    folders: Vec<(PathBuf, Name)>,
    files: Vec<Found>, // of one folder, the last one first
}

/// What is below a folder.
#[derive(Debug)]
pub enum Found {
    /// A file: where it is, and its name as a path from the folder.
    File(PathBuf, Name),
    /// Something else, and what of it is to be told.
    Other(String),
    /// What cannot be read, and why.
    Unreadable(PathBuf, Error),
}

impl LocalWalk {
    /// LocalWalk the folder at this path, each under its name in the folder `name`.
    #[must_use]
    pub fn new(path: &Path, name: Name) -> Self {
        Self {
            folders: vec![(path.to_owned(), name)],
            files: Vec::new(),
        }
    }

    fn open(&mut self, folder: &Path, name: &Name) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::reading(folder, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            entries.push((entry.file_name(), entry.file_type().map_err(failed)?));
        }
        entries.sort_unstable_by(|one, other| other.0.cmp(&one.0)); // they are taken from the end
        for (own, kind) in entries {
            self.keep(folder.join(&own), name, &own, kind);
        }
        Ok(())
    }

    fn keep(&mut self, path: PathBuf, folder: &Name, own: &OsStr, kind: FileType) {
        let found = match folder.join(own.as_bytes()) {
            Err(why) => Found::Unreadable(
                path,
                Error::Local {
                    file: own.into(),
                    cause: why.into(),
                },
            ),
            Ok(name) if kind.is_file() => Found::File(path, name),
            Ok(name) if kind.is_dir() => return self.folders.push((path, name)),
            Ok(_) => Found::Other(format!("{} is no file: left out", Shown(&path))),
        };
        self.files.push(found);
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

    #[test]
    fn files_are_found_and_links_are_not_followed() {
        let place = tempdir().expect("a temporary folder");
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("b/c")).expect("there is room");
        for file in ["a", "z", "b/one", "b/c/two"] {
            fs::write(path(file), "").expect("there is room");
        }
        symlink("/etc", path("etc")).expect("there is room");
        let top = Name::parse(b"top").expect("a name");
        let found: Vec<String> = LocalWalk::new(place.path(), top)
            .map(|found| match found {
                Found::File(_, name) => name.word().to_string(),
                Found::Other(words) => words[words.rfind('/').unwrap_or(0)..].to_owned(),
                Found::Unreadable(_, error) => error.to_string(),
            })
            .collect();
        let expected = [
            "top/a",
            "/etc is no file: left out",
            "top/z",
            "top/b/one",
            "top/b/c/two",
        ];
        assert_eq!(found, expected);
    }
}
