//! A file that appears under its name only when it is complete.

use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use nix::unistd::fsync;

use crate::digest::{Content, Hasher};
use crate::error::FileError;
use crate::name::{Name, NameError};
use crate::protocol::attributes::Attributes;
use crate::protocol::entry::Kind;
use crate::storage::folder::{Descent, Folder};
use crate::storage::reservation::Reservation;
use crate::storage::rules::{self, Rules, SizeLimit};
use crate::storage::temporary::Temporary;

/// A file that is written under no name, or a temporary one. [`publish`](Self::publish) gives it its
/// name. Dropped before that, it leaves nothing behind, unless it is [resumable](Self::resume).
///
/// [`Write`] appends to it. Errors of writing are a [`FileError`] within an [`io::Error`]; after one,
/// the file cannot be used any more.
#[derive(Debug)]
pub struct AtomicFile {
    folder: Folder,
    name: Name,
    rules: Rules,
    temporary: Temporary,
    limit: SizeLimit,
    attributes: Option<Attributes>,
    /// If there is a quota, and the file has no name, so that counting the folder does not include it.
    reservation: Option<Reservation>,
    replaced: u64,  // bytes of the file that is replaced
    announced: u64, // bytes
    length: u64,
    hasher: Hasher, // of all bytes, or still of fewer in a resumed file
}

impl AtomicFile {
    /// Begins a file that is to be called `name` in `folder`. If its `length` is known, there must be
    /// space for it.
    ///
    /// # Errors
    ///
    /// It could not be published: the name is not valid or taken, or it exceeds a limit.
    pub fn create(
        folder: &Folder,
        name: &Name,
        length: Option<u64>,
        rules: Rules,
    ) -> Result<Self, FileError> {
        if folder.hides(name) {
            return Err(NameError::Hidden.into());
        }
        if name.is_of_folder() {
            return Err(NameError::Folder.into());
        }
        let (parent, last) = name.split_last().ok_or(NameError::Empty)?;
        let (parent, replaced) = match folder.descend(&parent, false)? {
            Descent::Complete(parent) => {
                let replaced = replaced(&parent, last, rules.overwrite)?;
                (parent, replaced)
            }
            Descent::Partial(above) if rules.make_folders => (above, 0),
            Descent::Partial(_) => return Err(FileError::NotFound),
        };
        let limit = SizeLimit::new(&rules)?;
        limit.check(length.unwrap_or(0))?;
        let temporary = Temporary::new(parent)?;
        let counts = rules.quota.is_some() && !temporary.has_name();
        let mut file = Self {
            folder: folder.clone(),
            name: name.clone(),
            rules,
            temporary,
            limit,
            attributes: None,
            reservation: counts.then(|| Reservation::new(folder)).transpose()?,
            replaced,
            announced: 0,
            length: 0,
            hasher: Hasher::default(),
        };
        if let Some(length @ 1..) = length {
            file.announced = length;
            file.make_room(1)?;
            file.temporary.announce(length)?;
        }
        Ok(file)
    }

    /// Begins a file with the content of `NAME.part`, which is kept when the file is dropped before it
    /// is published, unless it is empty. No other process can resume it meanwhile.
    ///
    /// # Errors
    ///
    /// `NAME.part` is in use or cannot be opened, or the parent folder does not exist.
    pub fn resume(folder: &Folder, name: &Name, rules: Rules) -> Result<Self, FileError> {
        let (parent, last) = name.split_last().ok_or(NameError::Empty)?;
        let mut temporary = Temporary::resume(folder.open_folder(&parent)?, last)?;
        let length = temporary.file.seek(SeekFrom::End(0))?;
        Ok(Self {
            folder: folder.clone(),
            name: name.clone(),
            rules,
            temporary,
            limit: SizeLimit::new(&rules)?,
            attributes: None,
            reservation: None,
            replaced: 0,
            announced: 0,
            length,
            hasher: Hasher::default(),
        })
    }

