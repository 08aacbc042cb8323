//! The processes that hold the conversations of a forking server.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tracing::{debug, warn};

use crate::limits::admission::Slot;
use crate::limits::stats::Count;
use crate::peer::Peer;

/// The children not yet waited for. Until then a pid cannot become another process's, so it is safe
/// to signal.
#[derive(Debug, Default)]
pub(crate) struct Children(HashMap<Pid, Child>);

#[derive(Debug)]
enum Child {
    /// Holds the conversation with a peer, and its slot until it is reaped.
    Conversation(Peer, Slot),
    /// Serves all conversations that it can: a socket for datagrams, or the rooms.
    Server,
}

impl Children {
    /// A child that holds the conversation with `peer`.
    pub(crate) fn add(&mut self, pid: Pid, peer: Peer, slot: Slot) {
        self.0.insert(pid, Child::Conversation(peer, slot));
    }

    /// A child that serves a socket for datagrams, or the rooms.
    pub(crate) fn add_server(&mut self, pid: Pid) {
        self.0.insert(pid, Child::Server);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this child has not been waited for.
    pub(crate) fn contains(&self, pid: Pid) -> bool {
        self.0.contains_key(&pid)
    }

    /// Frees the slot of every child that has ended. One SIGCHLD may stand for several, so it asks
    /// until there is none. It asks for `each` where other children of this process are waited for
    /// elsewhere.
    pub(crate) fn reap(&mut self, each: bool) {
        if each {
            for pid in self.0.keys().copied().collect::<Vec<_>>() {
                self.reap_one(Some(pid), Some(WaitPidFlag::WNOHANG));
            }
        } else {
            while self.reap_one(None, Some(WaitPidFlag::WNOHANG)) {}
        }
    }

    /// Waits until every child has ended.
    pub(crate) fn wait(&mut self) {
        while let Some(&pid) = self.0.keys().next() {
            if !self.reap_one(Some(pid), None) {
                self.0.remove(&pid); // somebody else has waited for it
            }
        }
    }

    /// Waits for a child, or any, as `how` says; whether there was one to reap.
    fn reap_one(&mut self, which: Option<Pid>, how: Option<WaitPidFlag>) -> bool {
        let status = match waitpid(which, how) {
            Err(Errno::EINTR) => return true,
            Ok(WaitStatus::StillAlive) | Err(_) => return false,
            Ok(status) => status,
        };
        let ended = status
            .pid()
            .and_then(|pid| self.0.remove(&pid).map(|child| (pid, child)));
        match ended {
            None => (), // the service started it, not the server
            Some((pid, Child::Server)) => debug!(%pid, "reap: {status:?}"),
            Some((pid, Child::Conversation(peer, slot))) => match status {
                WaitStatus::Signaled(_, signal, _) => {
                    slot.count(Count::Failed);
                    warn!(%peer, %pid, "reap: killed by {signal}");
                }
                WaitStatus::Exited(_, code) => debug!(%peer, %pid, "reap: exit code {code}"),
                _ => debug!(%peer, %pid, "reap"),
            },
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
