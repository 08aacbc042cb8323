//! The hub in a process of its own, which all conversations reach through socket pairs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use nix::unistd::Pid;
use tracing::{debug, error, warn};

use crate::hub_link::hub_process::HubServer;
use crate::server::model::fork::{EX_SOFTWARE, Processes};
use crate::sys::process::{self, Forked};

/// The acceptor's end of the hub's process.
pub(crate) struct HubProcess {
    pub(crate) pid: Pid,
    control: OwnedFd, // takes one end of a pair for each new wire
}

impl HubProcess {
    /// Passes one end of a new pair on, and gives back the other.
    fn wire(&self) -> io::Result<OwnedFd> {
        let (ours, theirs) = pair()?;
        let fds = [theirs.as_raw_fd()];
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        sendmsg::<()>(
            self.control.as_raw_fd(),
            &[io::IoSlice::new(b"w")],
            &[ControlMessage::ScmRights(&fds)],
            flags,
            None,
        )?;
        Ok(ours)
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

impl Processes<'_> {
    /// A new way to the hub, where the service has rooms. A hub that has ended is started again, for
    /// those who come from now on.
    pub(crate) fn wire(&mut self) -> io::Result<Option<OwnedFd>> {
        if self.service.rooms().is_none() {
            return Ok(None);
        }
        if let Some(hub) = self.hub() {
            match hub.wire() {
                // Gone, and not yet waited for.
                Err(error) if is_gone(&error) => (),
                done => return done.map(Some),
            }
        }
        let (control, theirs) = pair()?;
        match process::fork()? {
            Forked::Child => {
                drop(control);
                self.be_the_hub(theirs)
            }
            Forked::Acceptor(pid) => {
                debug!(%pid, "fork, for the hub");
                self.children.add_server(pid);
                self.hub
                    .insert(HubProcess { pid, control })
                    .wire()
                    .map(Some)
            }
        }
    }

    /// Notices that the hub has ended, though nobody asked it to.
    pub(crate) fn look_after_hub(&mut self) {
        if self.hub.is_some() && self.hub().is_none() {
            warn!("the hub has ended, and all rooms with it; whoever comes next gets another");
            self.hub = None;
        }
    }

    /// Nobody is left who could want the hub. It would end by itself, unless it was stopped.
    pub(crate) fn end_hub(&mut self) {
        if let Some(hub) = self.hub() {
            kill(hub.pid, Signal::SIGKILL).ok(); // it is not waited for yet, so its pid is its own
        }
        self.hub = None;
    }

    /// The hub's process, if it runs.
    pub(crate) fn hub(&self) -> Option<&HubProcess> {
        let hub = self.hub.as_ref();
        hub.filter(|hub| self.children.contains(hub.pid))
    }

    /// Is the hub until nobody can reach it any more, and leaves the process.
    fn be_the_hub(&self, control: OwnedFd) -> ! {
        let connect = AssertUnwindSafe(|| {
            // Among what is open is the connection of the peer whose coming has started this.
            process::close_all_but(control.as_fd())?;
            HubServer::new(control, Arc::clone(&self.service))?.run()
        });
        process::exit(match catch_unwind(connect) {
            Ok(Ok(())) => 0,
            Ok(Err(error)) => {
                error!("the hub cannot go on: {error}");
                1
            }
            Err(_) => EX_SOFTWARE,
        })
    }
}

fn is_gone(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
