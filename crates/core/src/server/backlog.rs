//! The listeners of a server, and the peers that wait in their backlogs.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::warn;

use crate::net::listener::StreamListener;
use crate::net::stream::Stream;
use crate::reactor::reactor::Reactor;

/// The listeners of one server.
///
/// When descriptors or memory are exhausted, accept(2) fails and the peer stays in the backlog:
/// trying again at once would use the whole processor. Then all listeners are paused, longer each
/// time, and none is ever closed.
#[derive(Debug)]
pub(crate) struct Backlog {
    listeners: Vec<StreamListener>,
    first_token: usize, // in the reactor
    watched: bool,
    pause: Option<Pause>,
    served_last: usize, // the index of the listener that accepted last
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Backlog {
    /// Waits for peers at these listeners. The tokens in the reactor are `first_token` and up.
    pub(crate) fn new(
        listeners: Vec<StreamListener>,
        reactor: &mut Reactor,
        first_token: usize,
    ) -> io::Result<Self> {
        for (index, listener) in listeners.iter().enumerate() {
            reactor.watch(listener.as_fd(), first_token + index)?;
        }
        Ok(Self {
            listeners,
            first_token,
            watched: true,
            pause: None,
            served_last: 0,
        })
    }

    /// Whether there is no listener.
    pub(crate) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Waits for peers or not, as `accepting` says; not during a pause.
    pub(crate) fn watch(
        &mut self,
        reactor: &mut Reactor,
        accepting: bool,
        now: Instant,
    ) -> io::Result<()> {
        let watched = accepting && self.resume_at(now).is_none();
        if watched != self.watched {
            for (index, listener) in self.listeners.iter().enumerate() {
                reactor.set_watched(listener.as_fd(), self.first_token + index, watched)?;
            }
            self.watched = watched;
        }
        Ok(())
    }

    /// The end of the pause, if there is one.
    pub(crate) fn resume_at(&self, now: Instant) -> Option<Instant> {
        let until = self.pause.as_ref().map(|pause| pause.until);
        until.filter(|&until| now < until)
    }

    /// The order in which listeners that are ready accept, so that a busy one does not starve the
    /// others: the one after the last that accepted comes first.
    pub(crate) fn round_robin(&self, mut ready: Vec<usize>) -> VecDeque<usize> {
        ready.sort_unstable();
        let next = ready.partition_point(|&index| index <= self.served_last);
        ready.rotate_left(next);
        ready.into()
    }

    /// Accepts the next peer at the listener of this index, if one is waiting.
    pub(crate) fn accept(&mut self, index: usize) -> Option<Stream> {
        loop {
            match self.listeners[index].accept() {
                Ok(accepted) => {
                    self.pause = None;
                    self.served_last = index;
                    return Some(accepted);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pause = None;
                    return None;
                }
                Err(error) if is_about_one_peer(&error) => (),
                Err(error) => {
                    self.pause(&error, Instant::now());
                    return None;
                }
            }
        }
    }

    /// Closes the listeners: the system refuses new connections.
    pub(crate) fn close(&mut self, reactor: &mut Reactor) {
        for listener in self.listeners.drain(..) {
            reactor.unwatch(listener.as_fd());
        }
    }

    /// Closes the copies of a forked child; the listeners of the acceptor stay open.
    pub(crate) fn close_in_child(&mut self) {
        self.listeners
            .drain(..)
            .for_each(StreamListener::close_in_child);
    }

    fn pause(&mut self, error: &io::Error, now: Instant) {
        if self.pause.is_none() {
            warn!("cannot accept: {error}; trying again, new clients wait in the backlog");
        }
        let length = self
            .pause
            .as_ref()
            .map_or(MIN_PAUSE, |pause| (2 * pause.length).min(MAX_PAUSE));
        let until = now + length;
        self.pause = Some(Pause { until, length });
    }
}

/// Whether the connection failed before it was accepted, so that the next one can be accepted at
/// once.
fn is_about_one_peer(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    // accept(2) returns network errors that are pending on the new socket.
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

const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_while_nothing_can_be_accepted() {
        let mut reactor = Reactor::new().expect("a descriptor is available");
        let mut backlog = Backlog::new(Vec::new(), &mut reactor, 0).expect("nothing to watch");
        let mut now = Instant::now();
        assert_eq!(backlog.resume_at(now), None);
        for milliseconds in [50, 100, 200, 400, 800, 1000, 1000] {
            backlog.pause(&io::Error::from(Errno::EMFILE), now);
            let until = now + Duration::from_millis(milliseconds);
            assert_eq!(backlog.resume_at(now), Some(until));
            assert_eq!(backlog.resume_at(until), None, "the pause has ended");
            now = until;
        }
    }

    #[test]
    fn listeners_take_turns() {
        let mut reactor = Reactor::new().expect("a descriptor is available");
        let mut backlog = Backlog::new(Vec::new(), &mut reactor, 0).expect("nothing to watch");
        backlog.served_last = 1;
        assert_eq!(backlog.round_robin(vec![3, 0, 1, 2]), [2, 3, 0, 1]);
        assert_eq!(backlog.round_robin(vec![1, 0]), [0, 1]);
    }
}
