//! The way to a hub in a process of its own.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::hub::codec::{Frames, encode};
use crate::hub::message::{Notice, Request};
use crate::reactor::poll::Interest;

/// The hub has ended, or does not make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubLost;

/// A way to the hub through a socket pair, of which the hub has the other end.
pub(crate) struct SocketLink {
    socket: OwnedFd,
    input: Frames,
    output: Vec<u8>, // not sent yet
    buffer: Vec<u8>, // for what one read brings; who never hears anything has none
}

impl SocketLink {
    /// Over one end of a pair, whose calls never wait.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            input: Frames::default(),
            output: Vec::new(),
            buffer: Vec::new(),
        }
    }

    pub(crate) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        let (read, write) = (wanted, !self.output.is_empty());
        let interest = if read || write {
            Interest::In { read, write }
        } else {
            Interest::Nothing // that the hub is gone is no news while nothing is wanted
        };
        (self.socket.as_fd(), interest)
    }

    pub(crate) fn send(&mut self, number: u32, requests: &[Request]) {
        for request in requests {
            encode(number, request, &mut self.output);
        }
        self.flush();
    }

    pub(crate) fn next(&mut self) -> Result<Option<(u32, Notice)>, HubLost> {
        self.flush();
        loop {
            match self.input.next() {
                Ok(None) => (),
                Ok(told) => return Ok(told),
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

    pub(crate) fn is_full(&self) -> bool {
        PACKET_BYTES <= self.output.len()
    }

    /// Sends what the socket takes. That the hub is gone shows when it is read.
    fn flush(&mut self) {
        if !self.output.is_empty() && send_packets(self.socket.as_fd(), &mut self.output).is_err() {
            self.output.clear();
        }
    }
}

/// Sends as much of `bytes` as the socket takes, in packets; what is left stays.
///
/// # Errors
///
/// Nobody is at the other end.
pub(crate) fn send_packets(socket: BorrowedFd<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut sent = 0;
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let done = loop {
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
    done
}

pub(crate) const PACKET_BYTES: usize = 32 * 1024; // several fit into what the system lets wait
const KEPT_CAPACITY: usize = 4 * 1024;
