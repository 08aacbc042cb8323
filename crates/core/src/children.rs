//! The processes that hold the conversations of a forking server.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tracing::{debug, warn};

use crate::admission::Slot;
use crate::peer::Peer;

/// The children not yet waited for. Until then a pid cannot become another process's, so it is safe
/// to signal.
#[derive(Debug, Default)]
pub(crate) struct Children(HashMap<Pid, (Peer, Slot)>);

impl Children {
    /// A child that holds the conversation with `peer`, and its slot until it is reaped.
    pub(crate) fn add(&mut self, pid: Pid, peer: Peer, slot: Slot) {
        self.0.insert(pid, (peer, slot));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Frees the slot of every child that has ended. One SIGCHLD may stand for several, so it asks
    /// until there is none.
    pub(crate) fn reap(&mut self) {
        while self.reap_one(Some(WaitPidFlag::WNOHANG)) {}
    }

    /// Waits until every child has ended.
    pub(crate) fn wait(&mut self) {
        while !self.0.is_empty() && self.reap_one(None) {}
    }

    /// Waits for a child as `how` says; whether there was one to reap.
    fn reap_one(&mut self, how: Option<WaitPidFlag>) -> bool {
        let status = match waitpid(None, how) {
            Err(Errno::EINTR) => return true,
            Ok(WaitStatus::StillAlive) | Err(_) => return false,
            Ok(status) => status,
        };
        let ended = status
            .pid()
            .and_then(|pid| self.0.remove(&pid).map(|child| (pid, child)));
        let Some((pid, (peer, _slot))) = ended else {
            return true; // the service started it, not the server
        };
        match status {
            WaitStatus::Signaled(_, signal, _) => warn!(%peer, %pid, "reap: killed by {signal}"),
            WaitStatus::Exited(_, code) => debug!(%peer, %pid, "reap: exit code {code}"),
            _ => debug!(%peer, %pid, "reap"),
        }
        true
    }

    /// Sends `signal` to every child.
    pub(crate) fn signal(&self, signal: Signal) {
        for &pid in self.0.keys() {
            // One that has ended and waits to be reaped does not mind.
            kill(pid, signal).ok();
        }
    }
}
