//! Waiting for an event, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Nothing in the tests takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Calls `look` until it returns a value, with pauses that grow from 1 ms to 16 ms. Returns `None` after
/// [`DEADLINE`].
pub(crate) fn poll<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + DEADLINE;
    let mut pause = Duration::from_millis(1);
    loop {
        let value = look();
        if value.is_some() || deadline <= Instant::now() {
            return value;
        }
        thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(16));
    }
}

/// Calls `look` until it returns a value, as [`poll`] does.
///
/// # Panics
///
/// After [`DEADLINE`], with `what` in the message.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    match poll(look) {
        Some(value) => value,
        None => panic!("waited too long for {what}"),
    }
}

/// Calls `holds` until it returns true, as [`wait_for`] does.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
