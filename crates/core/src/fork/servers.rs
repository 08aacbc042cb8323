//! The processes that serve sockets for datagrams.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use tracing::{debug, error, warn};

use crate::crew::Front;
use crate::datagrams::Datagrams;
use crate::fork::{EX_SOFTWARE, Processes};
use crate::hold::hold;
use crate::listener::Inlet;
use crate::state::State;
use crate::sys::{self, Forked};
use crate::task::Task;
use crate::wire::Remote;

/// A socket for datagrams, and the process that serves it.
pub(super) struct Server {
    pub(super) inlet: Inlet,
    pub(super) pid: Option<Pid>,
    pub(super) start_at: Instant, // not before, should it end
}

impl Server {
    /// One that is to be started.
    pub(super) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            pid: None,
            start_at: Instant::now(),
        }
    }
}

impl Processes<'_> {
    /// Starts the process of a socket for datagrams.
    pub(super) fn start(&mut self, server: &mut Server, front: &mut Front) -> io::Result<()> {
        server.start_at = Instant::now() + PAUSE;
        let wire = self.wire()?;
        match sys::fork()? {
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
    pub(super) fn restart_servers(&mut self, front: &mut Front, now: Instant) {
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
            let (service, wire) = (Arc::clone(&self.service), wire.map(Remote::wire));
            let datagrams =
                inlet.and_then(|inlet| Datagrams::new(inlet, service, self.limits, state, wire));
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
        sys::exit(catch_unwind(serve).unwrap_or(EX_SOFTWARE))
    }
}

const PAUSE: Duration = Duration::from_secs(1); // a server that cannot run must not spin
