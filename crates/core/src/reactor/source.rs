//! What an event loop drives.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::reactor::poll::Interest;

/// A source of events: a connection, a UDP socket, a running program. It never blocks.
///
/// An event loop waits for the descriptors that a source [watches](Self::watched), until its
/// [deadline](Self::deadline), and calls it with what happened. It drives the source until that
/// [is done](Self::is_done).
///
/// Each call does a bounded amount of work, because other sources wait meanwhile. A source that has
/// more to do [is due](Self::is_due).
pub(crate) trait EventSource {
    /// The descriptors to wait for, and for what. A descriptor stays at the same index until the
    /// source is done.
    fn watched(&self) -> Watched<'_>;

    /// When [`tick`](Self::tick) is due, if no descriptor is ready before.
    fn deadline(&self) -> Option<Instant>;

    /// The descriptor at `index` is ready; `broken` says that it has an error or was hung up. `buffer`
    /// is scratch space for one read.
    fn on_ready(&mut self, index: usize, broken: bool, buffer: &mut [u8], now: Instant);

    /// Does what is due at `now`.
    fn tick(&mut self, now: Instant);

    /// Whether there is work that waits for nothing.
    fn is_due(&self) -> bool {
        false
    }

    /// Continues the work that is due, with at most this many calls of a session. While more is due,
    /// output may wait for [`flush`](Self::flush).
    fn resume(&mut self, _calls: usize, _now: Instant) {}

    /// Sends the output so far, before the event loop waits.
    fn flush(&mut self, _now: Instant) {}

    /// The server shuts down.
    fn stop(&mut self, now: Instant);

    /// A child of this process changed its state (SIGCHLD).
    fn child_changed(&mut self) {}

    /// Makes a UDP server report each of its sessions.
    fn report(&mut self) {}

    /// The event loop cannot wait for its descriptors.
    fn fail(&mut self, error: io::Error);

    /// Whether it waits for nothing more.
    fn is_done(&self) -> bool;

    /// Logs how it ended. Returns the source that the event loop has to drive in its place, if there
    /// is one.
    fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>>;
}

/// Descriptors, and what each is waited for.
pub(crate) type Watched<'a> = [Option<(BorrowedFd<'a>, Interest)>; MAX_FDS];

/// The most descriptors that one source watches.
pub(crate) const MAX_FDS: usize = 3;

/// The size of a read buffer: twice a full outbox.
pub(crate) const READ_BYTES: usize = 128 * 1024;
