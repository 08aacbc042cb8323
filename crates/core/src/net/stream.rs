//! Bytes in both directions, with calls that never wait, whatever mode the descriptors are in.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::net::Shutdown;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::sendfile::sendfile64;
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd;
use socket2::Socket;

use crate::exec::child::Group;
use crate::reactor::poll::Interest;
use crate::reactor::source::Watched;
use crate::sys::process;

/// Bytes in both directions.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A connected socket.
    Socket(Socket),
    /// One descriptor for each direction: pipes, a terminal, files. Others may share them, so they
    /// stay in the mode they are in.
    Pair { input: OwnedFd, output: OwnedFd },
}

/// What a stream has carried, though somebody else talks over it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// For how long nothing was received or sent.
    pub(crate) idle: Duration,
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

    /// Sends the beginning of a stretch of a file, as much as is taken now; `None` if nothing is, and
    /// 0 bytes if the file ends before.
    ///
    /// # Errors
    ///
    /// The connection is broken; or this is [unsupported](io::ErrorKind::Unsupported) for such a
    /// stream or file, which is to be read instead.
    pub(crate) fn send_file(&self, file: &File, range: Range<u64>) -> io::Result<Option<usize>> {
        let Self::Socket(socket) = self else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let mut start = i64::try_from(range.start).map_err(|_| Errno::EOVERFLOW)?;
        let count = (range.end - range.start).min(FILE_AT_ONCE);
        let count = usize::try_from(count).expect("it is a few KiB");
        // Unlike send(2), it has no way to say that it is not to wait.
        let waits = !socket.nonblocking()?;
        if waits {
            socket.set_nonblocking(true)?;
        }
        let sent = sendfile64(socket, file, Some(&mut start), count);
        if waits {
            socket.set_nonblocking(false)?;
        }
        match sent {
            Err(Errno::EINVAL | Errno::ENOSYS) => Err(io::ErrorKind::Unsupported.into()),
            sent => unless_blocked(sent),
        }
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

    /// Has the peer of a TCP connection see that it is broken off, when it is closed, rather than the
    /// end of all that there is.
    pub(crate) fn reset(&self) {
        if let Self::Socket(socket) = self {
            socket.set_linger(Some(Duration::ZERO)).ok(); // of other kinds, none can
        }
    }

    /// Where it is told that the peer has gone, and how, while somebody else talks to it.
    pub(crate) fn hang_up(&self) -> (BorrowedFd<'_>, Interest) {
        match self {
            Self::Socket(socket) => (socket.as_fd(), Interest::HangUp),
            Self::Pair { output, .. } => {
                let broken = Interest::In {
                    read: false,
                    write: false,
                };
                (output.as_fd(), broken)
            }
        }
    }

    /// What it has carried so far, where the system counts it: for TCP.
    pub(crate) fn moved(&self) -> Option<Moved> {
        let Self::Socket(socket) = self else {
            return None;
        };
        let info = process::tcp_info(socket.as_fd())?;
        let idle = info.tcpi_last_data_recv.min(info.tcpi_last_data_sent);
        // The end of input is counted like a byte.
        let ended = u64::from(INPUT_ENDED.contains(&info.tcpi_state));
        Some(Moved {
            received: info.tcpi_bytes_received.saturating_sub(ended),
            sent: info.tcpi_bytes_sent.saturating_sub(info.tcpi_bytes_retrans),
            idle: Duration::from_millis(idle.into()),
        })
    }

    /// The stream as standard input and output of a program.
    ///
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn ends(&self) -> io::Result<(Stdio, Stdio)> {
        let (input, output): (OwnedFd, OwnedFd) = match self {
            Self::Socket(socket) => (socket.try_clone()?.into(), socket.try_clone()?.into()),
            Self::Pair { input, output } => (input.try_clone()?, output.try_clone()?),
        };
        Ok((Stdio::from(input), Stdio::from(output)))
    }

    /// The process group of a program that gets the stream.
    pub(crate) fn group(&self) -> Group {
        match self {
            Self::Pair { input, .. } if input.is_terminal() => Group::Terminals,
            Self::Socket(_) | Self::Pair { .. } => Group::Own,
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

const INPUT_ENDED: [u8; 4] = [6, 8, 9, 11]; // TCP_TIME_WAIT, _CLOSE_WAIT, _LAST_ACK, _CLOSING
// More at once is slower: it is not in the caches any more when it is read.
const FILE_AT_ONCE: u64 = 256 * 1024;
const PIPE_BUF: usize = 4096;
const DISCARDED_AT_ONCE: usize = 64; // a flood must not hold up whoever else waits
