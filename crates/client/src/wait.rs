//! Waiting for a descriptor, a deadline or a signal.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::stop::{Stop, Stopped};

/// Why a wait failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Waits for events of a socket, until `deadline`; then it returns an empty set. Fails if a signal
/// arrived.
pub(crate) fn wait(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    deadline: Instant,
    stop: Option<&Stop>,
) -> Result<PollFlags, WaitError> {
    let mut polled = vec![PollFd::new(socket, events)];
    polled.extend(stop.map(|stop| PollFd::new(stop.as_fd(), PollFlags::POLLIN)));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up to the milliseconds of poll(2), so that it does not end just before the deadline.
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999));
        match poll(&mut polled, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(_) => (),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(WaitError::Io(errno.into())),
        }
        if let (Some(stop), Some(true)) = (stop, polled.get(1).and_then(PollFd::any)) {
            stop.check()?;
        }
        let ready = polled[0].revents().unwrap_or(PollFlags::empty());
        if !ready.is_empty() || left.is_zero() {
            return Ok(ready);
        }
    }
}
