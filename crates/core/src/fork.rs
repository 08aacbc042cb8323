//! The fork model: a process of its own for each peer.
//!
//! A child holds one conversation and leaves by `_exit`, so nothing of the acceptor's is undone or
//! written twice.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;
use socket2::Socket;
use tracing::debug;

use crate::acceptor::{self, Arrived, Crew, Front, Unbegun};
use crate::children::Children;
use crate::ended::Ended;
use crate::exchange::Exchange;
use crate::hold::hold;
use crate::limits::{Limits, READ_BYTES};
use crate::listener::Listener;
use crate::service::Service;
use crate::signals::Signals;
use crate::sys::{self, Forked};

/// Serves every peer that arrives, each in a process of its own, until SIGTERM or SIGINT.
///
/// Then nothing more is accepted, every session is told to stop, and after `limits.grace`, or at
/// the second signal, what still runs is killed. Returns once every child was waited for. The
/// children die with this process, however it ends.
///
/// A service that starts processes of its own before it is served must not wait for them: their
/// ends are collected here with those of the children.
///
/// # Errors
///
/// The process has several threads, or the system cannot wait for descriptors. Nothing that a peer
/// does ends it.
pub fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    sys::require_one_thread()?;
    // Set up once here rather than in every child; each child seeds it anew.
    drop(rand::rng());
    let mut processes = Processes {
        children: Children::default(),
        service,
        limits,
        buffer: vec![0; READ_BYTES],
    };
    acceptor::serve(listeners, &mut processes, limits, signals)
}

struct Processes<'a> {
    children: Children,
    service: Arc<dyn Service>,
    limits: &'a Limits,
    buffer: Vec<u8>, // of every child, which touches it only as far as it uses it
}

impl Crew for Processes<'_> {
    const DEED: &'static str = "fork";

    fn begin(&mut self, arrived: Arrived, front: &mut Front) -> Result<(), Unbegun> {
        match sys::fork() {
            Ok(Forked::Child) => self.be_a_child(arrived, front),
            Ok(Forked::Acceptor(pid)) => {
                let Arrived { peer, slot, .. } = arrived;
                debug!(%peer, %pid, "fork");
                self.children.add(pid, peer, slot);
                Ok(())
            }
            Err(errno) => Err(Unbegun {
                arrived,
                error: errno.into(),
            }),
        }
    }

    fn serve_datagrams(
        &mut self,
        _socket: Socket,
        _ports: &[u16],
        _: &mut Front,
    ) -> io::Result<()> {
        Err(io::Error::other("not yet"))
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn attend(&mut self, _: &mut Front, _: Instant) {
        self.children.reap();
    }

    fn len(&self) -> usize {
        self.children.len()
    }

    fn stop(&mut self) {
        self.children.signal(Signal::SIGTERM);
    }

    fn cut(&mut self) {
        self.children.signal(Signal::SIGKILL);
        self.children.wait();
    }
}

impl Processes<'_> {
    /// Holds one conversation and leaves the process.
    fn be_a_child(&mut self, arrived: Arrived, front: &mut Front) -> ! {
        let converse = AssertUnwindSafe(|| {
            front.leave();
            // The generator was copied with everything else: without this, all children draw the
            // same numbers.
            rand::rng().reseed().expect("the system gives randomness");
            let (service, limits) = (&*self.service, self.limits);
            let mut exchange = Exchange::open(arrived, service, limits);
            hold(&mut exchange, &front.signals, &mut false, &mut self.buffer);
            match exchange.finish().0 {
                Ended::Panicked(_) => EX_SOFTWARE,
                ended if ended.is_failure() => 1,
                _ => 0,
            }
        });
        sys::exit(catch_unwind(converse).unwrap_or(EX_SOFTWARE))
    }
}

const EX_SOFTWARE: i32 = 70; // sysexits(3)
