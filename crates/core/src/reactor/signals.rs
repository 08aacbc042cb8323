//! Signals as something to read, in the order of the loop and not in the middle of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::limits::stats::Reporting;
use crate::reactor::run_one::{OrderSource, Orders};
use crate::reactor::waker::Bell;
use crate::sys::process;

/// The signals that a server heeds: blocked, and read from a descriptor instead.
///
/// A program blocks them before it says that it listens, so that from then on none is lost. No
/// handler runs, so no system call is interrupted. A forked child reads its own signals from the
/// same descriptor (signalfd(2)).
#[derive(Debug)]
pub struct Signals {
    source: Source,
    reporting: Reporting,
}

/// Where they are read.
#[derive(Debug)]
enum Source {
    Own(SignalFd),
    /// Another thread reads them, and passes them on.
    Relayed(Arc<Bell>),
}

/// The signals since the last look. Each may have come several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// SIGTERM: to stop.
    pub(crate) terminate: bool,
    /// SIGINT: to stop, from a terminal.
    pub(crate) interrupt: bool,
    /// SIGUSR1: to tell what it is doing.
    pub(crate) report: bool,
    /// SIGCHLD: a child has changed its state.
    pub(crate) child: bool,
}

impl Signals {
    /// Blocks SIGTERM, SIGINT, SIGUSR1 and SIGCHLD for the calling thread and all it starts. At
    /// SIGUSR1 a server tells what it is doing, as `reporting` says.
    ///
    /// # Errors
    ///
    /// Where no descriptor can be had.
    pub fn block(reporting: Reporting) -> io::Result<Self> {
        let heeded: SigSet = HEEDED.into_iter().collect();
        // An ignored signal would never be seen, and a parent may have left it so.
        heeded.iter().for_each(process::act_by_default_on);
        heeded.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let fd = SignalFd::with_flags(&heeded, flags)?;
        Ok(Self {
            source: Source::Own(fd),
            reporting,
        })
    }

    /// The same, heard by the bell that whoever takes the signals rings.
    pub(crate) fn relayed(&self, bell: Arc<Bell>) -> Self {
        Self {
            source: Source::Relayed(bell),
            reporting: self.reporting,
        }
    }

    pub(crate) fn reporting(&self) -> Reporting {
        self.reporting
    }

    /// The signals since the last look.
    pub(crate) fn take(&self) -> Seen {
        let mut seen = Seen::default();
        let fd = match &self.source {
            Source::Own(fd) => fd,
            Source::Relayed(bell) => {
                let Orders { stop, report } = bell.take_orders();
                (seen.terminate, seen.report) = (stop, report);
                return seen;
            }
        };
        while let Ok(Some(info)) = fd.read_signal() {
            match i32::try_from(info.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) => seen.child = true,
                Ok(Ok(Signal::SIGTERM)) => seen.terminate = true,
                Ok(Ok(Signal::SIGINT)) => seen.interrupt = true,
                Ok(Ok(Signal::SIGUSR1)) => seen.report = true,
                _ => (),
            }
        }
        seen
    }
}

/// For a child: it is told to stop by SIGTERM of its acceptor. SIGINT is the acceptor's alone,
/// though a terminal sends it to every process of a server.
impl OrderSource for Signals {
    fn take_orders(&self) -> Orders {
        let seen = self.take();
        Orders {
            stop: seen.terminate,
            report: seen.report,
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Own(fd) => fd.as_fd(),
            Source::Relayed(bell) => bell.as_fd(),
        }
    }
}

const HEEDED: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGUSR1,
    Signal::SIGCHLD,
];
