//! Peers as they arrive at any of several listeners, also when the machine has run out of
//! descriptors.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::warn;

use crate::net::listener::Door;
use crate::net::stream::Stream;
use crate::peer::Peer;

/// The listeners of one server, and whether it is worth asking them.
///
/// When descriptors or memory run out, accept(2) fails while the peer stays in the backlog, so that
/// asking again at once would spin. Then all listeners are left alone for a while, longer each
/// time, and none is ever closed.
#[derive(Debug)]
pub(crate) struct Arrivals {
    listeners: Vec<Door>,
    pause: Option<Pause>,
    served_last: usize, // the number of the one that had a peer accepted last
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Arrivals {
    pub(crate) fn new(listeners: Vec<Door>) -> Self {
        Self {
            listeners,
            pause: None,
            served_last: 0,
        }
    }

    /// The listeners to wait for, in the order of their numbers; none while they are to be left
    /// alone.
    pub(crate) fn watched(&self, now: Instant) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listeners = match self.resume_at(now) {
            None => &self.listeners[..],
            Some(_) => &[],
        };
        listeners.iter().map(AsFd::as_fd)
    }

    /// Whether nobody can arrive any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// When it is worth asking again, if it is not now.
    pub(crate) fn resume_at(&self, now: Instant) -> Option<Instant> {
        let until = self.pause.as_ref().map(|pause| pause.until);
        until.filter(|&until| now < until)
    }

    /// The listeners of these numbers, in ascending order, from the one whose turn it is.
    pub(crate) fn in_turn(&self, numbers: &[usize]) -> VecDeque<usize> {
        let next = numbers.partition_point(|&number| number <= self.served_last);
        let (later, first) = numbers.split_at(next);
        first.iter().chain(later).copied().collect()
    }

    /// The next peer at listener `number`, if one waits.
    pub(crate) fn accept(&mut self, number: usize) -> Option<(Stream, Peer)> {
        loop {
            match self.listeners[number].accept() {
                Ok(arrived) => {
                    self.pause = None;
                    self.served_last = number;
                    return Some(arrived);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pause = None;
                    return None;
                }
                // It left before it was accepted, or the signal was for somebody else; the next one
                // may wait already.
                Err(error) if is_about_one_peer(&error) => (),
                Err(error) => {
                    self.rest(&error, Instant::now());
                    return None;
                }
            }
        }
    }

    /// Stops listening: whoever comes now is refused by the system at once.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }

    /// Lets go of this process's copies, as a forked child does; the listeners go on.
    pub(crate) fn leave(&mut self) {
        self.listeners.drain(..).for_each(Door::leave);
    }

    fn rest(&mut self, error: &io::Error, now: Instant) {
        if self.pause.is_none() {
            warn!("cannot accept: {error}; peers wait in the backlog until it can");
        }
        let length = self
            .pause
            .as_ref()
            .map_or(SHORTEST, |pause| (2 * pause.length).min(LONGEST));
        let until = now + length;
        self.pause = Some(Pause { until, length });
    }
}

fn is_about_one_peer(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    // accept(2) passes on the network errors that were already pending on the new socket.
    matches!(
        errno,
        Some(
            Errno::EINTR
                | Errno::ECONNABORTED
                | Errno::EPROTO
                | Errno::ENOPROTOOPT
                | Errno::ENETDOWN
                | Errno::ENETUNREACH
                | Errno::EHOSTDOWN
                | Errno::EHOSTUNREACH
                | Errno::ENONET
                | Errno::EOPNOTSUPP
        )
    )
}

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_rest_for_longer_each_time_while_nothing_can_be_accepted() {
        let mut arrivals = Arrivals::new(Vec::new());
        let mut now = Instant::now();
        assert_eq!(arrivals.resume_at(now), None);
        for milliseconds in [50, 100, 200, 400, 800, 1000, 1000] {
            arrivals.rest(&io::Error::from(Errno::EMFILE), now);
            let until = now + Duration::from_millis(milliseconds);
            assert_eq!(arrivals.resume_at(now), Some(until));
            assert_eq!(arrivals.resume_at(until), None, "it is worth asking again");
            now = until;
        }
    }
}
