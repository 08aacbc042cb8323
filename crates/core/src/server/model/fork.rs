//! The fork model: a process per client.
//!
//! A child runs one session and ends by `_exit`, so no destructor of the acceptor runs twice and no
//! buffer is written twice. Where a session hands its peer to a program, the child executes it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;
use tracing::{debug, error, warn};

use crate::exec::child::{Child, pipe};
use crate::exec::processes::{adopt_orphans_in_child, end_orphans, wait_for_orphans};
use crate::exec::supervisor::{NOT_STARTED, exec, not_started};
use crate::hub_link::socket::SocketLink;
use crate::limits::limits::Limits;
use crate::net::listener::UdpListener;
use crate::net::stream::Stream;
use crate::peer::Transport;
use crate::reactor::run_one::run_one;
use crate::server::acceptor::Setup;
use crate::server::model::children::{Children, EX_SOFTWARE, run_child};
use crate::server::model::fork_hub::HubProcess;
use crate::server::model::fork_udp::{self, RESTART_INTERVAL, UdpProcess};
use crate::server::shutdown::serve_until_signal;
use crate::server::worker::{AcceptorState, StartError, Worker, cannot_start};
use crate::session::close_reason::CloseReason;
use crate::session::service::Service;
use crate::stream::task::StreamTask;
use crate::sys::process::{self, Forked};
use crate::udp::server::UdpServer;

/// Serves each peer in a process of its own. Returns once every child is reaped. However this process
/// ends, its children end with it.
///
/// A service that starts processes before it is served must not wait for them: they are reaped here
/// like the children.
pub(crate) fn serve(setup: Setup) -> io::Result<()> {
    process::require_single_thread()?;
    process::trim_heap();
    // Initialized here once, not in every child; each child only reseeds it.
    drop(rand::rng());
    let service = Arc::clone(&setup.service);
    let hub = || HubProcess::new(Arc::clone(&service));
    let mut processes = Processes {
        children: Children::default(),
        udp: Vec::new(),
        hub: service.rooms().is_some().then(hub),
        exec: service.config(Transport::Stream).exec,
        service,
        limits: setup.limits,
    };
    let served = serve_until_signal(setup, &mut processes);
    // Every child has ended but the hub, also where the server could not be started.
    if let Some(hub) = &mut processes.hub {
        hub.kill(&processes.children);
    }
    processes.children.wait();
    wait_for_orphans();
    served
}

struct Processes {
    children: Children,
    udp: Vec<UdpProcess>,
    hub: Option<HubProcess>, // where the service has rooms
    exec: bool, // the children execute programs; supervisors in the acceptor's reactor reap them
    service: Arc<dyn Service>,
    limits: Limits,
}

impl Worker for Processes {
    const ACTION: &'static str = "fork";

    fn start(
        &mut self,
        stream: Stream,
        acceptor: &mut AcceptorState,
    ) -> Result<(), Box<StartError>> {
        let pipe = self.exec.then(pipe).transpose();
        let forked = pipe.and_then(|pipe| Ok((pipe.unzip(), self.link()?, process::fork()?)));
        match forked {
            Ok(((_, stderr), link, Forked::Child)) => {
                run_child(|| self.run_session(stream, stderr, link, acceptor))
            }
            Ok(((errors, _), _, Forked::Parent(pid))) => {
                debug!(peer = %stream.peer, %pid, "fork");
                if let Some(slot) = &stream.slot {
                    slot.set_pid(pid);
                }
                if let Some(errors) = errors {
                    let child = Child::adopt(pid, errors);
                    let supervisor = StreamTask::supervise(child, stream, &self.limits);
                    acceptor.reactor.add(supervisor);
                } else {
                    let Stream { peer, slot, .. } = stream;
                    self.children.add(pid, slot.map(|slot| (peer, slot)));
                }
                Ok(())
            }
            Err(error) => Err(Box::new(StartError { stream, error })),
        }
    }

