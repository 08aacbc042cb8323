//! The accept loop.
//!
//! One loop waits for new peers, for the ends of sessions, and for signals. What can be refused is
//! refused before a process or a thread is started for it. How a session runs is up to the
//! [`Worker`].

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::limits::admission::Admission;
use crate::limits::host_rate::{Admitted, RateQueue};
use crate::limits::limits::Limits;
use crate::limits::stats::{Counter, Reporting, Stats};
use crate::net::listener::{Listener, ListenersByKind};
use crate::net::stream::Stream;
use crate::peer::Transport;
use crate::reactor::poll::earlier;
use crate::reactor::reactor::Reactor;
use crate::reactor::signals::Signals;
use crate::server::backlog::Backlog;
use crate::server::rejects::Rejects;
use crate::server::worker::{AcceptorState, OnReady, Retry, StartError, Worker};
use crate::session::service::{Refusal, Service};
use crate::stream::task::BUSY;

/// What a concurrency model serves, and within which limits.
pub(crate) struct Setup {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    pub(crate) signals: Signals,
    pub(crate) reporting: Reporting,
    pub(crate) on_ready: Option<OnReady>,
}

/// The accept loop of one server.
pub(super) struct Acceptor<'a, W> {
    state: AcceptorState,
    admission: Admission,
    worker: &'a mut W,
    ready: Vec<usize>, // the tokens of one turn
}

/// What the server was asked for in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    /// Nothing.
    None,
    /// A graceful shutdown.
    Stop,
    /// A shutdown without a grace period.
    Abort,
}

impl<'a, W: Worker> Acceptor<'a, W> {
    /// Watches the listeners, and starts the servers of UDP sockets.
    pub(super) fn new(setup: Setup, worker: &'a mut W) -> io::Result<Self> {
        let ListenersByKind {
            streams,
            udp,
            connections,
        } = setup.listeners.into();
        let (limits, signals) = (setup.limits, setup.signals);
        let stats = Stats::new(setup.reporting)?;
        let mut reactor = Reactor::new()?;
        reactor.watch(signals.as_fd(), SIGNALS)?;
        if let Some(fd) = worker.wakeup() {
            reactor.watch(fd, WORKER)?;
        }
        if setup.service.config(Transport::Stream).stdout {
            // Fails for a file, and where it is closed.
            reactor.watch_errors(io::stdout().as_fd(), STDOUT).ok();
        }
        let backlog = Backlog::new(streams, &mut reactor, LISTENERS)?;
        let mut acceptor = Self {
            state: AcceptorState {
                signals,
                stats,
                reactor,
                backlog,
                rejects: Rejects::new(&limits),
                rate_queue: RateQueue::new(limits.rate),
                retry: None,
                inherited: connections.into(),
                on_ready: setup.on_ready,
            },
            admission: Admission::new(&limits, stats)?,
            worker,
            ready: Vec::new(),
        };
        acceptor.worker.serve_udp(udp, &mut acceptor.state)?;
        Ok(acceptor)
    }

