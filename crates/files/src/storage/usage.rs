//! How much a folder contains.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::FileError;

/// The length of all files below a folder together, as counted last. Counting reads the whole tree.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<Option<Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    bytes: u64,
    at: Instant,
    took: Duration,
}

impl Usage {
    /// The sum, which may be older: counting takes a tenth of the time at most, however many requests
    /// need the sum.
    pub(super) fn recent(
        &self,
        count: impl FnOnce() -> Result<u64, FileError>,
    ) -> Result<u64, FileError> {
        let mut counted = self.lock();
        match &*counted {
            Some(last) if last.at.elapsed() < last.took * PAUSE => Ok(last.bytes),
            _ => update(&mut counted, count),
        }
    }

    /// The sum that is counted now.
    pub(super) fn exact(
        &self,
        count: impl FnOnce() -> Result<u64, FileError>,
    ) -> Result<u64, FileError> {
        update(&mut self.lock(), count)
    }

    /// A file of this length was published, in the place of one of `replaced` bytes.
    pub(super) fn published(&self, length: u64, replaced: u64) {
        if let Some(counted) = &mut *self.lock() {
            counted.bytes = counted
                .bytes
                .saturating_sub(replaced)
                .saturating_add(length);
        }
    }

    #[cfg(test)]
    pub(super) fn is_counted(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn update(
    counted: &mut Option<Counted>,
    count: impl FnOnce() -> Result<u64, FileError>,
) -> Result<u64, FileError> {
    let began = Instant::now();
    let bytes = count()?;
    let at = Instant::now();
    let took = at.duration_since(began);
    *counted = Some(Counted { bytes, at, took });
    Ok(bytes)
}

const PAUSE: u32 = 10; // between two counts, in times of the last one

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_not_read_for_each_request() {
        let usage = Usage::default();
        assert_eq!(usage.recent(|| Ok(5)).ok(), Some(5));
        let an_hour = Duration::from_secs(3600);
        usage.lock().as_mut().expect("it was counted").took = an_hour;
        assert_eq!(usage.recent(|| Ok(8)).ok(), Some(5));
        usage.published(4, 1);
        assert_eq!(usage.recent(|| Ok(9)).ok(), Some(8));
        assert_eq!(usage.exact(|| Ok(9)).ok(), Some(9));
        usage.lock().as_mut().expect("it was counted").took = Duration::ZERO;
        assert_eq!(usage.recent(|| Ok(3)).ok(), Some(3));
    }
}