    fn serve_udp(
        &mut self,
        listeners: Vec<UdpListener>,
        acceptor: &mut AcceptorState,
    ) -> io::Result<()> {
        self.udp = listeners.into_iter().map(UdpProcess::new).collect();
        for index in 0..self.udp.len() {
            self.start_udp(index, acceptor)
                .map_err(|error| cannot_start("process", &self.udp[index].listener, &error))?;
        }
        if !self.udp.is_empty() {
            process::trim_heap();
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.udp.iter().filter_map(UdpProcess::start_at).min()
    }

    fn attend(&mut self, acceptor: &mut AcceptorState, now: Instant) {
        for (pid, status) in self.children.reap(self.exec) {
            let mut processes = self.udp.iter_mut();
            if let Some(process) = processes.find(|process| process.pid == Some(pid)) {
                process.ended(status, now);
            }
        }
        end_orphans();
        if let Some(hub) = &mut self.hub {
            hub.check(&self.children);
        }
        self.restart_udp(acceptor, now);
    }

    fn len(&self) -> usize {
        let hub = self.hub.as_ref();
        let hub = hub.is_some_and(|hub| hub.is_running(&self.children)); // it ends with the sessions
        let restarting = self.udp.iter().filter_map(UdpProcess::start_at).count();
        self.children.len() - usize::from(hub) + restarting
    }

    fn report(&self) {
        self.udp
            .iter()
            .for_each(|process| process.report(&self.children));
    }

    fn stop(&mut self) {
        self.udp.clear(); // they must not be restarted
        self.children.signal(Signal::SIGTERM);
    }

    fn abort(&mut self) {
        self.udp.clear();
        self.children.signal(Signal::SIGQUIT);
    }

    fn kill(&mut self) {
        self.children.signal(Signal::SIGKILL);
        self.children.wait();
    }
}

impl Processes {
    /// A new link to the hub, where the service has rooms.
    fn link(&mut self) -> io::Result<Option<OwnedFd>> {
        let hub = self.hub.as_mut();
        hub.map(|hub| hub.link(&mut self.children)).transpose()
    }

    /// Starts the process of a UDP socket. What can fail is done before the fork.
    fn start_udp(&mut self, index: usize, acceptor: &mut AcceptorState) -> io::Result<()> {
        let link = self.link()?.map(SocketLink::link);
        let udp = &mut self.udp[index];
        udp.start_at = Instant::now() + RESTART_INTERVAL; // if this fails
        let listener = udp.listener.try_clone()?;
        let stats = acceptor.stats.for_udp_socket(listener.index);
        let service = Arc::clone(&self.service);
        let server = UdpServer::new(listener, service, &self.limits, stats, link)?;
        match process::fork()? {
            Forked::Child => run_child(|| {
                let mut buffer = self.become_child(acceptor);
                if self.exec {
                    adopt_orphans_in_child(); // of the programs that it starts
                }
                fork_udp::serve(server, &acceptor.signals, &mut buffer)
            }),
            Forked::Parent(pid) => {
                debug!(%pid, "fork, for UDP");
                self.children.add(pid, None);
                udp.pid = Some(pid);
                Ok(())
            }
        }
    }

    /// Restarts the processes of UDP sockets that have ended by themselves.
    fn restart_udp(&mut self, acceptor: &mut AcceptorState, now: Instant) {
        for index in 0..self.udp.len() {
            if self.udp[index].start_at().is_none_or(|at| now < at) {
                continue;
            }
            warn!("the process of a UDP socket has ended; restarting it");
            if let Err(error) = self.start_udp(index, acceptor) {
                warn!("cannot fork, for UDP: {error}; trying again");
            }
        }
    }

    /// In a forked child: closes what belongs to the acceptor. Returns a buffer for one read.
    fn become_child(&mut self, acceptor: &mut AcceptorState) -> Vec<u8> {
        acceptor.close_in_child();
        self.udp.clear();
        if let Some(hub) = &mut self.hub {
            hub.close_in_child();
        }
        // The generator was copied with the process: without this, all children draw the same
        // numbers.
        rand::rng().reseed().expect("the system gives randomness");
        acceptor.reactor.take_buffer()
    }

    /// Runs one session in a child. Returns the exit code.
    fn run_session(
        &mut self,
        stream: Stream,
        stderr: Option<OwnedFd>,
        link: Option<OwnedFd>,
        acceptor: &mut AcceptorState,
    ) -> i32 {
        let mut buffer = self.become_child(acceptor);
        let link = link.map(SocketLink::link);
        let mut task = StreamTask::open(stream, &*self.service, &self.limits, link);
        if !run_one(&mut task, &acceptor.signals, &mut false, &mut buffer) {
            return 1;
        }
        let (reason, program) = task.into_parts();
        if let (Some((stream, command)), Some(stderr)) = (program, stderr) {
            let error = exec(&stream, command, stderr);
            error!(peer = %stream.peer, "{}", not_started(&error));
            return NOT_STARTED;
        }
        match reason {
            CloseReason::Panicked(_) => EX_SOFTWARE,
            reason if reason.is_failure() => 1,
            _ => 0,
        }
    }
}