    /// Announces that the server is ready, and starts the sessions of connections that were inherited.
    ///
    /// # Errors
    ///
    /// It could not be announced.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.state.on_ready.take().map_or(Ok(()), |ready| ready())?;
        while let Some(stream) = self.state.inherited.pop_front() {
            self.accept(stream);
        }
        Ok(())
    }

    /// Whether there is no peer, and none can arrive.
    pub(super) fn is_exhausted(&self) -> bool {
        let can_arrive = !self.state.backlog.is_empty() || !self.state.rate_queue.is_empty();
        !can_arrive && self.state.retry.is_none() && self.is_idle()
    }

    /// Whether a session has failed.
    pub(super) fn has_failures(&self) -> bool {
        0 < self.state.stats.total(Counter::Failed)
    }

    /// Whether there is no session and no refused peer.
    pub(super) fn is_idle(&self) -> bool {
        self.state.reactor.len() == 0 && self.worker.len() == 0
    }

    /// The number of sessions.
    pub(super) fn sessions(&self) -> u64 {
        self.state.stats.live()
    }

    /// Waits once, until `deadline` at most, and handles what is ready. Returns what the server was
    /// asked for.
    pub(super) fn turn(&mut self, deadline: Option<Instant>) -> io::Result<Request> {
        self.wait(deadline)?;
        let now = Instant::now();
        let (mut request, mut report) = (Request::None, false);
        let mut attend = self.worker.deadline().is_some_and(|at| at <= now);
        let mut listeners = Vec::new();
        for &token in &self.ready {
            match token {
                SIGNALS => {
                    let signals = self.state.signals.take();
                    signals.log_unused();
                    request = request.max(match signals {
                        _ if signals.abort => Request::Abort,
                        _ if signals.terminate || signals.interrupt => Request::Stop,
                        _ => Request::None,
                    });
                    attend |= signals.child;
                    report = signals.report;
                }
                WORKER => attend = true,
                STDOUT => {
                    self.state.reactor.unwatch(io::stdout().as_fd());
                    warn!("stop: standard output is no longer read");
                    request = request.max(Request::Stop);
                }
                listener => listeners.push(listener - LISTENERS),
            }
        }
        if report {
            self.report();
        }
        self.state.reactor.dispatch(now);
        if attend {
            self.worker.attend(&mut self.state, now);
        }
        if request == Request::None {
            if let Some(retry) = self.state.retry.take_if(|retry| retry.at <= now) {
                self.start(retry.stream, retry.failures);
            }
            while self.can_start()
                && let Some(stream) = self.state.rate_queue.pop_due(now)
            {
                self.admit(stream);
            }
            self.accept_from(listeners);
        }
        Ok(request)
    }

    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let now = Instant::now();
        let mut deadline = earlier(deadline, self.worker.deadline());
        deadline = earlier(deadline, self.state.retry.as_ref().map(|retry| retry.at));
        let can_start = self.can_start();
        let state = &mut self.state;
        if can_start {
            deadline = earlier(deadline, state.rate_queue.deadline());
            deadline = earlier(deadline, state.backlog.resume_at(now));
        }
        state.backlog.watch(&mut state.reactor, can_start, now)?;
        self.ready.clear();
        state.reactor.wait(deadline, &mut self.ready)
    }

    /// Accepts peers at listeners that are ready.
    fn accept_from(&mut self, ready: Vec<usize>) {
        if ready.is_empty() {
            return;
        }
        let mut listeners = self.state.backlog.round_robin(ready);
        for _ in 0..ACCEPTS_AT_ONCE {
            let Some(index) = listeners.pop_front() else {
                return;
            };
            if !self.can_start() {
                return;
            }
            if let Some(stream) = self.state.backlog.accept(index) {
                listeners.push_back(index);
                self.accept(stream);
            }
        }
    }

    fn report(&mut self) {
        self.worker.report();
        self.state.reactor.report();
        self.admission.report();
        self.state.stats.report_counters();
    }

    /// Whether a session can be started now.
    fn can_start(&self) -> bool {
        self.state.retry.is_none() && !self.admission.is_full()
    }

    fn accept(&mut self, stream: Stream) {
        let peer = &stream.peer;
        debug!(%peer, local = %peer.local, "accept");
        let host = peer.remote.host();
        let rate_queue = &mut self.state.rate_queue;
        match rate_queue.admit(stream, host, Instant::now()) {
            Admitted::Now(stream) => self.admit(stream),
            Admitted::Queued => (),
            Admitted::Refused(stream, message) => {
                self.state.stats.count(Counter::RefusedRate, 1);
                self.refuse(stream, message);
            }
        }
    }

    fn admit(&mut self, mut stream: Stream) {
        match self.admission.admit(&stream.peer) {
            Ok(slot) => {
                stream.slot = Some(slot);
                self.start(stream, 0);
            }
            Err(limit) => self.refuse(stream, limit.to_string()),
        }
    }

    /// Starts a session. If the system lacks a resource, the connection is tried again later, and
    /// refused after some failures.
    fn start(&mut self, stream: Stream, failures: u32) {
        let Err(failed) = self.worker.start(stream, &mut self.state) else {
            return;
        };
        let StartError { stream, error } = *failed;
        let (peer, action) = (&stream.peer, W::ACTION);
        let failures = failures + 1;
        if failures == MAX_FAILURES {
            warn!(%peer, "refuse: cannot {action}: {error}");
            return self.refuse_busy(stream, BUSY);
        }
        if failures == 1 {
            warn!(%peer, "cannot {action}: {error}; trying again");
        } else {
            debug!(%peer, "cannot {action}: {error}; trying again");
        }
        self.state.retry = Some(Retry {
            stream,
            failures,
            at: Instant::now() + RETRY_INTERVAL,
        });
    }

    /// Refuses a peer because it exceeds a limit.
    fn refuse(&mut self, stream: Stream, message: String) {
        info!(peer = %stream.peer, "refuse: {message}");
        self.send_refusal(stream, Refusal(message.into()));
    }

    fn refuse_busy(&mut self, stream: Stream, message: &'static str) {
        self.state.stats.count(Counter::RefusedBusy, 1);
        self.send_refusal(stream, Refusal(message.into()));
    }

    fn send_refusal(&mut self, stream: Stream, refusal: Refusal) {
        let state = &mut self.state;
        state.rejects.refuse(&mut state.reactor, stream, refusal);
    }

    /// Accepts no further peer: closes the listeners, and refuses the peers that wait for a session.
    pub(super) fn close(&mut self) {
        self.state.backlog.close(&mut self.state.reactor);
        let retry = self.state.retry.take().map(|retry| retry.stream);
        let queued = self.state.rate_queue.drain();
        for stream in retry.into_iter().chain(queued) {
            self.refuse_busy(stream, "The server is stopping.");
        }
    }

    /// Asks every session to end.
    pub(super) fn stop_sessions(&mut self) {
        self.worker.stop();
        self.state.reactor.stop(Instant::now());
    }

    /// Ends every session without letting it finish. One that computes does not react.
    pub(super) fn abort_sessions(&mut self) {
        self.worker.abort();
        self.state.reactor.clear();
    }

    /// Ends every session at once.
    pub(super) fn kill_sessions(&mut self) {
        self.worker.kill();
        self.state.reactor.clear();
    }
}

const SIGNALS: usize = 0; // tokens in the reactor
const WORKER: usize = 1;
const STDOUT: usize = 2;
const LISTENERS: usize = 3; // and up
const ACCEPTS_AT_ONCE: usize = 16; // then handle the other events
// Two seconds in all: a client should not wait longer than that for an answer.
const MAX_FAILURES: u32 = 20;
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
