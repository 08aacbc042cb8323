//! The link to a hub in another process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::hub::codec::{Frames, encode};
use crate::hub::message::{Notice, Request};
use crate::reactor::poll::Interest;

/// The hub has ended, or sent malformed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubLost;

/// A link over a socket pair, of which the hub has the other end.
pub(crate) struct SocketLink {
    socket: OwnedFd,
    input: Frames,
    output: Vec<u8>, // not sent yet
    buffer: Vec<u8>, // for one read; allocated when first used
}

impl SocketLink {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            input: Frames::default(),
            output: Vec::new(),
            buffer: Vec::new(),
        }
    }

    pub(super) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        let (read, write) = (wanted, !self.output.is_empty());
        let interest = if read || write {
            Interest::In { read, write }
        } else {
            Interest::Nothing // the end of the hub does not matter while nothing is wanted
        };
        (self.socket.as_fd(), interest)
    }

    pub(super) fn send(&mut self, number: u32, requests: &[Request]) {
        for request in requests {
            encode(number, request, &mut self.output);
        }
        self.flush();
    }

    pub(super) fn next(&mut self) -> Result<Option<(u32, Notice)>, HubLost> {
        self.flush();
        loop {
            match self.input.next() {
                Ok(None) => (),
                Ok(notice) => return Ok(notice),
                Err(_) => return Err(HubLost),
            }
            if self.buffer.is_empty() {
                self.buffer = vec![0; PACKET_BYTES];
            }
            match recv(
                self.socket.as_raw_fd(),
                &mut self.buffer,
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(0) => return Err(HubLost),
                Ok(count) => self.input.push(&self.buffer[..count]),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => (),
                Err(_) => return Err(HubLost),
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        PACKET_BYTES <= self.output.len()
    }

    /// Sends what the socket takes. If the hub has ended, the next read reports it.
    fn flush(&mut self) {
        if !self.output.is_empty() && send_packets(self.socket.as_fd(), &mut self.output).is_err() {
            self.output.clear();
        }
    }
}

/// Sends as much of `bytes` as the socket takes, in packets, and removes it.
///
/// # Errors
///
/// The other end is closed.
pub(super) fn send_packets(socket: BorrowedFd<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut sent = 0;
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let result = loop {
        let packet = &bytes[sent..bytes.len().min(sent + PACKET_BYTES)];
        if packet.is_empty() {
            break Ok(());
        }
        match send(socket.as_raw_fd(), packet, flags) {
            Ok(count) => sent += count,
            Err(Errno::EINTR) => (),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => break Ok(()),
            Err(errno) => break Err(errno.into()),
        }
    };
    bytes.drain(..sent);
    if bytes.is_empty() {
        bytes.shrink_to(KEPT_CAPACITY);
    }
    result
}

pub(super) const PACKET_BYTES: usize = 32 * 1024; // several fit into a socket's buffer
const KEPT_CAPACITY: usize = 4 * 1024;
