//! The fork model: a process of its own for each peer.
//!
//! One single-threaded acceptor waits for peers, for its children's ends and for orders to stop,
//! all in one poll. What can be refused is refused before the fork. A child holds one conversation
//! and leaves by `_exit`, so nothing of the acceptor's is undone or written twice.

use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::Socket;
use tracing::{debug, info, warn};

use crate::admission::{Admission, Slot};
use crate::arrivals::Arrivals;
use crate::children::Children;
use crate::hold::Holder;
use crate::leaving::Leaving;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::peer::Peer;
use crate::service::{Refusal, Service};
use crate::signals::Signals;
use crate::sys::{self, Forked};
use crate::wait::{Interest, earlier, wait};

/// Serves every peer that arrives, each in a process of its own, until SIGTERM or SIGINT.
///
/// Then nothing more is accepted, every session is told to stop, and after `limits.grace`, or at
/// the second signal, what still runs is killed. Returns once every child was waited for.
///
/// # Errors
///
/// The process has several threads. Once it serves, no error ends it.
pub fn serve(
    listeners: Vec<Listener>,
    service: &dyn Service,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    sys::require_one_thread()?;
    // Set up once here rather than in every child; each child seeds it anew.
    drop(rand::rng());
    let mut acceptor = Acceptor {
        holder: Holder::new(service, limits, signals),
        arrivals: Arrivals::new(listeners),
        admission: Admission::new(limits),
        children: Children::default(),
        unforked: None,
        leaving: Leaving::default(),
    };
    acceptor.serve()?;
    acceptor.stop()
}

struct Acceptor<'a> {
    holder: Holder<'a>,
    arrivals: Arrivals,
    admission: Admission,
    children: Children,
    unforked: Option<Unforked>,
    leaving: Leaving,
}

/// A peer whose fork failed, until it is tried again.
struct Unforked {
    arrived: Arrived,
    failures: u32,
    retry_at: Instant,
}

struct Arrived {
    socket: Socket,
    peer: Peer,
    slot: Slot,
}

impl Acceptor<'_> {
    /// Accepts, forks and reaps until asked to stop.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let open = !self.admission.is_full() && self.unforked.is_none();
            let mut sources = vec![(self.holder.signals.as_fd(), Interest::READ)];
            self.leaving.watch(&mut sources);
            let listeners_from = sources.len();
            let mut deadline = self.leaving.deadline();
            if open {
                self.arrivals.watch(now, &mut sources);
                deadline = earlier(deadline, self.arrivals.resume_at().filter(|&at| now < at));
            }
            deadline = earlier(
                deadline,
                self.unforked.as_ref().map(|unforked| unforked.retry_at),
            );

            let ready = wait(&sources, deadline)?;
            if ready[0] && 0 < self.heed_signals() {
                return Ok(());
            }
            let now = Instant::now();
            self.leaving.attend(&ready[1..listeners_from], now);
            if self
                .unforked
                .as_ref()
                .is_some_and(|unforked| unforked.retry_at <= now)
            {
                self.retry(now);
            }
            for (index, _) in ready[listeners_from..]
                .iter()
                .enumerate()
                .filter(|(_, ready)| **ready)
            {
                self.accept(index);
            }
        }
    }

    /// Reaps where children have ended; how often it was asked to stop.
    fn heed_signals(&mut self) -> u32 {
        let asked = self.holder.signals.take();
        if asked.child {
            self.children.reap();
        }
        asked.stops
    }

    fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTED_AT_ONCE {
            if self.admission.is_full() || self.unforked.is_some() {
                return;
            }
            let Some((socket, peer)) = self.arrivals.accept(index) else {
                return;
            };
            debug!(%peer, local = %peer.local, "accept");
            match self.admission.admit(peer.remote.host()) {
                Ok(slot) => self.fork(Arrived { socket, peer, slot }, 0),
                Err(refusal) => {
                    info!(%peer, "refuse: {}", refusal.0);
                    self.leaving.refuse(socket, &refusal);
                }
            }
        }
    }

    /// Gives the peer a process; if there is none to be had, keeps it for another try.
    fn fork(&mut self, arrived: Arrived, failures: u32) {
        match sys::fork() {
            Ok(Forked::Child) => self.be_a_child(&arrived),
            Ok(Forked::Acceptor(pid)) => {
                debug!(peer = %arrived.peer, %pid, "fork");
                let Arrived { peer, slot, .. } = arrived;
                self.children.add(pid, peer, slot);
            }
            Err(errno) if failures + 1 < FORK_TRIES => {
                if failures == 0 {
                    warn!(peer = %arrived.peer, "cannot fork: {errno}; trying again");
                } else {
                    debug!(peer = %arrived.peer, "cannot fork: {errno}; trying again");
                }
                self.unforked = Some(Unforked {
                    arrived,
                    failures: failures + 1,
                    retry_at: Instant::now() + FORK_PAUSE,
                });
            }
            Err(errno) => {
                warn!(peer = %arrived.peer, "refuse: cannot fork: {errno}");
                self.leaving.refuse(
                    arrived.socket,
                    &Refusal("The server is busy. Try again later.".into()),
                );
            }
        }
    }

    fn retry(&mut self, now: Instant) {
        if let Some(Unforked {
            arrived, failures, ..
        }) = self.unforked.take_if(|unforked| unforked.retry_at <= now)
        {
            self.fork(arrived, failures);
        }
    }

    /// Holds one conversation and leaves the process.
    fn be_a_child(&mut self, arrived: &Arrived) -> ! {
        let converse = AssertUnwindSafe(|| {
            // What belongs to the acceptor is closed here, so that it is free when the acceptor
            // lets go of it.
            self.arrivals.leave();
            self.leaving.leave();
            self.holder.signals.leave_interrupts_to_the_acceptor();
            // The generator was copied with everything else: without this, all children draw the
            // same numbers.
            rand::rng().reseed().expect("the system gives randomness");
            self.holder
                .hold(&arrived.socket, &arrived.peer)
                .ended
                .exit_code()
        });
        sys::exit(catch_unwind(converse).unwrap_or(EX_SOFTWARE))
    }

    /// Stops listening, tells the children, and waits for them.
    fn stop(&mut self) -> io::Result<()> {
        self.arrivals.close();
        if let Some(Unforked { arrived, .. }) = self.unforked.take() {
            self.leaving
                .refuse(arrived.socket, &Refusal("The server is stopping.".into()));
        }
        info!(conversations = self.children.len(), grace = ?self.holder.limits.grace, "stop");
        self.children.signal(Signal::SIGTERM);
        let deadline = Instant::now() + self.holder.limits.grace;
        let mut killed = false;
        while !self.children.is_empty() {
            let ready = wait(
                &[(self.holder.signals.as_fd(), Interest::READ)],
                (!killed).then_some(deadline),
            )?;
            let again = ready[0] && 0 < self.heed_signals();
            if !killed && (again || deadline <= Instant::now()) {
                warn!(
                    conversations = self.children.len(),
                    "stop: killing what is left"
                );
                self.children.signal(Signal::SIGKILL);
                killed = true;
            }
        }
        Ok(())
    }
}

const ACCEPTED_AT_ONCE: usize = 16; // then look after the children again
const FORK_TRIES: u32 = 20;
const FORK_PAUSE: Duration = Duration::from_millis(100);
const EX_SOFTWARE: i32 = 70; // sysexits(3)
