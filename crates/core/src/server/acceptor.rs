//! Accepts peers and gives each to a conversation of its own; stops them all in the end.
//!
//! One loop waits for peers, for the ends of conversations and for orders to stop, all in one poll.
//! What can be refused is refused before anything is started for it. How a conversation runs, in a
//! process or in a thread, is its [`Crew`]'s affair.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::limits::admission::Admission;
use crate::limits::host_rate::{Admitted, RateQueue};
use crate::limits::limits::Limits;
use crate::limits::stats::{Count, State};
use crate::net::listener::{Listener, Sorted};
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::poll::{Interest, after, earlier, wait};
use crate::reactor::signals::Signals;
use crate::server::backlog::Arrivals;
use crate::server::rejects::Leaving;
use crate::server::waiting::Waiting;
use crate::server::worker::{Arrived, Crew, Front};
use crate::session::service::Refusal;
use crate::stream::task::BUSY;
use crate::sys::systemd::notify;

/// Serves every peer that arrives until SIGTERM or SIGINT, then stops; also once nobody can arrive
/// any more, and the last conversation is over.
///
/// # Errors
///
/// The system has no room for a socket's server at the start, or cannot wait for descriptors.
pub(crate) fn serve<C: Crew>(
    listeners: Vec<Listener>,
    crew: &mut C,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    let sorted = Sorted::from(listeners);
    let Sorted {
        doors,
        inlets,
        singles,
    } = sorted;
    let state = State::new(signals.reporting())?;
    let mut acceptor = Acceptor {
        front: Front {
            signals,
            state,
            arrivals: Arrivals::new(doors),
            leaving: Leaving::new(limits),
            rate_queue: RateQueue::new(limits.rate),
        },
        admission: Admission::new(limits, state)?,
        crew,
        waiting: None,
    };
    for inlet in inlets {
        acceptor.crew.serve_datagrams(inlet, &mut acceptor.front)?;
    }
    for (stream, peer) in singles {
        acceptor.arrive(stream, peer);
    }
    let served = loop {
        if acceptor.is_exhausted() {
            return Ok(());
        }
        match acceptor.turn(None) {
            Ok(false) => (),
            Ok(true) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    acceptor.stop(limits.grace);
    served
}

struct Acceptor<'a, C> {
    front: Front,
    admission: Admission,
    crew: &'a mut C,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy)]
enum Source {
    Signals,
    News,
    Leaving(usize),
    Listener(usize),
}

impl<C: Crew> Acceptor<'_, C> {
    /// Whether nobody is there, nor can arrive any more.
    fn is_exhausted(&self) -> bool {
        let Front {
            arrivals, leaving, ..
        } = &self.front;
        let nobody =
            self.waiting.is_none() && self.front.rate_queue.is_empty() && leaving.is_empty();
        arrivals.is_empty() && nobody && self.crew.len() == 0
    }

    /// Waits once, until `deadline` at most, and does what is due; whether it was asked to stop.
    fn turn(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        let ready = self.wait(deadline)?;
        let now = Instant::now();
        let mut stop = false;
        let mut news = self
            .crew
            .deadline(now)
            .is_some_and(|deadline| deadline <= now);
        let mut listeners = Vec::new();
        for (source, broken) in ready {
            match source {
                Source::Signals => {
                    let seen = self.front.signals.take();
                    stop = seen.terminate || seen.interrupt;
                    news |= seen.child;
                    if seen.report {
                        self.report();
                    }
                }
                Source::News => news = true,
                Source::Leaving(number) => self.front.leaving.attend(number, broken, now),
                Source::Listener(number) => listeners.push(number),
            }
        }
        if news {
            self.crew.attend(&mut self.front, now);
        }
        self.front.leaving.tick(now);
        if !stop {
            if let Some(waiting) = self.waiting.take_if(|waiting| waiting.retry_at <= now) {
                self.begin(waiting.arrived, waiting.failures);
            }
            while self.is_open()
                && let Some((stream, peer)) = self.front.rate_queue.pop_due(now)
            {
                self.admit(stream, peer);
            }
            self.accept_from(&listeners);
        }
        Ok(stop)
    }

    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Vec<(Source, bool)>> {
        let now = Instant::now();
        let Front {
            signals,
            arrivals,
            leaving,
            ..
        } = &self.front;
        let mut deadline = earlier(deadline, leaving.deadline());
        deadline = earlier(deadline, self.crew.deadline(now));
        let mut sources = vec![(Source::Signals, signals.as_fd(), Interest::READ)];
        if let Some(waiting) = &self.waiting {
            deadline = earlier(deadline, Some(waiting.retry_at));
        }
        if self.is_open() {
            deadline = earlier(deadline, self.front.rate_queue.deadline());
            deadline = earlier(deadline, arrivals.resume_at(now));
            let listeners = arrivals.watched(now).enumerate();
            sources.extend(
                listeners.map(|(number, fd)| (Source::Listener(number), fd, Interest::READ)),
            );
        }
        if leaving.is_empty() {
            let mut fds = sources.iter().map(|&(_, fd, _)| fd);
            match self.crew.wait_beside(&mut fds, deadline)? {
                Some(false) => return Ok(vec![(Source::News, false)]),
                Some(true) => deadline = Some(now),
                None => (),
            }
        }
        if let Some(news) = self.crew.news() {
            sources.push((Source::News, news, Interest::READ));
        }
        let goodbyes = leaving.watched();
        sources
            .extend(goodbyes.map(|(number, fd, interest)| (Source::Leaving(number), fd, interest)));
        wait(&sources, deadline)
    }

    /// Accepts peers at listeners that have some. They take turns, so that a crowd at one does not
    /// shut out the others.
    fn accept_from(&mut self, listeners: &[usize]) {
        let mut listeners = self.front.arrivals.in_turn(listeners);
        for _ in 0..ACCEPTED_AT_ONCE {
            let Some(number) = listeners.pop_front() else {
                return;
            };
            if !self.is_open() {
                return;
            }
            if let Some((stream, peer)) = self.front.arrivals.accept(number) {
                listeners.push_back(number);
                self.arrive(stream, peer);
            }
        }
    }

    /// Tells what is going on.
    fn report(&self) {
        self.crew.report();
        self.admission.tell();
        self.front.state.tell_counters();
    }

    /// Whether a conversation can begin.
    fn is_open(&self) -> bool {
        self.waiting.is_none() && !self.admission.is_full()
    }

    fn arrive(&mut self, stream: Stream, peer: Peer) {
        debug!(%peer, local = %peer.local, "accept");
        let host = peer.remote.host();
        let rate_queue = &mut self.front.rate_queue;
        match rate_queue.admit((stream, peer), host, Instant::now()) {
            Admitted::Now((stream, peer)) => self.admit(stream, peer),
            Admitted::Queued => (),
            Admitted::Refused((stream, peer), message) => {
                self.front.state.count(Count::RefusedRate, 1);
                self.refuse(stream, peer, Refusal(message.into()));
            }
        }
    }

    fn admit(&mut self, stream: Stream, peer: Peer) {
        match self.admission.admit(&peer) {
            Ok(slot) => self.begin(Arrived { stream, peer, slot }, 0),
            Err(refusal) => self.refuse(stream, peer, refusal),
        }
    }

    /// Begins a conversation; if the system has no room for it, keeps the peer for another try.
    fn begin(&mut self, arrived: Arrived, failures: u32) {
        let Err(unbegun) = self.crew.begin(arrived, &mut self.front) else {
            return;
        };
        match Waiting::after(*unbegun, C::DEED, failures) {
            Ok(waiting) => self.waiting = Some(waiting),
            Err(arrived) => {
                let Arrived { stream, peer, .. } = *arrived;
                self.turn_away(stream, peer, BUSY);
            }
        }
    }

    fn refuse(&mut self, stream: Stream, peer: Peer, refusal: Refusal) {
        info!(%peer, "refuse: {}", refusal.0);
        self.front.leaving.refuse(stream, peer, refusal);
    }

    fn turn_away(&mut self, stream: Stream, peer: Peer, words: &'static str) {
        let refusal = Refusal(words.into());
        self.front.state.count(Count::RefusedBusy, 1);
        self.front.leaving.refuse(stream, peer, refusal);
    }

    /// Stops listening, tells every conversation, and waits for them until the grace is over or
    /// somebody asks again.
    fn stop(&mut self, grace: Duration) {
        self.front.arrivals.close();
        notify("STOPPING=1");
        let waiting = self.waiting.take().map(|waiting| waiting.arrived);
        let waiting = waiting.map(|Arrived { stream, peer, .. }| (stream, peer));
        for (stream, peer) in waiting.into_iter().chain(self.front.rate_queue.drain()) {
            self.turn_away(stream, peer, "The server is stopping.");
        }
        info!(conversations = self.crew.len(), ?grace, "stop");
        self.crew.stop();
        // Conversations count for themselves; who is not through after that does not come back.
        let deadline = after(Instant::now(), grace) + MARGIN;
        while 0 < self.crew.len() || !self.front.leaving.is_empty() {
            let asked = self.turn(Some(deadline));
            if deadline <= Instant::now() || !matches!(asked, Ok(false)) {
                break;
            }
        }
        if 0 < self.crew.len() {
            warn!(conversations = self.crew.len(), "stop: ending what is left");
            self.crew.cut();
        }
    }
}

const ACCEPTED_AT_ONCE: usize = 16; // then look after the rest again
const MARGIN: Duration = Duration::from_millis(250);
