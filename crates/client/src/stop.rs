//! Signals that end a transfer in order.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Receives SIGINT, SIGTERM and SIGHUP, so that a transfer can clean up before the program ends.
#[derive(Clone, Debug)]
pub struct Stop(Rc<SignalFd>);

impl Stop {
    /// Blocks these signals in this thread and receives them from now on. Those that are ignored, as
    /// under nohup(1), stay so.
    ///
    /// # Errors
    ///
    /// The system has no free file descriptor.
    pub fn on_signals() -> io::Result<Self> {
        let ignored = ignored();
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .filter(|&signal| ignored >> (signal as u32 - 1) & 1 == 0)
            .collect();
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals, flags)?;
        Ok(Self(Rc::new(signals)))
    }

    /// Readable once a signal has arrived.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// # Errors
    ///
    /// A signal has arrived.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        match self.0.read_signal() {
            Ok(Some(signal)) => Err(Stopped(signal.ssi_signo.try_into().unwrap_or_default())),
            _ => Ok(()),
        }
    }
}

/// A signal, with its number, asked the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped by a signal")]
pub struct Stopped(pub i32);

/// The signals that this process was started to ignore, as a bit mask. Once blocked, they would be
/// received in spite of that.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
