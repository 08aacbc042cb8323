//! Waiting for descriptors, up to a deadline.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor is waited for. That it is broken is told without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Input, output, both, or that it is broken.
    In { read: bool, write: bool },
    /// That the peer has ended its side.
    HangUp,
    /// Nothing at all.
    Nothing,
}

/// Waits until one of `sources` is ready or the deadline has come; says which are, by their tokens,
/// and whether they are broken. The next call on a broken one tells how.
///
/// # Errors
///
/// The system has no memory for the question.
pub(crate) fn wait<T: Copy>(
    sources: &[(T, BorrowedFd<'_>, Interest)],
    deadline: Option<Instant>,
) -> io::Result<Vec<(T, bool)>> {
    let sources = sources
        .iter()
        .filter(|(.., interest)| *interest != Interest::Nothing);
    let mut polled: Vec<PollFd<'_>> = sources
        .clone()
        .map(|&(_, source, interest)| PollFd::new(source, interest.flags()))
        .collect();
    let mut count = polled.len();
    let mut deadline = deadline;
    loop {
        match poll(&mut polled[..count], timeout(deadline)) {
            Ok(_) | Err(Errno::EINTR) => break,
            // The limit on descriptors was lowered below their number. The first ones go on; the
            // others are asked again soon.
            Err(Errno::EINVAL) if 1 < count => {
                count /= 2;
                deadline = earlier(deadline, Some(Instant::now() + Duration::from_secs(1)));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    let broken = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    Ok(sources
        .zip(&polled)
        .filter_map(|(&(token, ..), polled)| {
            // What has no name there is that the peer has ended its side, if asked for.
            let Some(events) = polled.revents() else {
                return Some((token, false));
            };
            (!events.is_empty()).then_some((token, events.intersects(broken)))
        })
        .collect())
}

/// The time from `now` on; one too long to be told from for ever is shortened to ten years.
pub(crate) fn after(now: Instant, time: Duration) -> Instant {
    now + time.min(LONGEST)
}

/// The earlier of two deadlines, where `None` never comes.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl Interest {
    pub(crate) const READ: Self = Self::In {
        read: true,
        write: false,
    };

    /// Whether it is waited for to read or to write.
    pub(crate) fn moves_bytes(self) -> bool {
        matches!(self, Self::In { read, write } if read || write)
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

/// How long to wait for a deadline, as system calls have it.
pub(crate) fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else {
        return PollTimeout::NONE;
    };
    // Rounded up: a wait that ends just before its deadline would be repeated at once, many times.
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
