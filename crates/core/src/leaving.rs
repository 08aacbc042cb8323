//! Peers that were told to go, and are given the time to hear it.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::service::Refusal;
use crate::stream;
use crate::wait::Interest;

/// Connections that an acceptor refused, until their peers have had the words.
///
/// Closing at once would reset the connection of a peer that has begun to talk, and the refusal
/// would be lost. So the sending side is ended and the rest read and forgotten, for a short time
/// and for a bounded number of them.
#[derive(Debug, Default)]
pub(crate) struct Leaving(VecDeque<(Socket, Instant)>);

impl Leaving {
    /// Sends `refusal` and begins to close.
    pub(crate) fn refuse(&mut self, socket: Socket, refusal: &Refusal) {
        // A socket just accepted has room for a few words; a peer that left already misses nothing.
        stream::send_some(&socket, format!("{}\n", refusal.0).as_bytes()).ok();
        if socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((socket, Instant::now() + PATIENCE));
    }

    /// Adds them to what is waited for.
    pub(crate) fn watch<'a>(&'a self, sources: &mut Vec<(BorrowedFd<'a>, Interest)>) {
        sources.extend(
            self.0
                .iter()
                .map(|(socket, _)| (socket.as_fd(), Interest::READ)),
        );
    }

    /// When the first of them is closed in any case.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|&(_, deadline)| deadline)
    }

    /// Reads from those that are `ready`, in the order they were watched, and closes those that are
    /// done.
    pub(crate) fn attend(&mut self, ready: &[bool], now: Instant) {
        let mut ready = ready.iter();
        self.0.retain(|(socket, deadline)| {
            let ready = ready.next().is_some_and(|&ready| ready);
            now < *deadline && (!ready || stream::discard(socket))
        });
    }

    /// Closes them all, as a forked child does with its copies.
    pub(crate) fn leave(&mut self) {
        self.0.clear();
    }
}

const MOST: usize = 64; // a flood of refusals costs no more descriptors than this
const PATIENCE: Duration = Duration::from_secs(1);
