//! Waiting for descriptors, up to a deadline.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor is waited for. That it is broken is told without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What a descriptor is ready for. Where it is broken, the next call on it tells how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) read: bool,
    pub(crate) broken: bool,
}

/// Waits until one of `sources` is ready or the deadline has come; says which are, by their tokens.
///
/// # Errors
///
/// The system has no memory for the question.
pub(crate) fn wait<T: Copy>(
    sources: &[(T, BorrowedFd<'_>, Interest)],
    deadline: Option<Instant>,
) -> io::Result<Vec<(T, Ready)>> {
    let mut polled: Vec<PollFd<'_>> = sources
        .iter()
        .map(|&(_, source, interest)| PollFd::new(source, interest.flags()))
        .collect();
    let mut count = polled.len();
    loop {
        match poll(&mut polled[..count], timeout(deadline)) {
            Ok(_) | Err(Errno::EINTR) => break,
            // The limit on descriptors was lowered below their number: the first ones go on.
            Err(Errno::EINVAL) if 1 < count => count /= 2,
            Err(errno) => return Err(errno.into()),
        }
    }
    let ready = |polled: &PollFd<'_>| polled.revents().filter(|events| !events.is_empty());
    let broken = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    Ok(sources
        .iter()
        .zip(&polled)
        .filter_map(|(&(token, ..), polled)| {
            let events = ready(polled)?;
            let read = events.contains(PollFlags::POLLIN);
            let broken = events.intersects(broken);
            Some((token, Ready { read, broken }))
        })
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
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.read);
        flags.set(PollFlags::POLLOUT, self.write);
        flags
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
