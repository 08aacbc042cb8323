//! A connected socket, with calls that never wait, whatever mode the socket is in.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use socket2::Socket;

/// Bytes in both directions.
#[derive(Debug)]
pub(crate) struct Stream(Socket);

impl Stream {
    pub(crate) fn new(socket: Socket) -> Self {
        Self(socket)
    }

    /// Sends the beginning of `bytes`, as much as is taken now; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn send_some(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        unless_blocked(send(self.0.as_raw_fd(), bytes, flags))
    }

    /// Receives what has arrived; 0 bytes are the end of input, `None` means that nothing has
    /// arrived yet.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn receive_some(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT))
    }

    /// Reads and forgets what has arrived; whether the peer may send still more.
    pub(crate) fn discard(&self) -> bool {
        let mut scratch = [0; 4096];
        for _ in 0..DISCARDED_AT_ONCE {
            match self.receive_some(&mut scratch) {
                Ok(Some(0)) | Err(_) => return false,
                Ok(Some(_)) => (),
                Ok(None) => break,
            }
        }
        true
    }

    /// Ends the sending side: the peer reads the end of input after all that was sent.
    ///
    /// # Errors
    ///
    /// The peer has gone.
    pub(crate) fn end_output(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    /// Why the connection broke, if the system knows.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.0.take_error().unwrap_or_else(Some)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn unless_blocked(result: nix::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

const DISCARDED_AT_ONCE: usize = 64; // a flood must not hold up whoever else waits
