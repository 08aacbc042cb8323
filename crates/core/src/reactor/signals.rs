//! Signals, read from a descriptor by the event loop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::reactor::waker::Waker;
use crate::sys::process;

/// The signals that a server reacts to: blocked, and read from a signalfd(2).
///
/// A program blocks them before it announces that it listens, so that none is lost after that. No
/// handler runs, so no system call is interrupted. A forked child reads its own signals from the same
/// descriptor.
#[derive(Debug)]
pub struct Signals(Origin);

#[derive(Debug)]
enum Origin {
    Signalfd(SignalFd),
    /// Another thread reads them, and forwards them.
    Forwarded(Arc<Waker>),
}

/// The signals since the last call of [`Signals::take`]. Each may have arrived several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// SIGTERM: stop.
    pub(crate) terminate: bool,
    /// SIGINT: stop, from a terminal.
    pub(crate) interrupt: bool,
    /// SIGUSR1: report the state.
    pub(crate) report: bool,
    /// SIGCHLD: a child changed its state.
    pub(crate) child: bool,
}

impl Signals {
    /// Blocks SIGTERM, SIGINT, SIGUSR1 and SIGCHLD for the calling thread and all threads it starts.
    ///
    /// # Errors
    ///
    /// No descriptor is available.
    pub fn block() -> io::Result<Self> {
        let handled: SigSet = HANDLED.into_iter().collect();
        // A signal that is ignored never becomes pending, and the parent process may have ignored it.
        handled.iter().for_each(process::reset_signal);
        handled.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let fd = SignalFd::with_flags(&handled, flags)?;
        Ok(Self(Origin::Signalfd(fd)))
    }

    /// The requests that arrive by `waker`, from a thread that reads the signals.
    pub(crate) fn forwarded(waker: Arc<Waker>) -> Self {
        Self(Origin::Forwarded(waker))
    }

    /// The signals since the last call.
    pub(crate) fn take(&self) -> Pending {
        let mut pending = Pending::default();
        let fd = match &self.0 {
            Origin::Signalfd(fd) => fd,
            Origin::Forwarded(waker) => {
                (pending.terminate, pending.report) = waker.take_requests();
                return pending;
            }
        };
        while let Ok(Some(info)) = fd.read_signal() {
            match i32::try_from(info.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) => pending.child = true,
                Ok(Ok(Signal::SIGTERM)) => pending.terminate = true,
                Ok(Ok(Signal::SIGINT)) => pending.interrupt = true,
                Ok(Ok(Signal::SIGUSR1)) => pending.report = true,
                _ => (),
            }
        }
        pending
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Origin::Signalfd(fd) => fd.as_fd(),
            Origin::Forwarded(waker) => waker.as_fd(),
        }
    }
}

const HANDLED: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGUSR1,
    Signal::SIGCHLD,
];