    /// Hashes about `max_bytes` more of the content that was there when the file was
    /// [resumed](Self::resume). Returns it once it is complete; only then may bytes be
    /// appended.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn hash_resumed(&mut self, max_bytes: u64) -> Result<Option<Content>, FileError> {
        let file = &self.temporary.file;
        self.hasher.read_file(file, self.length, max_bytes)
    }

    /// Discards all content.
    ///
    /// # Errors
    ///
    /// The file cannot be truncated.
    pub fn clear(&mut self) -> Result<(), FileError> {
        self.temporary.file.set_len(0)?;
        self.temporary.file.rewind()?;
        self.hasher = Hasher::default();
        self.length = 0;
        Ok(())
    }

    /// Sets the attributes that the file gets when it is published. It becomes executable for those who
    /// may read it.
    pub fn set_attributes(&mut self, attributes: Attributes) {
        self.attributes = Some(attributes);
    }

    /// Announces the length of the file, in bytes. Whether the quota allows it is checked with the
    /// first bytes that are written: that may take long, and the peer may be a forged one that sends
    /// none.
    ///
    /// # Errors
    ///
    /// It exceeds another limit.
    pub fn announce(&mut self, length: u64) -> Result<(), FileError> {
        self.announced = length;
        self.limit.check(length)
    }

    /// Fails if a file of `length` bytes exceeds a limit. Else they count against the quota.
    fn make_room(&mut self, length: u64) -> Result<(), FileError> {
        self.limit.check(length)?;
        let reserved = self.reservation.as_ref().map_or(0, Reservation::bytes);
        let Some(quota) = self.rules.quota.filter(|_| reserved < length) else {
            return Ok(());
        };
        let mut used = self.folder.usage.recent(|| rules::used(&self.folder))?;
        used = used.saturating_sub(self.replaced);
        if self.reservation.is_none() {
            used = used.saturating_sub(self.length); // it is counted itself
        }
        // Checked once, and not reserved: it may never be sent.
        let most = if reserved == 0 {
            length.max(self.announced)
        } else {
            length
        };
        let fits = |others: u64| used.saturating_add(others).saturating_add(most) <= quota;
        let others = self.reservation.as_ref().map_or(0, Reservation::others);
        let mut has_room = fits(others);
        if has_room && let Some(reservation) = &mut self.reservation {
            reservation.reserve(length);
            // Of two files at the same time, at least one counts the other now.
            has_room = fits(reservation.others());
            if !has_room {
                reservation.reserve(reserved);
            }
        }
        has_room.then_some(()).ok_or(FileError::Quota { quota })
    }

    /// In bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Checks the content if it is known, syncs it to disk and gives the file its name. Returns the
    /// content. This blocks until the disk is done.
    ///
    /// # Errors
    ///
    /// The content is not the `expected` one, cannot be synced or exceeds a limit; or the name is taken
    /// or not valid any more. Then nothing is left but the folders that were created, and a resumable
    /// file whose content matched. Only if the parent folder cannot be synced, the file may exist.
    pub fn publish(mut self, expected: Option<&Content>) -> Result<Content, FileError> {
        let content = self.hasher.content();
        let is_hashed = content.length == self.length;
        if !is_hashed || expected.is_some_and(|expected| *expected != content) {
            self.clear()?; // so that a resumable file is removed
            return Err(FileError::Mismatch);
        }
        if let Some(attributes) = self.attributes {
            self.temporary.apply(attributes)?;
        }
        self.temporary.file.sync_all()?;
        let (parent, last) = self.name.split_last().ok_or(NameError::Empty)?;
        let rules = &self.rules;
        let Descent::Complete(parent) = self.folder.descend(&parent, rules.make_folders)? else {
            return Err(FileError::NotFound);
        };
        // Other publishers wait, so that the sum stays true.
        let _lock = match rules.quota {
            Some(_) => Some(rules::lock(&self.folder)?),
            None => None,
        };
        let mut replaced = replaced(&parent, last, rules.overwrite)?;
        if self.temporary.has_name() {
            replaced += content.length; // it is counted itself
        }
        if let Some(quota) = rules.quota {
            let used = self.folder.usage.exact(|| rules::used(&self.folder))?;
            if quota < used.saturating_sub(replaced).saturating_add(content.length) {
                return Err(FileError::Quota { quota });
            }
        }
        self.temporary.publish(&parent, last, rules.overwrite)?;
        self.folder.usage.published(content.length, replaced);
        fsync(&parent)?;
        Ok(content)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.length.saturating_add(bytes.len() as u64);
        self.make_room(length)?;
        self.temporary.allocate(length)?;
        let count = self.temporary.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The length of the file that would be replaced; an error if it must not be.
fn replaced(folder: impl AsFd, last: &[u8], overwrite: bool) -> Result<u64, FileError> {
    let stat = match fstatat(folder, last, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(0),
        stat => stat?,
    };
    if !overwrite {
        return Err(FileError::Exists);
    }
    match Kind::of(&stat) {
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

    const PLAIN: Rules = Rules {
        overwrite: false,
        make_folders: false,
        max_file: None,
        quota: None,
    };

    fn example() -> (TempDir, Folder) {
        let directory = tempdir().expect("a temporary folder");
        let folder = Folder::open(directory.path()).expect("a folder");
        (directory, folder)
    }

    fn name(bytes: &str) -> Name {
        Name::parse(bytes.as_bytes()).expect("a name")
    }

    fn create(folder: &Folder, name: &str, length: Option<u64>) -> AtomicFile {
        AtomicFile::create(folder, &self::name(name), length, PLAIN).expect("the disk has room")
    }

    /// Stores `bytes`, whose length is known beforehand.
    fn put(folder: &Folder, name: &str, bytes: &[u8], rules: Rules) -> Result<Content, FileError> {
        let length = Some(bytes.len() as u64);
        let mut file = AtomicFile::create(folder, &self::name(name), length, rules)?;
        file.write_all(bytes)?;
        file.publish(Some(&Content::of(bytes)))
    }

    /// Stores `bytes` of unknown length.
    fn pour(folder: &Folder, name: &str, bytes: &[u8], rules: Rules) -> Result<Content, FileError> {
        let mut file = AtomicFile::create(folder, &self::name(name), None, rules)?;
        bytes
            .chunks(3)
            .try_for_each(|piece| file.write_all(piece))?;
        file.publish(None)
    }

    fn publish_at_once<const N: usize>(files: [AtomicFile; N]) -> [Result<Content, FileError>; N] {
        thread::scope(|scope| {
            let publishing = files.map(|file| scope.spawn(|| file.publish(None)));
            publishing.map(|thread| thread.join().expect("no panic"))
        })
    }

    #[test]
    fn a_file_is_complete_or_absent() {
        let (directory, folder) = example();
        let path = directory.path().join("a");
        let mut file = create(&folder, "a", Some(5));
        file.write_all(b"hel").expect("the disk has room");
        file.write_all(b"lo").expect("the disk has room");
        assert_eq!(file.length(), 5);
        assert!(!path.exists());
        let whole = Content::of(b"hello");
        assert_eq!(file.publish(Some(&whole)).expect("whole"), whole);
        assert_eq!(fs::read(&path).expect("a file"), b"hello");

        for (written, expected) in [
            (&b"hello"[..], b"hullo"),
            (b"hell", b"hello"),
            (b"", b"hello"),
        ] {
            let mut file = create(&folder, "b", Some(5));
            file.write_all(written).expect("the disk has room");
            let error = file
                .publish(Some(&Content::of(expected)))
                .expect_err("another");
            assert!(matches!(error, FileError::Mismatch), "{error}");
        }
        assert_eq!(fs::read_dir(directory.path()).expect("a folder").count(), 1);
        assert_eq!(
            pour(&folder, "b", b"", PLAIN).expect("the disk has room"),
            Content::of(b"")
        );
    }

    #[test]
    fn a_file_is_replaced_only_with_overwrite() {
        let (directory, folder) = example();
        put(&folder, "a", b"first", PLAIN).expect("the disk has room");
        fs::create_dir(directory.path().join("folder")).expect("the disk has room");
        symlink("/etc/passwd", directory.path().join("link")).expect("the disk has room");
        for there in ["a", "folder", "link"] {
            let error = put(&folder, there, b"other", PLAIN).expect_err(there);
            assert!(matches!(error, FileError::Exists), "{there}: {error}");
        }
        let over = Rules {
            overwrite: true,
            ..PLAIN
        };
        put(&folder, "a", b"other", over).expect("the disk has room");
        assert_eq!(
            fs::read(directory.path().join("a")).expect("a file"),
            b"other"
        );
        for there in ["folder", "link"] {
            let error = put(&folder, there, b"other", over).expect_err(there);
            assert!(matches!(error, FileError::NotAFile), "{there}: {error}");
        }
        // Published while the other was written.
        let file = create(&folder, "b", None);
        put(&folder, "b", b"first", PLAIN).expect("the disk has room");
        let error = file.publish(None).expect_err("it is there");
        assert!(matches!(error, FileError::Exists), "{error}");
        assert_eq!(
            fs::read(directory.path().join("b")).expect("a file"),
            b"first"
        );
    }

    #[test]
    fn folders_are_made_only_with_make_folders() {
        let (directory, folder) = example();
        let error = put(&folder, "x/y/a", b"hello", PLAIN).expect_err("no folder");
        assert!(matches!(error, FileError::NotFound), "{error}");
        let make = Rules {
            make_folders: true,
            ..PLAIN
        };
        drop(AtomicFile::create(&folder, &name("x/y/a"), None, make).expect("the disk has room"));
        assert!(!directory.path().join("x").exists());
        put(&folder, "x/y/a", b"hello", make).expect("the disk has room");
        put(&folder, "x/b", b"hello", make).expect("the disk has room");
        assert_eq!(
            fs::read(directory.path().join("x/y/a")).expect("a file"),
            b"hello"
        );
        let error = put(&folder, "x/b/c", b"hello", make).expect_err("a file");
        assert!(matches!(error, FileError::NotAFolder), "{error}");
        symlink("/tmp", directory.path().join("out")).expect("the disk has room");
        for through in ["out/a", "out/a/b"] {
            let error = put(&folder, through, b"hello", make).expect_err("a link");
            assert!(matches!(error, FileError::NotAFolder), "{error}");
        }
    }

    #[test]
    fn invalid_names_are_refused() {
        let (_directory, folder) = example();
        for (bad, why) in [
            ("/", NameError::Empty),
            (".a", NameError::Hidden),
            (".a/b", NameError::Hidden),
            ("a/", NameError::Folder),
            ("a/b/.", NameError::Folder),
        ] {
            let error = put(&folder, bad, b"", PLAIN).expect_err(bad);
            assert!(matches!(error, FileError::Name(is) if is == why), "{error}");
        }
        put(&folder.with_hidden(true), ".a", b"", PLAIN).expect("the disk has room");
    }

    #[test]
    fn every_stored_file_can_be_read() {
        let (_directory, folder) = example();
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
            put(&folder, &bytes, b"hello", make).expect("the disk has room");
            assert_eq!(folder.read(&name).expect("a file").length, 5);
        }
    }

    #[test]
    fn limits_apply_to_each_file_and_to_all() {
        let few = Rules {
            max_file: Some(6),
            quota: Some(10),
            overwrite: true,
            ..PLAIN
        };
        for put in [put, pour] {
            let (directory, folder) = example();
            let error = put(&folder, "a", b"1234567", few).expect_err("too large");
            assert!(matches!(error, FileError::TooLarge { max: 6 }), "{error}");
            fs::write(directory.path().join(".hidden"), "12345").expect("the disk has room");
            put(&folder, "a", b"12345", few).expect("the disk has room");
            let error = put(&folder, "b", b"1", few).expect_err("no space");
            assert!(matches!(error, FileError::Quota { quota: 10 }), "{error}");
            put(&folder, "a", b"54321", few).expect("in the place of the other");
            fs::create_dir_all(directory.path().join("x/y")).expect("the disk has room");
            fs::rename(directory.path().join("a"), directory.path().join("x/y/a"))
                .expect("the disk has room");
            put(&folder, "b", b"1", few).expect_err("no space");
            put(&folder, "b", b"", few).expect("nothing needs no room");
        }
    }

    #[test]
    fn the_quota_is_not_checked_before_bytes_are_written() {
        let (_directory, folder) = example();
        let few = Rules {
            quota: Some(10),
            max_file: Some(100),
            ..PLAIN
        };
        let create = || AtomicFile::create(&folder, &name("a"), None, few).expect("no bytes");
        let mut file = create();
        file.announce(101).expect_err("too large");
        file.announce(11).expect("it may be less");
        assert!(!folder.usage.is_counted(), "that may take long");
        let error = file.write_all(b"1").expect_err("no space").into();
        assert!(matches!(error, FileError::Quota { quota: 10 }), "{error}");
        // What was announced is not reserved.
        let mut slow = create();
        slow.announce(10).expect("there is room");
        slow.write_all(b"1").expect("the disk has room");
        let mut other = create();
        other.write_all(b"123456789").expect("the disk has room");
        let error = slow.write_all(b"2").expect_err("no space").into();
        assert!(matches!(error, FileError::Quota { quota: 10 }), "{error}");
        other.publish(None).expect("the disk has room");
    }

    #[test]
    fn concurrent_files_do_not_share_quota() {
        for _ in 0..20 {
            let (_directory, folder) = example();
            let few = Rules {
                quota: Some(10),
                ..PLAIN
            };
            let create = |name| AtomicFile::create(&folder, &self::name(name), None, few);
            let mut files =
                ["a", "b", "c", "d"].map(|name| create(name).expect("nothing is written"));
            let written = thread::scope(|scope| {
                let write = |file: &mut AtomicFile| file.write_all(b"1234").is_ok();
                let writing = files
                    .each_mut()
                    .map(|file| scope.spawn(move || write(file)));
                writing.map(|thread| thread.join().expect("no panic"))
            });
            let written = written.iter().filter(|&&done| done).count();
            assert!(written <= 2, "what is being written counts");
            let done = publish_at_once(files);
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            let used = rules::used(&folder).expect("a folder");
            assert_eq!(used, 4 * written as u64);
        }
    }

    #[test]
    fn a_file_with_a_temporary_name_counts_once() {
        let (directory, _) = example();
        let few = Rules {
            quota: Some(10),
            ..PLAIN
        };
        let open = || Folder::open(directory.path()).expect("a folder"); // and nothing counted
        let put = |beside: &str| {
            let folder = open();
            let mut file =
                AtomicFile::create(&folder, &name("a"), Some(6), few).expect("the disk has room");
            let here = folder.open_folder(&Name::root()).expect("a folder");
            file.temporary = Temporary::with_random_name(here).expect("the disk has room");
            file.write_all(b"123456").expect("the disk has room");
            fs::write(directory.path().join("b"), beside).expect("the disk has room");
            let done = file.publish(None);
            fs::write(directory.path().join("b"), "").expect("the disk has room");
            done
        };
        let error = put("12345").expect_err("no space");
        assert!(matches!(error, FileError::Quota { .. }), "{error}");
        put("1234").expect("the disk has room");
        assert_eq!(rules::used(&open()).expect("a folder"), 6);
    }

    #[test]
    fn one_of_two_files_gets_the_name() {
        let (_directory, folder) = example();
        let files = ["one", "two"].map(|bytes| {
            let mut file = create(&folder, "a", None);
            file.write_all(bytes.as_bytes()).expect("the disk has room");
            file
        });
        let done = publish_at_once(files);
        let lost = done
            .iter()
            .filter(|done| matches!(done, Err(FileError::Exists)));
        assert_eq!(lost.count(), 1);
        assert_eq!(folder.read(&name("a")).expect("a file").length, 3);
    }

    #[test]
    fn a_resumed_file_continues_with_what_is_there() {
        let (directory, folder) = example();
        let resume = || AtomicFile::resume(&folder, &name("a"), PLAIN).expect("the disk has room");
        let names = || {
            let mut listing = folder.list(&Name::root()).expect("a folder");
            let page = listing.read().expect("a folder").expect("few entries");
            let names = page.entries.into_iter().map(|entry| entry.name);
            names
                .map(|name| String::from_utf8(name).expect("text"))
                .collect::<Vec<_>>()
        };
        resume().write_all(b"hel").expect("the disk has room");
        assert_eq!(names(), ["a.part"]);
        let mut file = resume();
        assert_eq!(file.length(), 3);
        assert_eq!(file.hash_resumed(2).expect("a file"), None);
        assert_eq!(
            file.hash_resumed(2).expect("a file"),
            Some(Content::of(b"hel"))
        );
        file.write_all(b"lo").expect("the disk has room");
        file.publish(Some(&Content::of(b"hello"))).expect("whole");
        assert_eq!(names(), ["a"]);
        let path = directory.path().join("a");
        assert_eq!(fs::read(path).expect("a file"), b"hello");

        let name = name("b");
        for (content, expected) in [(&b"hullo"[..], &b"hello"[..]), (b"hello", b"hello")] {
            fs::write(directory.path().join("b.part"), content).expect("the disk has room");
            let file = AtomicFile::resume(&folder, &name, PLAIN).expect("the disk has room");
            let error = file.publish(Some(&Content::of(expected)));
            let error = error.expect_err("it was not hashed");
            assert!(matches!(error, FileError::Mismatch), "{error}");
            assert_eq!(names(), ["a"]);
        }
    }
}
