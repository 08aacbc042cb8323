//! The processes that serve the UDP sockets of a forking server.

use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::error;

use crate::net::listener::UdpListener;
use crate::reactor::run_one::run_one;
use crate::reactor::signals::Signals;
use crate::reactor::source::EventSource;
use crate::server::model::children::Children;
use crate::udp::server::UdpServer;

/// A UDP socket and the process that serves it, which is restarted if it ends.
pub(crate) struct UdpProcess {
    pub(crate) listener: UdpListener,
    pub(crate) pid: Option<Pid>,
    pub(crate) start_at: Instant, // not before
}

impl UdpProcess {
    /// One that is to be started at once.
    pub(crate) fn new(listener: UdpListener) -> Self {
        Self {
            listener,
            pid: None,
            start_at: Instant::now(),
        }
    }

    /// Whether it was running, and has ended. Then it is due to be started.
    pub(crate) fn has_ended(&mut self, children: &Children) -> bool {
        self.pid.take_if(|pid| !children.contains(*pid)).is_some()
    }

    /// When it is to be started, unless it runs.
    pub(crate) fn start_at(&self) -> Option<Instant> {
        self.pid.is_none().then_some(self.start_at)
    }

    /// Lets a running process report.
    pub(crate) fn report(&self, children: &Children) {
        if let Some(pid) = self.pid.filter(|&pid| children.contains(pid)) {
            kill(pid, Signal::SIGUSR1).ok();
        }
    }
}

/// Serves a socket in a child. Returns the exit code.
pub(crate) fn serve(server: io::Result<UdpServer>, signals: &Signals, buffer: &mut [u8]) -> i32 {
    match server {
        Ok(server) => {
            let mut server = Box::new(server);
            run_one(&mut *server, signals, &mut false, buffer);
            server.finish();
            0
        }
        Err(error) => {
            error!("cannot serve UDP: {error}");
            1
        }
    }
}

/// From one start of a process to the next: one that fails must not spin.
pub(crate) const RESTART_INTERVAL: Duration = Duration::from_secs(1);
