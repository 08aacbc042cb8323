//! Bytes in both directions, with calls that never wait, whatever mode the descriptors are in.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd;
use socket2::Socket;

use crate::task::Watched;
use crate::wait::Interest;

/// Bytes in both directions.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A connected socket.
    Socket(Socket),
    /// One descriptor for each direction: pipes, a terminal, files. Others may share them, so they
    /// stay in the mode they are in.
    Pair { input: OwnedFd, output: OwnedFd },
}

impl Stream {
    /// What is to be waited for to receive and to send.
    pub(crate) fn watched(&self, read: bool, write: bool) -> Watched<'_> {
        match self {
            Self::Socket(socket) => {
                let interest = Interest::In { read, write };
                [Some((socket.as_fd(), interest)), None, None]
            }
            Self::Pair { input, output } => {
                // Input that has ended is broken for ever, which is no news while none is wanted.
                let reading = if read {
                    Interest::READ
                } else {
                    Interest::Nothing
                };
                let writing = Interest::In { read: false, write };
                [
                    Some((input.as_fd(), reading)),
                    Some((output.as_fd(), writing)),
                    None,
                ]
            }
        }
    }

    /// Sends the beginning of `bytes`, as much as is taken now; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn send_some(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        unless_blocked(match self {
            Self::Socket(socket) => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                send(socket.as_raw_fd(), bytes, flags)
            }
            Self::Pair { output, .. } if is_ready(output, PollFlags::POLLOUT) => {
                // A pipe that is ready takes so much at once without waiting (pipe(7)).
                unistd::write(output, &bytes[..bytes.len().min(PIPE_BUF)])
            }
            Self::Pair { .. } => Err(Errno::EAGAIN),
        })
    }

    /// Receives what has arrived; 0 bytes are the end of input, `None` means that nothing has
    /// arrived yet.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn receive_some(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(match self {
            Self::Socket(socket) => recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT),
            Self::Pair { input, .. } if is_ready(input, PollFlags::POLLIN) => {
                unistd::read(input, buffer)
            }
            Self::Pair { .. } => Err(Errno::EAGAIN),
        })
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

    /// Ends the sending side: the peer reads the end of input after all that was sent. Whether it
    /// may mind that it is not listened to while it speaks: who writes into a closed pipe loses
    /// nothing that was sent here.
    ///
    /// # Errors
    ///
    /// The peer has gone.
    pub(crate) fn end_output(&self) -> io::Result<bool> {
        match self {
            Self::Socket(socket) => socket.shutdown(Shutdown::Write).map(|()| true),
            Self::Pair { .. } => Ok(false),
        }
    }

    /// Why the connection broke, if the system knows.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match self {
            Self::Socket(socket) => socket.take_error().unwrap_or_else(Some),
            Self::Pair { .. } => None,
        }
    }
}

/// Whether the next call will not wait.
fn is_ready(fd: &OwnedFd, flags: PollFlags) -> bool {
    let mut polled = [PollFd::new(fd.as_fd(), flags)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| 0 < ready)
}

fn unless_blocked(result: nix::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

const PIPE_BUF: usize = 4096;
const DISCARDED_AT_ONCE: usize = 64; // a flood must not hold up whoever else waits
