//! Waiting for descriptors, a deadline or a signal.

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
    let ready = wait_any(&[(socket, events)], Some(deadline), stop)?;
    Ok(ready[0])
}

/// Waits for events of any of these descriptors, and returns those of each. At `deadline`, if there is
/// one, all are empty sets. Fails if a signal arrived.
pub(crate) fn wait_any(
    descriptors: &[(BorrowedFd<'_>, PollFlags)],
    deadline: Option<Instant>,
    stop: Option<&Stop>,
) -> Result<Vec<PollFlags>, WaitError> {
    let polled = descriptors.iter();
    let mut polled: Vec<PollFd> = polled
        .map(|&(fd, events)| PollFd::new(fd, events))
        .collect();
    polled.extend(stop.map(|stop| PollFd::new(stop.as_fd(), PollFlags::POLLIN)));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            // Rounded up to the milliseconds of poll(2), so that it does not end just before the deadline.
            PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut polled, timeout) {
            Ok(_) => (),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(WaitError::Io(errno.into())),
        }
        if let (Some(stop), Some(true)) =
            (stop, polled.get(descriptors.len()).and_then(PollFd::any))
        {
            stop.check()?;
        }
        let ready = polled[..descriptors.len()].iter();
        let ready: Vec<PollFlags> = ready
            .map(|fd| fd.revents().unwrap_or(PollFlags::empty()))
            .collect();
        if ready.iter().any(|events| !events.is_empty()) || left.is_some_and(|left| left.is_zero())
        {
            return Ok(ready);
        }
    }
}

/// Whether a call on a non-blocking descriptor is to be repeated once the descriptor is ready.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
