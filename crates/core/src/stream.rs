//! Calls on a connected socket that never wait, whatever mode the socket is in.

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use socket2::Socket;

/// Sends the beginning of `bytes`, as much as the socket takes now; `None` if it takes nothing.
///
/// # Errors
///
/// The connection is broken.
pub(crate) fn send_some(socket: &Socket, bytes: &[u8]) -> io::Result<Option<usize>> {
    now(send(
        socket.as_raw_fd(),
        bytes,
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
    ))
}

/// Receives what has arrived; 0 bytes are the end of input, `None` means that nothing has arrived
/// yet.
///
/// # Errors
///
/// The connection is broken.
pub(crate) fn receive_some(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    now(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT))
}

/// Reads and forgets what has arrived; whether the peer may send still more.
pub(crate) fn discard(socket: &Socket) -> bool {
    let mut scratch = [0; 4096];
    for _ in 0..DISCARDED_AT_ONCE {
        match receive_some(socket, &mut scratch) {
            Ok(Some(0)) | Err(_) => return false,
            Ok(Some(_)) => (),
            Ok(None) => break,
        }
    }
    true
}

fn now(result: nix::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

const DISCARDED_AT_ONCE: usize = 64; // a flood must not hold up whoever else waits
