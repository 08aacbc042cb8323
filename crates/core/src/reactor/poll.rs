//! Waiting for descriptors until a deadline, with poll(2).

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor is waited for. Errors and hang-ups are reported in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Input, output, both, or only errors.
    In { read: bool, write: bool },
    /// That the peer has closed its sending side.
    HangUp,
    /// Nothing, not even errors.
    Nothing,
}

/// Waits until one of `fds` is ready or the deadline has passed. Returns the tokens of those that are
/// ready, and whether each has an error or was hung up; the next call on such a descriptor returns
/// the error.
pub(crate) fn wait<T: Copy>(
    fds: &[(T, BorrowedFd<'_>, Interest)],
    deadline: Option<Instant>,
) -> io::Result<Vec<(T, bool)>> {
    let watched = fds
        .iter()
        .filter(|(.., interest)| *interest != Interest::Nothing);
    let mut polled: Vec<PollFd<'_>> = watched
        .clone()
        .map(|&(_, fd, interest)| PollFd::new(fd, interest.flags()))
        .collect();
    let mut count = polled.len();
    let mut deadline = deadline;
    loop {
        match poll(&mut polled[..count], timeout(deadline)) {
            Ok(_) | Err(Errno::EINTR) => break,
            // The limit on descriptors (RLIMIT_NOFILE) was lowered below their number. Wait for the
            // first half, and for the others again after a second.
            Err(Errno::EINVAL) if 1 < count => {
                count /= 2;
                deadline = earlier(deadline, Some(Instant::now() + Duration::from_secs(1)));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    let broken = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    Ok(watched
        .zip(&polled)
        .filter_map(|(&(token, ..), polled)| {
            // `PollFlags` does not know POLLRDHUP, so `None` stands for that alone.
            let Some(events) = polled.revents() else {
                return Some((token, false));
            };
            (!events.is_empty()).then_some((token, events.intersects(broken)))
        })
        .collect())
}

/// The time `now + time`. Times above ten years are shortened, so that the sum does not overflow.
pub(crate) fn after(now: Instant, time: Duration) -> Instant {
    now + time.min(LONGEST)
}

/// The earlier of two deadlines, where `None` is never.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl Interest {
    pub(crate) const READ: Self = Self::In {
        read: true,
        write: false,
    };

    /// Only errors and hang-ups.
    pub(crate) const ERRORS: Self = Self::In {
        read: false,
        write: false,
    };

    /// Input, or nothing at all.
    pub(crate) fn read_if(wanted: bool) -> Self {
        if wanted { Self::READ } else { Self::Nothing }
    }

    /// Whether it includes input or output.
    pub(crate) fn moves_bytes(self) -> bool {
        matches!(self, Self::In { .. }) && self != Self::ERRORS
    }

    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        match self {
            Self::In { read, write } => {
                flags.set(PollFlags::POLLIN, read);
                flags.set(PollFlags::POLLOUT, write);
            }
            Self::HangUp => flags = PollFlags::from_bits_retain(libc::POLLRDHUP),
            Self::Nothing => (),
        }
        flags
    }
}

/// The time until a deadline, as poll(2) and epoll_wait(2) take it.
pub(crate) fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else {
        return PollTimeout::NONE;
    };
    // Rounded up to whole milliseconds: a wait that ends just before its deadline would be repeated
    // many times.
    let remaining = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(remaining).unwrap_or(PollTimeout::MAX)
}

const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
