//! The link to a hub in another process: one end of a pair of sockets of packets.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::hub::codec::{Queue, decode, encode};
use crate::hub::message::{HubMessage, Request};
use crate::hub_link::link::{HubLink, HubLost, Link};
use crate::reactor::poll::Interest;

/// One end of a link, with the bytes not decoded and not sent yet.
pub(super) struct PacketSocket {
    socket: OwnedFd,
    pub(super) input: Queue,
    pub(super) output: Queue,
}

impl PacketSocket {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            input: Queue::default(),
            output: Queue::default(),
        }
    }

    /// Receives one packet, by way of `buffer`, which has [`PACKET_BYTES`]. Returns the number of its
    /// bytes, 0 if the other end is closed.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let count = recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?;
        self.input.buffer().extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Sends as much of the output as the socket takes, in packets. If the other end is closed, the
    /// output is dropped, and `false` returned.
    pub(super) fn flush(&mut self) -> bool {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        while !self.output.is_empty() {
            let packet = self.output.as_slice();
            let packet = &packet[..packet.len().min(PACKET_BYTES)];
            match send(self.socket.as_raw_fd(), packet, flags) {
                Ok(count) => self.output.remove(count),
                Err(Errno::EINTR) => (),
                Err(Errno::EAGAIN | Errno::ENOBUFS) => break,
                Err(_) => {
                    self.output.remove(self.output.len());
                    return false;
                }
            }
        }
        true
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The sessions' end of a link over a socket pair.
pub(crate) struct SocketLink {
    socket: PacketSocket,
    buffer: Vec<u8>, // for one read; allocated when first used
}

impl SocketLink {
    /// A link over one end of a socket pair, which must be non-blocking.
    pub(crate) fn link(socket: OwnedFd) -> Link {
        Box::new(Self {
            socket: PacketSocket::new(socket),
            buffer: Vec::new(),
        })
    }
}

impl HubLink for SocketLink {
    fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        let (read, write) = (wanted, !self.socket.output.is_empty());
        let interest = if read || write {
            Interest::In { read, write }
        } else {
            Interest::Nothing // the end of the hub does not matter while nothing is wanted
        };
        (self.socket.as_fd(), interest)
    }

    fn send(&mut self, number: u32, requests: Vec<Request>) {
        for request in &requests {
            encode(number, request, self.socket.output.buffer());
        }
        self.socket.flush(); // if the hub has ended, the next read reports it
    }

    fn next(&mut self) -> Result<Option<(u32, HubMessage)>, HubLost> {
        self.socket.flush();
        loop {
            if let Some(message) = decode(&mut self.socket.input).map_err(|_| HubLost)? {
                return Ok(Some(message));
            }
            if self.buffer.is_empty() {
                self.buffer = vec![0; PACKET_BYTES];
            }
            match self.socket.receive(&mut self.buffer) {
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => (),
                Ok(0) | Err(_) => return Err(HubLost),
                Ok(_) => (),
            }
        }
    }

    fn is_full(&self) -> bool {
        PACKET_BYTES <= self.socket.output.len()
    }
}

pub(super) const PACKET_BYTES: usize = 32 * 1024; // several fit into a socket's buffer
