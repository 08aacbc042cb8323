//! The space of files that are being written, which counts against a quota.

use std::fs::File;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{F_RDLCK, F_UNLCK, F_WRLCK, SEEK_SET, flock};

use crate::error::FileError;
use crate::name::Name;
use crate::storage::folder::Folder;

/// The bytes that one unpublished file takes or will take.
///
/// A reservation is a lock on as many bytes of the folder itself, at a random position. All processes
/// that write to the folder see it, and the system removes it with its process. Where the file system
/// has no locks, files count only once they are published.
#[derive(Debug)]
pub(super) struct Reservation {
    folder: File, // opened for this file: a lock belongs to the open file description
    start: i64,   // of the lock
    bytes: u64,
}

impl Reservation {
    pub(super) fn new(folder: &Folder) -> Result<Self, FileError> {
        Ok(Self {
            folder: File::from(folder.open_folder(&Name::root())?),
            start: i64::from(rand::random::<u32>() & STARTS) * MAX_BYTES,
            bytes: 0,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Changes the reservation to this number of bytes.
    pub(super) fn reserve(&mut self, bytes: u64) {
        let length = i64::try_from(bytes).map_or(MAX_BYTES, |bytes| bytes.min(MAX_BYTES));
        // A length of 0 would reach to the end of the file.
        if 0 < length {
            let some = lock(F_RDLCK, self.start, length);
            fcntl(&self.folder, FcntlArg::F_OFD_SETLK(&some)).ok();
        }
        if length < MAX_BYTES && bytes < self.bytes {
            let rest = lock(F_UNLCK, self.start + length, MAX_BYTES - length);
            fcntl(&self.folder, FcntlArg::F_OFD_SETLK(&rest)).ok();
        }
        self.bytes = bytes;
    }

    /// How many bytes others have reserved.
    pub(super) fn others(&self) -> u64 {
        let mut sum: u64 = 0;
        // The system returns any lock in a range, so what is before and after it is searched, too.
        let mut ranges = vec![(0, i64::MAX)];
        while let Some((start, end)) = ranges.pop() {
            let mut found = lock(F_WRLCK, start, end - start);
            let search = FcntlArg::F_OFD_GETLK(&mut found);
            if end <= start || fcntl(&self.folder, search).is_err() || is(&found, F_UNLCK) {
                continue;
            }
            let last = found.l_start.saturating_add(found.l_len);
            sum = sum.saturating_add(found.l_len.try_into().unwrap_or(0));
            ranges.extend([(start, found.l_start), (last, end)]);
        }
        sum
    }
}

fn lock(kind: i32, start: i64, length: i64) -> flock {
    flock {
        l_type: kind as i16, // a small constant
        l_whence: SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

fn is(lock: &flock, kind: i32) -> bool {
    i32::from(lock.l_type) == kind
}

const MAX_BYTES: i64 = 1 << 40; // of one file that count
const STARTS: u32 = (1 << 22) - 1;

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn reservations_count_until_they_are_dropped() {
        let directory = tempdir().expect("a temporary folder");
        // Opened twice, as by two processes.
        let open = || Folder::open(directory.path()).expect("a folder");
        let reservation = |bytes| {
            let mut reservation = Reservation::new(&open()).expect("a folder");
            reservation.reserve(bytes);
            reservation
        };
        let mut own = reservation(1000);
        assert_eq!(own.others(), 0);
        let others: Vec<_> = (1..=50).map(reservation).collect();
        assert_eq!(own.others(), 50 * 51 / 2);
        own.reserve(10);
        assert_eq!(own.bytes(), 10);
        assert_eq!(others[0].others(), 50 * 51 / 2 - 1 + 10);
        drop(others);
        assert_eq!(own.others(), 0);
    }
}
