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
    /// The sum that was counted lately: so that counting takes a tenth of the time at most, whoever
    /// asks how often.
    pub(super) fn recent(&self, used: impl FnOnce() -> Sum) -> Sum {
        let mut counted = self.lock();
        match &*counted {
            Some(last) if last.at.elapsed() < last.took * PAUSE => Ok(last.bytes),
            _ => count(&mut counted, used),
        }
    }

    /// The sum that is counted now.
    pub(super) fn exact(&self, used: impl FnOnce() -> Sum) -> Sum {
        count(&mut self.lock(), used)
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

type Sum = Result<u64, FileError>;

fn count(counted: &mut Option<Counted>, used: impl FnOnce() -> Sum) -> Sum {
    let began = Instant::now();
    let bytes = used()?;
    let at = Instant::now();
    let took = at.duration_since(began);
    *counted = Some(Counted { bytes, at, took });
    Ok(bytes)
}

const PAUSE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_not_read_for_each_question() {
        let usage = Usage::default();
        let recent = |now| usage.recent(|| Ok(now)).expect("it is counted");
        assert_eq!(recent(5), 5);
        let set_took = |took| usage.lock().as_mut().expect("it was counted").took = took;
        set_took(Duration::from_secs(3600));
        assert_eq!(recent(8), 5);
        usage.published(4, 1);
        assert_eq!(recent(100), 8);
        assert_eq!(usage.exact(|| Ok(9)).expect("it is counted"), 9);
        set_took(Duration::ZERO);
        assert_eq!(recent(3), 3);
    }
}
