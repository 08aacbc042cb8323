//! The entries of a folder, in pages.

use std::mem::{self, ManuallyDrop};
use std::os::fd::OwnedFd;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;

use crate::error::FileError;
use crate::protocol::entry::Entry;

/// Reads a folder in pages, so that it takes the same memory whatever the folder contains.
///
/// What is created or removed meanwhile may be listed or not. Everything else is listed once.
#[derive(Debug)]
pub struct Listing {
    dir: Dir,
    hidden: bool,
    entries: Vec<Entry>, // of the next page
    is_at_end: bool,
}

/// Some entries of a folder, sorted by bytes; each under the last part of its name.
#[derive(Debug)]
pub struct Page {
    /// At most 1000, and none only in an empty folder.
    pub entries: Vec<Entry>,
    /// Whether no other page follows.
    pub is_last: bool,
}

impl Listing {
    pub(super) fn new(folder: OwnedFd, hidden: bool) -> Result<Self, FileError> {
        Ok(Self {
            dir: Dir::from_fd(folder)?,
            hidden,
            entries: Vec::new(),
            is_at_end: false,
        })
    }

    /// Reads a part of the next page, and returns the page if it is complete. A call takes less than a
    /// millisecond, unless the disk is slow.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn read(&mut self) -> Result<Option<Page>, FileError> {
        if !self.is_at_end && self.entries.len() <= PAGE_ENTRIES {
            self.read_step()?;
        }
        let has_more = PAGE_ENTRIES < self.entries.len();
        if !has_more && !self.is_at_end {
            return Ok(None);
        }
        let next = self.entries.split_off(self.entries.len().min(PAGE_ENTRIES));
        let mut entries = mem::replace(&mut self.entries, next);
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Some(Page {
            entries,
            is_last: !has_more,
        }))
    }

    fn read_step(&mut self) -> Result<(), FileError> {
        let mut names = Vec::new();
        let mut found = ManuallyDrop::new(self.dir.iter()); // when it is dropped, it rewinds
        for _ in 0..STEP_NAMES {
            let Some(found) = found.next() else {
                self.is_at_end = true;
                break;
            };
            let found = found?;
            let name = found.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && (self.hidden || !name.starts_with(b".")) {
                names.push(name.to_owned());
            }
        }
        for name in names {
            match fstatat(&self.dir, &*name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => self.entries.extend(Entry::from_stat(&stat, name)),
                Err(Errno::ENOENT) => (), // removed meanwhile
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

const PAGE_ENTRIES: usize = 1000; // about 100 KB of memory
const STEP_NAMES: usize = 250;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use tempfile::tempdir;

    use crate::name::Name;
    use crate::storage::folder::Folder;

    /// The number of entries in each page.
    fn pages(count: usize) -> Vec<usize> {
        let directory = tempdir().expect("a temporary folder");
        for number in 0..count {
            fs::write(directory.path().join(number.to_string()), "").expect("the disk has room");
        }
        let folder = Folder::open(directory.path()).expect("a folder");
        let mut listing = folder.list(&Name::root()).expect("a folder");
        let (mut pages, mut names) = (Vec::new(), BTreeSet::new());
        loop {
            let Some(page) = listing.read().expect("it can be read") else {
                continue;
            };
            assert!(page.entries.is_sorted_by_key(|entry| entry.name.clone()));
            pages.push(page.entries.len());
            names.extend(page.entries.into_iter().map(|entry| entry.name));
            if page.is_last {
                assert_eq!(names.len(), count);
                return pages;
            }
        }
    }

    #[test]
    fn every_entry_is_in_one_page() {
        assert_eq!(pages(0), [0]);
        assert_eq!(pages(1000), [1000]);
        assert_eq!(pages(1001), [1000, 1]);
        assert_eq!(pages(2500), [1000, 1000, 500]);
    }

    #[test]
    fn a_page_is_read_in_steps() {
        let directory = tempdir().expect("a temporary folder");
        for number in 0..900 {
            fs::write(directory.path().join(number.to_string()), "").expect("the disk has room");
        }
        let folder = Folder::open(directory.path()).expect("a folder");
        let mut listing = folder.list(&Name::root()).expect("a folder");
        let mut calls = 1;
        while listing.read().expect("it can be read").is_none() {
            calls += 1;
        }
        assert_eq!(calls, 4);
    }
}
