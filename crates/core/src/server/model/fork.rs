//! The fork model: a process of its own for each peer.
//!
//! A child holds one conversation and leaves by `_exit`, so nothing of the acceptor's is undone or
//! written twice. Where the service gives its peers to programs, the child becomes the program.

use std::cell::Cell;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use tracing::{debug, error};

use crate::exec::child::{Program, pipe, take_over};
use crate::exec::supervisor::{Chaperone, Given, NOT_STARTED, not_started};
use crate::hub_link::link::Link;
use crate::limits::limits::{Limits, READ_BYTES};
use crate::net::listener::{Inlet, Listener};
use crate::peer::Transport;
use crate::reactor::poll::earlier;
use crate::reactor::reactor::Tasks;
use crate::reactor::run_one::hold;
use crate::reactor::signals::Signals;
use crate::server::acceptor;
use crate::server::model::children::Children;
use crate::server::worker::{Arrived, Crew, Front, Unbegun};
use crate::session::close_reason::CloseReason;
use crate::session::service::Service;
use crate::stream::task::Exchange;
use crate::sys::process::{self, Forked};

use crate::server::model::fork_hub::HubProcess;
use crate::server::model::fork_udp::Server;

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
pub(crate) fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    process::require_one_thread()?;
    // Set up once here rather than in every child; each child seeds it anew.
    drop(rand::rng());
    let programs = service.config(Transport::Stream).exec;
    let mut processes = Processes {
        children: Children::default(),
        servers: Vec::new(),
        programs: programs.then(Tasks::new).transpose()?,
        hub: None,
        service,
        limits,
        buffer: vec![0; READ_BYTES],
    };
    let served = acceptor::serve(listeners, &mut processes, limits, signals);
    processes.end_hub();
    processes.children.wait();
    served
}

pub(crate) struct Processes<'a> {
    pub(super) children: Children,
    pub(super) servers: Vec<Server>,
    pub(super) programs: Option<Tasks>, // where children become programs, those who look after them
    pub(super) hub: Option<HubProcess>, // where sessions meet in rooms, from the first one on
    pub(super) service: Arc<dyn Service>,
    pub(super) limits: &'a Limits,
    pub(super) buffer: Vec<u8>, // of every child, which touches it only as far as it uses it
}

impl Crew for Processes<'_> {
    const DEED: &'static str = "fork";

    fn begin(&mut self, arrived: Arrived, front: &mut Front) -> Result<(), Box<Unbegun>> {
        let both = self.programs.is_some().then(pipe).transpose();
        let (errors, says) = match both {
            Ok(both) => both.unzip(),
            Err(error) => return Err(Box::new(Unbegun { arrived, error })),
        };
        let wire = match self.wire() {
            Ok(wire) => wire,
            Err(error) => return Err(Box::new(Unbegun { arrived, error })),
        };
        match process::fork() {
            Ok(Forked::Child) => self.be_a_child(arrived, says, wire, front),
            Ok(Forked::Acceptor(pid)) => {
                debug!(peer = %arrived.peer, %pid, "fork");
                let Arrived { stream, peer, slot } = arrived;
                slot.runs_as(pid);
                let (Some(errors), Some(programs)) = (errors, &mut self.programs) else {
                    self.children.add(pid, peer, slot);
                    return Ok(());
                };
                let given = Given {
                    stream,
                    peer,
                    slot: Some(slot),
                    limits: *self.limits,
                    counted: Cell::default(),
                };
                programs.add(match Program::adopt(pid, errors) {
                    Ok(program) => Box::new(Chaperone::new(program, given)),
                    Err(error) => Box::new(Exchange::close(given, not_started(&error))),
                });
                Ok(())
            }
            Err(errno) => Err(Box::new(Unbegun {
                arrived,
                error: errno.into(),
            })),
        }
    }

    fn serve_datagrams(&mut self, inlet: Inlet, front: &mut Front) -> io::Result<()> {
        let mut server = Server::new(inlet);
        self.start(&mut server, front)?;
        self.servers.push(server);
        Ok(())
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        self.programs.as_ref().map(AsFd::as_fd)
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        let start_at = self.missing().map(|server| server.start_at).min();
        let programs = self.programs.as_ref();
        earlier(
            start_at,
            programs.and_then(|programs| programs.deadline(now)),
        )
    }

    fn attend(&mut self, front: &mut Front, now: Instant) {
        if let Some(programs) = &mut self.programs {
            programs.attend(now);
        }
        self.children.reap(self.programs.is_some());
        self.look_after_hub();
        self.restart_servers(front, now);
    }

    fn len(&self) -> usize {
        let programs = self.programs.as_ref().map_or(0, Tasks::len);
        let hub = usize::from(self.hub().is_some()); // nobody waits for it: it goes with the last one
        self.children.len() - hub + programs + self.missing().count()
    }

    fn report(&self) {
        if let Some(programs) = &self.programs {
            programs.report();
        }
        self.servers
            .iter()
            .filter_map(|server| server.pid)
            .filter(|&pid| self.children.contains(pid))
            .for_each(|pid| {
                kill(pid, Signal::SIGUSR1).ok();
            });
    }

    fn stop(&mut self) {
        self.servers.clear(); // not to be started again
        self.children.signal(Signal::SIGTERM);
        if let Some(programs) = &mut self.programs {
            programs.stop(Instant::now());
        }
    }

    fn cut(&mut self) {
        self.children.signal(Signal::SIGKILL);
        self.children.wait();
        if let Some(programs) = &mut self.programs {
            programs.clear();
        }
    }
}

impl Processes<'_> {
    /// The servers of datagrams that have no process now.
    fn missing(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.pid.is_none())
    }

    /// Lets go of what is the acceptor's.
    pub(super) fn leave(&mut self, front: &mut Front) {
        front.leave();
        self.servers.clear();
        self.hub = None;
        // Those of others are not this child's to end. Their descriptors close on exec.
        mem::forget(self.programs.take());
        // The generator was copied with everything else: without this, all children draw the same
        // numbers.
        rand::rng().reseed().expect("the system gives randomness");
    }

    /// Holds one conversation and leaves the process.
    fn be_a_child(
        &mut self,
        arrived: Arrived,
        says: Option<OwnedFd>,
        wire: Option<OwnedFd>,
        front: &mut Front,
    ) -> ! {
        let converse = AssertUnwindSafe(|| {
            self.leave(front);
            let wire = wire.map(Link::socket);
            let mut exchange = Exchange::open(arrived, &*self.service, self.limits, wire);
            hold(&mut exchange, &front.signals, &mut false, &mut self.buffer);
            let ended = match (exchange.finish(), says) {
                ((_, Some((given, mut command))), Some(says)) => match given.stream.ends() {
                    Ok((input, output)) => {
                        let error =
                            take_over(&mut command, input, output, says, given.stream.group());
                        error!(peer = %given.peer, "{}", not_started(&error));
                        return NOT_STARTED;
                    }
                    Err(error) => not_started(&error),
                },
                ((ended, _), _) => ended,
            };
            match ended {
                CloseReason::Panicked(_) => EX_SOFTWARE,
                ended if ended.is_failure() => 1,
                _ => 0,
            }
        });
        process::exit(catch_unwind(converse).unwrap_or(EX_SOFTWARE))
    }
}

pub(super) const EX_SOFTWARE: i32 = 70; // sysexits(3)
