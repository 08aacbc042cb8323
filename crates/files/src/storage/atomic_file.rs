//! A file on its way into a folder.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use nix::unistd::fsync;

use crate::digest::{Content, Hasher};
use crate::error::FileError;
use crate::name::{Name, NameError};
use crate::protocol::entry::{Entry, Kind};
use crate::storage::folder::Folder;
use crate::storage::quota::{self, Most};
use crate::storage::resolve;
use crate::storage::temporary::Temporary;

/// A file that is being written where nobody sees it. It gets its name once it is
/// [published](Self::publish); dropped before that, it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    folder: Folder,
    name: Name,
    rules: Rules,
    temporary: Temporary,
    most: Most,
    length: u64,
    hash: Hasher,
}

/// What may be put into a folder, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// A regular file of the same name is replaced.
    pub overwrite: bool,
    /// The folders that its name leads through are made, where they are missing.
    pub make_folders: bool,
    /// No file has more bytes.
    pub max_file: Option<u64>,
    /// All files of the folder together have no more, hidden ones too. They are counted for each
    /// draft, when it begins and when it ends.
    pub quota: Option<u64>,
}

impl AtomicFile {
    pub(crate) fn begin(
        folder: &Folder,
        name: &Name,
        length: Option<u64>,
        rules: Rules,
    ) -> Result<Self, FileError> {
        let (parent, last) = name.split_last().ok_or(NameError::Empty)?;
        let (parent, replaced) = match descend(folder, &parent, false)? {
            Descent::Arrived(parent) => {
                let replaced = replaced(&parent, last, rules.overwrite)?;
                (parent, replaced)
            }
            Descent::Missing(above) if rules.make_folders => (above, 0),
            Descent::Missing(_) => return Err(FileError::NotFound),
        };
        let most = Most::of(rules, folder, replaced)?;
        most.check(length.unwrap_or(0))?;
        let temporary = Temporary::new(parent)?;
        if let Some(length @ 1..) = length {
            temporary.reserve(length)?;
        }
        Ok(Self {
            folder: folder.clone(),
            name: name.clone(),
            rules,
            temporary,
            most,
            length: 0,
            hash: Hasher::default(),
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// They cannot be written, or the file would be too large. The draft is of no use then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let length = self.length.saturating_add(bytes.len() as u64);
        self.most.check(length)?;
        self.temporary.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length = length;
        Ok(())
    }

    /// Whether it may become so long.
    ///
    /// # Errors
    ///
    /// No file may be that large, or all files together.
    pub fn check_room(&self, length: u64) -> Result<(), FileError> {
        self.most.check(length)
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Gives it its name, once it is what was `expected` and is on the disk; tells what it is.
    ///
    /// That may take as long as the disk needs.
    ///
    /// # Errors
    ///
    /// It is something else, cannot be written, or there is no room or no such name any more; then
    /// nothing stays of it but the folders that were made for it. Only where the system fails to tell that the name is on the disk may it
    /// be there all the same.
    pub fn publish(self, expected: Option<&Content>) -> Result<Content, FileError> {
        let content = Content {
            length: self.length,
            sha256: self.hash.digest(),
        };
        if expected.is_some_and(|expected| *expected != content) {
            return Err(FileError::Mismatch);
        }
        self.temporary.file.sync_all()?;
        let (parent, last) = self.name.split_last().ok_or(NameError::Empty)?;
        let make = self.rules.make_folders;
        let Descent::Arrived(parent) = descend(&self.folder, &parent, make)? else {
            return Err(FileError::NotFound);
        };
        // Whoever else publishes waits, so that what is counted stays true.
        let _lock = match self.rules.quota {
            Some(_) => Some(quota::lock(&self.folder)?),
            None => None,
        };
        let mut replaced = replaced(&parent, last, self.rules.overwrite)?;
        if self.temporary.has_name() {
            replaced += content.length; // it is among those that are counted
        }
        Most::of(self.rules, &self.folder, replaced)?.check(content.length)?;
        let overwrite = self.rules.overwrite;
        self.temporary.publish(&parent, last, overwrite)?;
        fsync(&parent)?;
        Ok(content)
    }
}

impl Folder {
    /// The folder of this name below, opened for reading; those that are missing on the way are made.
    ///
    /// # Errors
    ///
    /// Something else is in the way, or the system does not let us.
    pub fn make(&self, name: &Name) -> Result<OwnedFd, FileError> {
        match descend(self, name, true)? {
            Descent::Arrived(folder) => Ok(folder),
            Descent::Missing(_) => Err(FileError::NotFound), // it was taken away at once
        }
    }
}

/// How far the way down to a folder goes.
enum Descent {
    Arrived(OwnedFd),
    Missing(OwnedFd), // below this one
}

/// Goes down to the folder of this name; those that are missing are made if `make`.
fn descend(folder: &Folder, name: &Name, make: bool) -> Result<Descent, FileError> {
    let mut above = folder.folder(&Name::root())?;
    for part in name.parts() {
        let open = || resolve::open(&above, part, OFlag::O_RDONLY | OFlag::O_DIRECTORY);
        above = match open() {
            Err(Errno::ENOENT) if !make => return Ok(Descent::Missing(above)),
            Err(Errno::ENOENT) => {
                make_folder(&above, part)?;
                open()?
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(FileError::NotAFolder),
            opened => opened?,
        };
    }
    Ok(Descent::Arrived(above))
}

fn make_folder(above: &OwnedFd, part: &[u8]) -> Result<(), FileError> {
    match mkdirat(above, part, Mode::from_bits_truncate(0o777)) {
        Ok(()) => Ok(fsync(above)?),
        Err(Errno::EEXIST) => Ok(()), // somebody else was faster
        Err(errno) => Err(errno.into()),
    }
}

/// How many bytes the file has that would be replaced; whether it may be.
fn replaced(folder: impl AsFd, last: &[u8], overwrite: bool) -> Result<u64, FileError> {
    let stat = match fstatat(folder, last, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(0),
        stat => stat?,
    };
    if !overwrite {
        return Err(FileError::Exists);
    }
    match Entry::from_stat(&stat, Vec::new()).map(|entry| entry.kind) {
        Some(Kind::File(length)) => Ok(length),
        _ => Err(FileError::NotAFile),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::thread;

    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::digest::Digest;

    const PLAIN: Rules = Rules {
        overwrite: false,
        make_folders: false,
        max_file: None,
        quota: None,
    };

    fn place() -> (TempDir, Folder) {
        let place = tempdir().expect("a temporary folder");
        let folder = Folder::open(place.path()).expect("a folder");
        (place, folder)
    }

    fn name(bytes: &str) -> Name {
        Name::parse(bytes.as_bytes()).expect("a name")
    }

    fn content(bytes: &[u8]) -> Content {
        Content {
            length: bytes.len() as u64,
            sha256: Digest::of(bytes),
        }
    }

    /// Puts `bytes`, whose length is known before.
    fn put(folder: &Folder, name: &str, bytes: &[u8], rules: Rules) -> Result<Content, FileError> {
        let length = Some(bytes.len() as u64);
        let mut draft = folder.draft(&self::name(name), length, rules)?;
        draft.write(bytes)?;
        draft.publish(Some(&content(bytes)))
    }

    /// The same, where it is not.
    fn pour(folder: &Folder, name: &str, bytes: &[u8], rules: Rules) -> Result<Content, FileError> {
        let mut draft = folder.draft(&self::name(name), None, rules)?;
        bytes.chunks(3).try_for_each(|piece| draft.write(piece))?;
        draft.publish(None)
    }

    fn publish_at_once<const N: usize>(drafts: [AtomicFile; N]) -> [Result<Content, FileError>; N] {
        thread::scope(|scope| {
            let publishing = drafts.map(|draft| scope.spawn(|| draft.publish(None)));
            publishing.map(|thread| thread.join().expect("no panic"))
        })
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let (place, folder) = place();
        let path = place.path().join("a");
        let mut draft = folder.draft(&name("a"), Some(5), PLAIN).expect("room");
        draft.write(b"hel").expect("room");
        draft.write(b"lo").expect("room");
        assert_eq!(draft.length(), 5);
        assert!(!path.exists());
        let whole = content(b"hello");
        assert_eq!(draft.publish(Some(&whole)).expect("whole"), whole);
        assert_eq!(fs::read(&path).expect("a file"), b"hello");

        for (written, expected) in [
            (&b"hello"[..], b"hullo"),
            (b"hell", b"hello"),
            (b"", b"hello"),
        ] {
            let mut draft = folder.draft(&name("b"), Some(5), PLAIN).expect("room");
            draft.write(written).expect("room");
            let problem = draft
                .publish(Some(&content(expected)))
                .expect_err("another");
            assert!(matches!(problem, FileError::Mismatch), "{problem}");
        }
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1);
        assert_eq!(pour(&folder, "b", b"", PLAIN).expect("room"), content(b""));
    }

    #[test]
    fn what_is_there_is_replaced_only_if_asked() {
        let (place, folder) = place();
        put(&folder, "a", b"first", PLAIN).expect("room");
        fs::create_dir(place.path().join("folder")).expect("room");
        symlink("/etc/passwd", place.path().join("link")).expect("room");
        for there in ["a", "folder", "link"] {
            let problem = put(&folder, there, b"other", PLAIN).expect_err(there);
            assert!(matches!(problem, FileError::Exists), "{there}: {problem}");
        }
        let over = Rules {
            overwrite: true,
            ..PLAIN
        };
        put(&folder, "a", b"other", over).expect("room");
        assert_eq!(fs::read(place.path().join("a")).expect("a file"), b"other");
        for there in ["folder", "link"] {
            let problem = put(&folder, there, b"other", over).expect_err(there);
            assert!(matches!(problem, FileError::NotAFile), "{there}: {problem}");
        }
        // It came while the other was written.
        let draft = folder.draft(&name("b"), None, PLAIN).expect("room");
        put(&folder, "b", b"first", PLAIN).expect("room");
        let problem = draft.publish(None).expect_err("it is there");
        assert!(matches!(problem, FileError::Exists), "{problem}");
        assert_eq!(fs::read(place.path().join("b")).expect("a file"), b"first");
    }

    #[test]
    fn folders_are_made_only_if_asked() {
        let (place, folder) = place();
        let problem = put(&folder, "x/y/a", b"hello", PLAIN).expect_err("no folder");
        assert!(matches!(problem, FileError::NotFound), "{problem}");
        let make = Rules {
            make_folders: true,
            ..PLAIN
        };
        drop(folder.draft(&name("x/y/a"), None, make).expect("room"));
        assert!(!place.path().join("x").exists());
        put(&folder, "x/y/a", b"hello", make).expect("room");
        put(&folder, "x/b", b"hello", make).expect("room");
        assert_eq!(
            fs::read(place.path().join("x/y/a")).expect("a file"),
            b"hello"
        );
        let problem = put(&folder, "x/b/c", b"hello", make).expect_err("a file");
        assert!(matches!(problem, FileError::NotAFolder), "{problem}");
        symlink("/tmp", place.path().join("out")).expect("room");
        for through in ["out/a", "out/a/b"] {
            let problem = put(&folder, through, b"hello", make).expect_err("a link");
            assert!(matches!(problem, FileError::NotAFolder), "{problem}");
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let (_place, folder) = place();
        for (bad, why) in [
            ("/", NameError::Empty),
            (".a", NameError::Hidden),
            (".a/b", NameError::Hidden),
        ] {
            let problem = put(&folder, bad, b"", PLAIN).expect_err(bad);
            assert!(
                matches!(problem, FileError::Name(is) if is == why),
                "{problem}"
            );
        }
        put(&folder.with_hidden(true), ".a", b"", PLAIN).expect("room");
    }

    #[test]
    fn whatever_can_be_put_can_be_read() {
        let (_place, folder) = place();
        let make = Rules {
            make_folders: true,
            ..PLAIN
        };
        let long = format!("{}/", "x".repeat(254)).repeat(16) + "y";
        for length in 4090.. {
            let bytes = format!("{long:y<length$}");
            let Ok(name) = Name::parse(bytes.as_bytes()) else {
                break;
            };
            put(&folder, &bytes, b"hello", make).expect("room");
            assert_eq!(folder.read(&name).expect("a file").length, 5);
        }
    }

    #[test]
    fn no_file_is_too_large_and_neither_are_all() {
        let few = Rules {
            max_file: Some(6),
            quota: Some(10),
            overwrite: true,
            ..PLAIN
        };
        for put in [put, pour] {
            let (place, folder) = place();
            let problem = put(&folder, "a", b"1234567", few).expect_err("too large");
            assert!(
                matches!(problem, FileError::TooLarge { most: 6 }),
                "{problem}"
            );
            fs::write(place.path().join(".hidden"), "12345").expect("room");
            put(&folder, "a", b"12345", few).expect("room");
            let problem = put(&folder, "b", b"1", few).expect_err("no room");
            assert!(
                matches!(problem, FileError::Quota { quota: 10 }),
                "{problem}"
            );
            put(&folder, "a", b"54321", few).expect("in the place of the other");
            fs::create_dir_all(place.path().join("x/y")).expect("room");
            fs::rename(place.path().join("a"), place.path().join("x/y/a")).expect("room");
            put(&folder, "b", b"1", few).expect_err("no room");
            put(&folder, "b", b"", few).expect("nothing needs no room");
        }
    }

    #[test]
    fn two_at_once_do_not_share_the_same_room() {
        for _ in 0..20 {
            let (_place, folder) = place();
            let few = Rules {
                quota: Some(10),
                ..PLAIN
            };
            let drafts = ["a", "b", "c", "d"].map(|name| {
                let mut draft = folder.draft(&self::name(name), Some(4), few).expect("room");
                draft.write(b"1234").expect("room");
                draft
            });
            let done = publish_at_once(drafts);
            assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 2);
            assert_eq!(quota::used(&folder).expect("a folder"), 8);
        }
    }

    #[test]
    fn a_draft_with_a_name_takes_its_room_once() {
        let (place, folder) = place();
        let few = Rules {
            quota: Some(10),
            ..PLAIN
        };
        let put = |beside: &str| {
            let mut draft = folder.draft(&name("a"), Some(6), few).expect("room");
            let here = folder.folder(&Name::root()).expect("a folder");
            draft.temporary = Temporary::with_name(here).expect("room");
            draft.write(b"123456").expect("room");
            fs::write(place.path().join("b"), beside).expect("room");
            let done = draft.publish(None);
            fs::write(place.path().join("b"), "").expect("room");
            done
        };
        let problem = put("12345").expect_err("no room");
        assert!(matches!(problem, FileError::Quota { .. }), "{problem}");
        put("1234").expect("room");
        assert_eq!(quota::used(&folder).expect("a folder"), 6);
    }

    #[test]
    fn one_of_two_gets_the_name() {
        let (_place, folder) = place();
        let drafts = ["one", "two"].map(|bytes| {
            let mut draft = folder.draft(&name("a"), None, PLAIN).expect("room");
            draft.write(bytes.as_bytes()).expect("room");
            draft
        });
        let done = publish_at_once(drafts);
        let lost = done
            .iter()
            .filter(|done| matches!(done, Err(FileError::Exists)));
        assert_eq!(lost.count(), 1);
        assert_eq!(folder.read(&name("a")).expect("a file").length, 3);
    }
}
