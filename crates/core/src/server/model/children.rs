//! The child processes of a forking server.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tracing::{debug, warn};

use crate::limits::admission::Slot;
use crate::limits::stats::Counter;
use crate::peer::Peer;
use crate::sys::process;

/// The children that have not been reaped. Until then a pid cannot become that of another process, so
/// it is safe to signal.
///
/// A child that runs the session of a peer keeps the peer's slot until it is reaped. One without a peer
/// serves a UDP socket, or is the hub.
#[derive(Debug, Default)]
pub(crate) struct Children(HashMap<Pid, Option<(Peer, Slot)>>);

impl Children {
    pub(crate) fn add(&mut self, pid: Pid, session: Option<(Peer, Slot)>) {
        self.0.insert(pid, session);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this child has not been reaped.
    pub(crate) fn contains(&self, pid: Pid) -> bool {
        self.0.contains_key(&pid)
    }

    /// Reaps every child that has ended, and frees its slot. One SIGCHLD may stand for several
    /// children, so it asks until there are none. With `one_by_one` it asks for each child: the
    /// process has other children, which are reaped elsewhere.
    ///
    /// Returns the children without a peer that have ended.
    pub(crate) fn reap(&mut self, one_by_one: bool) -> Vec<(Pid, WaitStatus)> {
        let mut ended = Vec::new();
        if one_by_one {
            for pid in self.0.keys().copied().collect::<Vec<_>>() {
                self.reap_one(Some(pid), Some(WaitPidFlag::WNOHANG), &mut ended);
            }
        } else {
            while self.reap_one(None, Some(WaitPidFlag::WNOHANG), &mut ended) {}
        }
        ended
    }

    /// Waits until every child has ended.
    pub(crate) fn wait(&mut self) {
        while let Some(&pid) = self.0.keys().next() {
            if !self.reap_one(Some(pid), None, &mut Vec::new()) {
                self.0.remove(&pid); // the service has waited for it
            }
        }
    }

    /// Waits for one child, or for any. Returns whether one was reaped, or the call was interrupted.
    fn reap_one(
        &mut self,
        pid: Option<Pid>,
        flags: Option<WaitPidFlag>,
        without_peer: &mut Vec<(Pid, WaitStatus)>,
    ) -> bool {
        let status = match waitpid(pid, flags) {
            Err(Errno::EINTR) => return true,
            Ok(WaitStatus::StillAlive) | Err(_) => return false,
            Ok(status) => status,
        };
        let child = status.pid().and_then(|pid| self.0.remove_entry(&pid));
        let Some((pid, session)) = child else {
            return true; // a process that the service started
        };
        match (session, status) {
            (None, _) => {
                debug!(%pid, "reap: {}", describe(status));
                without_peer.push((pid, status));
            }
            (Some((peer, slot)), WaitStatus::Signaled(..)) => {
                slot.count(Counter::Failed);
                warn!(%peer, %pid, "reap: {}", describe(status));
            }
            (Some((peer, _)), _) => debug!(%peer, %pid, "reap: {}", describe(status)),
        }
        true
    }

    /// Sends `signal` to every child.
    pub(crate) fn signal(&self, signal: Signal) {
        for &pid in self.0.keys() {
            kill(pid, signal).ok(); // no effect on a child that has ended
        }
    }
}

/// How a process ended, for the log.
fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exit code {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("killed by {signal}"),
        _ => "ended".to_owned(),
    }
}

/// Runs `body` in a forked child, and ends the process with the exit code that it returns. No
/// destructor of the parent's frames runs, and no buffer is flushed twice.
pub(crate) fn run_child(body: impl FnOnce() -> i32) -> ! {
    process::exit(catch_unwind(AssertUnwindSafe(body)).unwrap_or(EX_SOFTWARE))
}

/// The exit code after a panic (sysexits(3)).
pub(crate) const EX_SOFTWARE: i32 = 70;
