//! Waiting for descriptors, up to a deadline.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// Waits until one of `sources` is ready or the deadline has come. Which are ready is answered in
/// their order.
///
/// A source is ready too when it has failed or its peer has gone; the next call on it tells.
pub(crate) fn wait(
    sources: &[(BorrowedFd<'_>, Interest)],
    deadline: Option<Instant>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = sources
        .iter()
        .map(|&(source, interest)| PollFd::new(source, interest.flags()))
        .collect();
    match poll(&mut polled, timeout(deadline)) {
        Ok(_) | Err(Errno::EINTR) => (),
        Err(errno) => return Err(errno.into()),
    }
    Ok(polled
        .iter()
        .map(|source| source.revents().is_some_and(|events| !events.is_empty()))
        .collect())
}

/// The earlier of two deadlines, where `None` never comes.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl Interest {
    pub(crate) const READ: Self = Self {
        read: true,
        write: false,
    };

    fn flags(self) -> PollFlags {
        let read = if self.read {
            PollFlags::POLLIN
        } else {
            PollFlags::empty()
        };
        let write = if self.write {
            PollFlags::POLLOUT
        } else {
            PollFlags::empty()
        };
        read | write
    }
}

fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else {
        return PollTimeout::NONE;
    };
    // Rounded up: a wait that ends just before its deadline would be repeated at once, many times.
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
