//! Signals, read from a descriptor by the event loop.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing::info;

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
    Signalfd {
        fd: SignalFd,
        /// Whether SIGHUP says that the terminal was closed.
        has_terminal: bool,
    },
    /// Another thread reads them, and forwards them.
    Forwarded(Arc<Waker>),
}

/// The signals since the last call of [`Signals::take`]. Each may have arrived several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// SIGTERM, or SIGHUP from the terminal: stop.
    pub(crate) terminate: bool,
    /// SIGINT: stop, from a terminal.
    pub(crate) interrupt: bool,
    /// SIGQUIT: stop without a grace period.
    pub(crate) abort: bool,
    /// SIGUSR1: report the state.
    pub(crate) report: bool,
    /// SIGCHLD: a child changed its state.
    pub(crate) child: bool,
    /// SIGHUP where there is no terminal: reload.
    pub(crate) reload: bool,
    /// The number of a signal without a meaning here.
    pub(crate) unused: Option<i32>,
}

impl Signals {
    /// Blocks the signals that a server reacts to, and those without a meaning whose default action
    /// would end it, for the calling thread and all threads it starts.
    ///
    /// SIGINT, SIGQUIT and SIGHUP stay ignored if the process was started so, as by nohup(1) and by
    /// a shell that starts a program in the background.
    ///
    /// # Errors
    ///
    /// No descriptor is available.
    pub fn block() -> io::Result<Self> {
        // A signal that is ignored never becomes pending.
        REQUIRED.into_iter().for_each(process::reset_signal);
        let required = REQUIRED.map(|signal| signal as i32);
        let others = FROM_TERMINAL.into_iter().chain(UNUSED);
        let others = others.map(|signal| signal as i32);
        let others = others.chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        let others = others.filter(|&signal| !process::is_ignored(signal));
        let handled = process::signal_set(required.into_iter().chain(others));
        handled.thread_block()?;
        // Writing beyond the limit on the size of files then fails, and is reported as such.
        process::ignore_signal(Signal::SIGXFSZ);
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self(Origin::Signalfd {
            fd: SignalFd::with_flags(&handled, flags)?,
            has_terminal: has_terminal(),
        }))
    }

    /// The requests that arrive by `waker`, from a thread that reads the signals.
    pub(crate) fn forwarded(waker: Arc<Waker>) -> Self {
        Self(Origin::Forwarded(waker))
    }

    /// The signals since the last call.
    pub(crate) fn take(&self) -> Pending {
        let (fd, has_terminal) = match &self.0 {
            Origin::Signalfd { fd, has_terminal } => (fd, *has_terminal),
            Origin::Forwarded(waker) => {
                let requests = waker.take_requests();
                return Pending {
                    terminate: requests.stop,
                    abort: requests.abort,
                    report: requests.report,
                    ..Pending::default()
                };
            }
        };
        let mut pending = Pending::default();
        while let Ok(Some(info)) = fd.read_signal() {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD) => pending.child = true,
                Ok(Signal::SIGTERM) => pending.terminate = true,
                Ok(Signal::SIGINT) => pending.interrupt = true,
                Ok(Signal::SIGQUIT) => pending.abort = true,
                Ok(Signal::SIGUSR1) => pending.report = true,
                Ok(Signal::SIGHUP) if has_terminal => pending.terminate = true,
                Ok(Signal::SIGHUP) => pending.reload = true,
                _ => pending.unused = Some(number),
            }
        }
        pending
    }
}

impl Pending {
    /// Logs the signals without an effect. Only the acceptor does: its children may get them too.
    pub(crate) fn log_unused(self) {
        if self.reload {
            info!("reload: nothing is reloaded on SIGHUP; options and files are read at the start");
        }
        match self.unused.map(|number| (number, Signal::try_from(number))) {
            Some((_, Ok(signal))) => info!("{signal} is ignored"),
            Some((number, Err(_))) => info!("signal {number} is ignored"),
            None => (),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Origin::Signalfd { fd, .. } => fd.as_fd(),
            Origin::Forwarded(waker) => waker.as_fd(),
        }
    }
}

/// Whether this process has a controlling terminal. When SIGHUP arrives it is too late to ask: the
/// kernel takes the terminal away first.
fn has_terminal() -> bool {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOCTTY);
    options.open("/dev/tty").is_ok()
}

/// Handled even if the process was started with them ignored: without them a server could not be
/// stopped, nor reap its children.
const REQUIRED: [Signal; 3] = [Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGCHLD];
const FROM_TERMINAL: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP];
/// Without a meaning, as the real-time signals. A signal sent by mistake must not end a server.
const UNUSED: [Signal; 6] = [
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGPWR,
];
