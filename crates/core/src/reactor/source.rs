//! What a driver drives: something that is told what happened, and never waits itself.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::reactor::poll::Interest;

/// A conversation, or whatever else goes on beside others.
///
/// Its driver waits for what it [watches](Self::watched) until its [deadline](Self::deadline), and
/// tells it what happened. It goes on until it [is over](Self::is_over).
pub(crate) trait Task {
    /// What it waits for, each at a place of its own. A descriptor that was given once is given at
    /// the same place until the end.
    fn watched(&self) -> Watched<'_>;

    /// When it is to be told the time, though nothing else has happened.
    fn deadline(&self) -> Option<Instant>;

    /// What is watched at `place` is ready or `broken`; `buffer` is for what can be read.
    fn attend(&mut self, place: usize, broken: bool, buffer: &mut [u8], now: Instant);

    /// The time is `now`: ends what has lasted for too long.
    fn tick(&mut self, now: Instant);

    /// The server is stopping.
    fn stop(&mut self, now: Instant);

    /// Tells what goes on, where that is more than one conversation.
    fn report(&self) {}

    /// The driver cannot go on with it.
    fn fail(&mut self, error: io::Error);

    /// Whether nothing more happens.
    fn is_over(&self) -> bool;

    /// Logs how it went. What is to be driven in its place comes back, if anything is.
    fn end(self: Box<Self>) -> Option<Box<dyn Task>>;
}

/// Descriptors at their places, and what each is waited for.
pub(crate) type Watched<'a> = [Option<(BorrowedFd<'a>, Interest)>; PLACES];

/// A task watches no more than this.
pub(crate) const PLACES: usize = 3;
