//! Peers as they arrive at any of several listeners, also when the machine has run out of
//! descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::Socket;
use tracing::warn;

use crate::listener::Listener;
use crate::peer::Peer;
use crate::wait::Interest;

/// The listeners of one server, and whether it is worth asking them.
///
/// When descriptors or memory run out, accept(2) fails while the peer stays in the backlog, so that
/// asking again at once would spin. Then all listeners are left alone for a while, longer each
/// time, and none is ever closed.
#[derive(Debug)]
pub(crate) struct Arrivals {
    listeners: Vec<Listener>,
    pause: Option<Pause>,
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Arrivals {
    pub(crate) fn new(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            pause: None,
        }
    }

    /// Adds the listeners to what is waited for, unless they are to be left alone.
    pub(crate) fn watch<'a>(&'a self, now: Instant, sources: &mut Vec<(BorrowedFd<'a>, Interest)>) {
        if self.resume_at().is_none_or(|until| until <= now) {
            sources.extend(
                self.listeners
                    .iter()
                    .map(|listener| (listener.as_fd(), Interest::READ)),
            );
        }
    }

    /// When it is worth asking again, if it is not now.
    pub(crate) fn resume_at(&self) -> Option<Instant> {
        self.pause.as_ref().map(|pause| pause.until)
    }

    /// The next peer at the listener that was watched as number `index`, if one waits.
    pub(crate) fn accept(&mut self, index: usize) -> Option<(Socket, Peer)> {
        loop {
            match self.listeners[index].accept() {
                Ok(arrived) => {
                    self.pause = None;
                    return Some(arrived);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // It left before it was accepted, or the signal was for somebody else; the next one
                // may wait already.
                Err(error) if is_about_one_peer(&error) => (),
                Err(error) => {
                    self.rest(&error);
                    return None;
                }
            }
        }
    }

    /// Stops listening: whoever comes now is refused by the system at once.
    pub(crate) fn close(&mut self) {
        self.listeners.drain(..).for_each(Listener::close);
    }

    /// Lets go of this process's copies, as a forked child does; the listeners go on.
    pub(crate) fn leave(&mut self) {
        self.listeners.clear();
    }

    fn rest(&mut self, error: &io::Error) {
        if self.pause.is_none() {
            warn!("cannot accept: {error}; peers wait in the backlog until it can");
        }
        let length = self
            .pause
            .as_ref()
            .map_or(SHORTEST, |pause| (2 * pause.length).min(LONGEST));
        let until = Instant::now() + length;
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
                | Errno::ENOTCONN // it reset the connection before it could be asked for its address
        )
    )
}

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
