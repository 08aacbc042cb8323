//! What a model has to be able to do: to hold the conversations that an acceptor gives it.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::limits::admission::Slot;
use crate::limits::host_rate::RateQueue;
use crate::limits::stats::State;
use crate::net::listener::Inlet;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::signals::Signals;
use crate::server::backlog::Arrivals;
use crate::server::rejects::Leaving;

/// Those who hold the conversations.
pub(crate) trait Crew {
    /// What it takes to begin one, for messages: `cannot DEED: …`.
    const DEED: &'static str;

    /// Begins a conversation.
    ///
    /// # Errors
    ///
    /// The system has no room for it now; the peer is given back.
    fn begin(&mut self, arrived: Arrived, front: &mut Front) -> Result<(), Box<Unbegun>>;

    /// Begins to serve all who send datagrams to a socket.
    ///
    /// # Errors
    ///
    /// The system has no room for it.
    fn serve_datagrams(&mut self, inlet: Inlet, front: &mut Front) -> io::Result<()>;

    /// Ready to be read when something is to be attended to, where SIGCHLD does not tell.
    fn news(&self) -> Option<BorrowedFd<'_>>;

    /// Waits for news and for these descriptors together, where that takes one call less; whether
    /// any of them may be ready. Whoever hears `None` has to wait for all by itself.
    ///
    /// # Errors
    ///
    /// The system cannot wait for descriptors.
    fn wait_beside(
        &mut self,
        _fds: &mut dyn Iterator<Item = BorrowedFd<'_>>,
        _deadline: Option<Instant>,
    ) -> io::Result<Option<bool>> {
        Ok(None)
    }

    /// When something is to be attended to, though nothing else has happened.
    fn deadline(&self, now: Instant) -> Option<Instant>;

    /// Does what is due, and forgets the conversations that have ended.
    fn attend(&mut self, front: &mut Front, now: Instant);

    /// How many conversations, and sockets for datagrams, there are.
    fn len(&self) -> usize;

    /// Has those tell what goes on who hold more than one conversation.
    fn report(&self);

    /// Tells every conversation to stop.
    fn stop(&mut self);

    /// Does not wait for those that are left.
    fn cut(&mut self);
}

/// A peer with its place among the conversations.
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) slot: Slot,
}

/// A peer whose conversation could not begin yet.
pub(crate) struct Unbegun {
    pub(crate) arrived: Arrived,
    pub(crate) error: io::Error,
}

/// What belongs to the acceptor alone.
pub(crate) struct Front {
    pub(crate) signals: Signals,
    pub(crate) state: State,
    pub(crate) arrivals: Arrivals,
    pub(crate) leaving: Leaving,
    pub(crate) rate_queue: RateQueue<(Stream, Peer)>,
}

impl Front {
    /// Closes this process's copies, as a forked child does, so that they are free when the
    /// acceptor lets go of its own.
    pub(crate) fn leave(&mut self) {
        self.arrivals.leave();
        self.leaving.leave();
        self.rate_queue.close();
    }
}
