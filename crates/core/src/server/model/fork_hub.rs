//! The hub in a process of its own, which the session processes reach through socket pairs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use nix::unistd::Pid;
use tracing::{debug, error, warn};

use crate::hub_link::hub_process::HubServer;
use crate::server::model::children::{Children, run_child};
use crate::session::service::Service;
use crate::sys::fd;
use crate::sys::process::{self, Forked};

/// The acceptor's end of the hub process. The process starts with the first link, and again after it
/// has ended.
pub(crate) struct HubProcess {
    service: Arc<dyn Service>,
    running: Option<Running>,
}

struct Running {
    pid: Pid,
    control: OwnedFd, // a socket that receives one end of a pair for each new link
}

impl HubProcess {
    pub(crate) fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            running: None,
        }
    }

    /// A new link to the hub: one end of a socket pair, of which the hub has the other.
    ///
    /// # Errors
    ///
    /// The system lacks a process, a descriptor, or space in the queue of the hub.
    pub(crate) fn link(&mut self, children: &mut Children) -> io::Result<OwnedFd> {
        if let Some(hub) = self.running(children) {
            match hub.link() {
                Err(error) if is_disconnected(&error) => (), // it has ended, and is not reaped yet
                done => return done,
            }
        }
        let (control, hub_end) = pair()?;
        match process::fork()? {
            Forked::Child => {
                drop(control);
                run_child(|| self.run(hub_end))
            }
            Forked::Parent(pid) => {
                debug!(%pid, "fork, for the hub");
                children.add(pid, None);
                self.running.insert(Running { pid, control }).link()
            }
        }
    }

    /// Whether the process runs.
    pub(crate) fn is_running(&self, children: &Children) -> bool {
        self.running(children).is_some()
    }

    /// Logs if the process has ended by itself.
    pub(crate) fn check(&mut self, children: &Children) {
        if self.running.is_some() && !self.is_running(children) {
            warn!("the hub has ended, and its rooms with it; new clients get a new hub");
            self.running = None;
        }
    }

    /// Kills the process when no session is left. It would end by itself, unless it was stopped by a
    /// signal.
    pub(crate) fn kill(&mut self, children: &Children) {
        if let Some(hub) = self.running(children) {
            kill(hub.pid, Signal::SIGKILL).ok(); // not reaped yet, so the pid is its own
        }
        self.running = None;
    }

    /// Closes the copy of a forked child.
    pub(crate) fn close_in_child(&mut self) {
        self.running = None;
    }

    fn running(&self, children: &Children) -> Option<&Running> {
        let running = self.running.as_ref();
        running.filter(|hub| children.contains(hub.pid))
    }

    /// Runs the hub until no process can reach it. Returns the exit code.
    fn run(&self, control: OwnedFd) -> i32 {
        // The open descriptors include the connection for which the hub was started.
        let done = fd::close_all_except(control.as_fd())
            .and_then(|()| HubServer::new(control, Arc::clone(&self.service))?.run());
        match done {
            Ok(()) => 0,
            Err(error) => {
                error!("the hub failed: {error}");
                1
            }
        }
    }
}

impl Running {
    /// Passes one end of a new pair to the hub, and returns the other.
    fn link(&self) -> io::Result<OwnedFd> {
        let (session_end, hub_end) = pair()?;
        let fds = [hub_end.as_raw_fd()];
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        sendmsg::<()>(
            self.control.as_raw_fd(),
            &[io::IoSlice::new(b"l")], // a descriptor needs at least one byte of data
            &[ControlMessage::ScmRights(&fds)],
            flags,
            None,
        )?;
        Ok(session_end)
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        flags,
    )?)
}

fn is_disconnected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
