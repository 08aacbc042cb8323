//! How one thread wakes another that waits for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::reactor::run_one::{OrderSource, Orders};

/// Rung from one thread to wake another that waits for descriptors.
#[derive(Debug)]
pub(crate) struct Bell {
    event: EventFd,
    stop: AtomicBool,
    report: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self {
            event: EventFd::from_flags(flags)?,
            stop: AtomicBool::new(false),
            report: AtomicBool::new(false),
        })
    }

    pub(crate) fn ring(&self) {
        // It fails only where it was rung 2^64 times unheard.
        self.event.write(1).ok();
    }

    /// Rings for a stop.
    pub(crate) fn order_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ring();
    }

    /// Rings for a report.
    pub(crate) fn order_report(&self) {
        self.report.store(true, Ordering::Relaxed);
        self.ring();
    }

    /// Hears that it was rung.
    pub(crate) fn hear(&self) {
        self.event.read().ok(); // or was not
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl OrderSource for Bell {
    fn take_orders(&self) -> Orders {
        self.hear();
        Orders {
            stop: self.stop.swap(false, Ordering::Relaxed),
            report: self.report.swap(false, Ordering::Relaxed),
        }
    }
}
