//! What a concurrency model implements: running the sessions that the acceptor admits.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::limits::host_rate::RateQueue;
use crate::limits::stats::Stats;
use crate::net::listener::UdpListener;
use crate::net::stream::Stream;
use crate::reactor::reactor::Reactor;
use crate::reactor::signals::Signals;
use crate::server::backlog::Backlog;
use crate::server::rejects::Rejects;

/// Runs sessions: in processes, in threads, or in the reactor of the acceptor, which drives the
/// sources there by itself. The default methods are those of a worker that has all sessions there.
pub(crate) trait Worker {
    /// What starting a session needs, for the log message `cannot ACTION: …`.
    const ACTION: &'static str;

    /// Starts the session of a connection.
    ///
    /// # Errors
    ///
    /// The system lacks a resource at the moment. The connection is returned, to be tried again.
    fn start(
        &mut self,
        stream: Stream,
        acceptor: &mut AcceptorState,
    ) -> Result<(), Box<StartError>>;

    /// Starts serving all peers of UDP sockets.
    ///
    /// # Errors
    ///
    /// One of them cannot be served. Those that are served already have to be [killed](Self::kill).
    fn serve_udp(
        &mut self,
        listeners: Vec<UdpListener>,
        acceptor: &mut AcceptorState,
    ) -> io::Result<()>;

    /// A descriptor that is ready when [`attend`](Self::attend) is due. SIGCHLD makes it due as well.
    fn wakeup(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// When [`attend`](Self::attend) is due in any case.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Removes the sessions that have ended, and does what is due.
    fn attend(&mut self, _acceptor: &mut AcceptorState, _now: Instant) {}

    /// The number of sessions and of UDP sockets that are not in the reactor.
    fn len(&self) -> usize {
        0
    }

    /// Makes a UDP server report each of its sessions.
    fn report(&self) {}

    /// Asks every session to end.
    fn stop(&mut self) {}

    /// Asks every session to end at once.
    fn abort(&mut self) {}

    /// Ends the remaining sessions without waiting.
    fn kill(&mut self) {}
}

/// A session could not be started.
pub(crate) struct StartError {
    pub(crate) stream: Stream,
    pub(crate) error: io::Error,
}

/// The error of a UDP socket for which the system lacks a process or a thread.
pub(crate) fn cannot_start(what: &str, listener: &UdpListener, error: &io::Error) -> io::Error {
    let local = listener.socket.local_addr().ok();
    let local = local.and_then(|local| local.as_socket());
    let local = local.map_or_else(String::new, |local| local.to_string());
    io::Error::new(
        error.kind(),
        format!("cannot start a {what} for udp://{local}: {error}"),
    )
}

/// What belongs to the acceptor, and is closed in a forked child.
pub(crate) struct AcceptorState {
    pub(crate) signals: Signals,
    pub(crate) stats: Stats,
    pub(crate) reactor: Reactor,
    pub(crate) backlog: Backlog,
    pub(crate) rejects: Rejects,
    pub(crate) rate_queue: RateQueue<Stream>,
    pub(crate) retry: Option<Retry>,
    pub(crate) inherited: VecDeque<Stream>, // connections whose sessions are to be started
    pub(crate) on_ready: Option<OnReady>,
}

/// A connection whose session could not be started. It is tried again, and others wait behind it.
pub(crate) struct Retry {
    pub(crate) stream: Stream,
    pub(crate) failures: u32,
    pub(crate) at: Instant,
}

/// Called once when the server is ready.
pub(crate) type OnReady = Box<dyn FnOnce() -> io::Result<()> + Send>;

impl AcceptorState {
    /// Closes the copies that a forked child has, so that the connections and listeners close when
    /// the acceptor closes its own.
    pub(crate) fn close_in_child(&mut self) {
        self.backlog.close_in_child();
        self.rate_queue.close();
        self.reactor.close_in_child();
        self.retry = None;
        self.inherited.clear();
        self.on_ready = None;
    }
}
