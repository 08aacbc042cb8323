//! The processes that serve the UDP sockets of a forking server.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::exec::processes::wait_for_orphans;
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

    /// Its process has ended, and is due to be started again. If a signal asked it to stop, the same
    /// signal may be on its way to the acceptor: then the start is not due at once.
    pub(crate) fn ended(&mut self, status: WaitStatus, now: Instant) {
        self.pid = None;
        if matches!(status, WaitStatus::Exited(_, STOPPED)) {
            self.start_at = now + RESTART_INTERVAL;
        }
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
pub(crate) fn serve(server: UdpServer, signals: &Signals, buffer: &mut [u8]) -> i32 {
    let mut server = Box::new(server);
    let mut stopping = false;
    if !run_one(&mut *server, signals, &mut stopping, buffer) {
        drop(server); // ends its programs
        wait_for_orphans();
        return STOPPED;
    }
    server.finish();
    wait_for_orphans();
    if stopping { STOPPED } else { 1 }
}

const STOPPED: i32 = 0; // the exit code of a process that a signal asked to stop

/// From one start of a process to the next: one that fails must not spin.
pub(crate) const RESTART_INTERVAL: Duration = Duration::from_secs(1);
