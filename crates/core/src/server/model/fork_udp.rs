//! The processes that serve sockets for datagrams.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use tracing::{debug, error, warn};

use crate::hub_link::link::Link;
use crate::limits::stats::State;
use crate::net::listener::Inlet;
use crate::reactor::run_one::hold;
use crate::reactor::source::Task;
use crate::server::model::fork::{EX_SOFTWARE, Processes};
use crate::server::worker::Front;
use crate::sys::process::{self, Forked};
use crate::udp::server::UdpServer;

/// A socket for datagrams, and the process that serves it.
pub(crate) struct Server {
    pub(crate) inlet: Inlet,
    pub(crate) pid: Option<Pid>,
    pub(crate) start_at: Instant, // not before, should it end
}

impl Server {
    /// One that is to be started.
    pub(crate) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            pid: None,
            start_at: Instant::now(),
        }
    }
}

impl Processes<'_> {
    /// Starts the process of a socket for datagrams.
    pub(crate) fn start(&mut self, server: &mut Server, front: &mut Front) -> io::Result<()> {
        server.start_at = Instant::now() + PAUSE;
        let wire = self.wire()?;
        match process::fork()? {
            Forked::Child => {
                let inlet = server.inlet.try_clone();
                let state = front.state.of_socket(server.inlet.number);
                self.be_a_server(inlet, state, wire, front)
            }
            Forked::Acceptor(pid) => {
                debug!(%pid, "fork, to serve datagrams");
                self.children.add_server(pid);
                server.pid = Some(pid);
                Ok(())
            }
        }
    }

    /// Starts those anew whose process has ended, though nobody asked it to.
    pub(crate) fn restart_servers(&mut self, front: &mut Front, now: Instant) {
        let mut servers = mem::take(&mut self.servers);
        for server in &mut servers {
            if server.pid.is_some_and(|pid| !self.children.contains(pid)) {
                warn!("the server of datagrams has ended; starting it again");
                server.pid = None;
            }
            if server.pid.is_none()
                && server.start_at <= now
                && let Err(error) = self.start(server, front)
            {
                warn!("cannot fork, to serve datagrams: {error}; trying again");
            }
        }
        self.servers = servers;
    }

    /// Serves a socket for datagrams and leaves the process.
    fn be_a_server(
        &mut self,
        inlet: io::Result<Inlet>,
        state: State,
        wire: Option<OwnedFd>,
        front: &mut Front,
    ) -> ! {
        let serve = AssertUnwindSafe(|| {
            self.leave(front);
            let (service, wire) = (Arc::clone(&self.service), wire.map(Link::socket));
            let datagrams =
                inlet.and_then(|inlet| UdpServer::new(inlet, service, self.limits, state, wire));
            match datagrams {
                Ok(datagrams) => {
                    let mut datagrams = Box::new(datagrams);
                    hold(
                        &mut *datagrams,
                        &front.signals,
                        &mut false,
                        &mut self.buffer,
                    );
                    datagrams.end();
                    0
                }
                Err(error) => {
                    error!("cannot serve datagrams: {error}");
                    1
                }
            }
        });
        process::exit(catch_unwind(serve).unwrap_or(EX_SOFTWARE))
    }
}

const PAUSE: Duration = Duration::from_secs(1); // a server that cannot run must not spin
