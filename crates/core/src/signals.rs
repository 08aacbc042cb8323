//! Signals as something to read, in the order of the loop and not in the middle of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::hold::StopSource;
use crate::sys;

/// The signals that a server heeds: blocked, and read from a descriptor instead.
///
/// A program blocks them before it says that it listens, so that from then on none is lost. No
/// handler runs, so no system call is interrupted. A forked child reads its own signals from the
/// same descriptor (signalfd(2)).
#[derive(Debug)]
pub struct Signals {
    descriptor: SignalFd,
    interrupts: bool,
}

/// What the signals since the last look asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How often to stop, at least: SIGTERM, or SIGINT where it is heeded. Equal signals that came
    /// together count once.
    pub(crate) stops: u32,
    /// A child has changed its state. One signal may stand for several children.
    pub(crate) child: bool,
}

impl Signals {
    /// Blocks SIGTERM, SIGINT and SIGCHLD for the calling thread and all it starts.
    ///
    /// # Errors
    ///
    /// Where no descriptor can be had.
    pub fn block() -> io::Result<Self> {
        let heeded: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]
            .into_iter()
            .collect();
        // An ignored signal would never be seen, and a parent may have left it so.
        heeded.iter().for_each(sys::act_by_default_on);
        heeded.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self {
            descriptor: SignalFd::with_flags(&heeded, flags)?,
            interrupts: true,
        })
    }

    /// From now on SIGINT is ignored. A terminal sends it to every process of a server at once, and
    /// a child is told to stop by its acceptor, so for a child it would be a second order.
    pub(crate) fn leave_interrupts_to_the_acceptor(&mut self) {
        self.interrupts = false;
    }

    /// What the signals since the last look asked for.
    pub(crate) fn take(&self) -> Asked {
        let mut asked = Asked::default();
        while let Ok(Some(info)) = self.descriptor.read_signal() {
            match i32::try_from(info.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) => asked.child = true,
                Ok(Ok(Signal::SIGTERM)) => asked.stops += 1,
                Ok(Ok(Signal::SIGINT)) if self.interrupts => asked.stops += 1,
                _ => (),
            }
        }
        asked
    }
}

impl StopSource for Signals {
    fn is_asked(&self) -> bool {
        0 < self.take().stops
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
