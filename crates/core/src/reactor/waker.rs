//! How one thread wakes another that waits for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// An eventfd(2) that one thread writes to wake another. It can carry the requests of signals.
#[derive(Debug)]
pub(crate) struct Waker {
    event: EventFd,
    stop: AtomicBool,
    abort: AtomicBool,
    report: AtomicBool,
}

/// What another thread was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requests {
    pub(crate) stop: bool,
    pub(crate) abort: bool,
    pub(crate) report: bool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self {
            event: EventFd::from_flags(flags)?,
            stop: AtomicBool::new(false),
            abort: AtomicBool::new(false),
            report: AtomicBool::new(false),
        })
    }

    /// Makes the descriptor ready.
    pub(crate) fn wake(&self) {
        // It fails only after 2^64 calls without a `clear`; then it is ready anyway.
        self.event.write(1).ok();
    }

    /// Asks the other thread to stop.
    pub(crate) fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Asks the other thread to stop at once.
    pub(crate) fn request_abort(&self) {
        self.abort.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Asks the other thread to report.
    pub(crate) fn request_report(&self) {
        self.report.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Makes the descriptor not ready.
    pub(crate) fn clear(&self) {
        self.event.read().ok(); // fails where it was not ready
    }

    /// The requests since the last call. Makes the descriptor not ready.
    pub(crate) fn take_requests(&self) -> Requests {
        self.clear();
        let take = |request: &AtomicBool| request.swap(false, Ordering::Relaxed);
        Requests {
            stop: take(&self.stop),
            abort: take(&self.abort),
            report: take(&self.report),
        }
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
