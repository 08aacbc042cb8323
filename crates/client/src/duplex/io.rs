//! Where input comes from, and where output goes.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// Where the bytes for the peer come from.
pub trait Input {
    /// Readable when [`read`](Self::read) returns at once.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// Reads bytes. 0 is the end of input.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing to read yet; any other error ends the client.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Whether input must wait for now: it is not polled, and the end of input is not looked for.
    fn is_paused(&self) -> bool {
        false
    }

    /// Whether the input is typed on a terminal. Then the client ends as soon as the peer has closed.
    fn is_interactive(&self) -> bool {
        false
    }
}

/// Where the bytes from the peer go.
pub trait Output {
    /// Writable when [`write`](Self::write) accepts bytes; `None` if it always does.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Accepts some of the bytes, and returns how many. Does not block.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it accepts nothing yet; any other error ends the client.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// When [`on_timer`](Self::on_timer) is due, if at all.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has passed.
    ///
    /// # Errors
    ///
    /// The output failed.
    fn on_timer(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more arrives. Returns once everything is written.
    ///
    /// # Errors
    ///
    /// The output failed.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gets a copy of what is sent and received: a hex dump, a recording.
pub trait Tap {
    /// These bytes were sent; over datagrams they are one.
    ///
    /// # Errors
    ///
    /// They cannot be written; this ends the client.
    fn sent(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// These bytes were received; over datagrams they are one.
    ///
    /// # Errors
    ///
    /// They cannot be written; this ends the client.
    fn received(&mut self, bytes: &[u8]) -> io::Result<()>;
}
