//! A UDP socket that also reports undelivered datagrams.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};

use crate::files::error::Error;
use crate::stop::Stop;
use crate::wait::wait;

/// A socket that is not connected, since a TFTP server answers from another port than 69.
pub(super) struct Socket<'a> {
    socket: UdpSocket,
    stop: Option<&'a Stop>,
    buffer: Box<[u8]>, // datagrams of equal length but the last, from one call (UDP_GRO)
    received: Range<usize>, // the current one
    rest: Range<usize>,
    from: Option<SocketAddr>,
    space: Vec<u8>, // for control messages
    unchecked: u32, // datagrams since the last check for a signal
}

/// What ended a wait.
pub(super) enum Event {
    /// The deadline has passed.
    Deadline,
    /// A datagram arrived from this address.
    Received(SocketAddr),
    /// An ICMP error arrived for a datagram to this address.
    Undelivered(SocketAddr, io::Error),
}

impl<'a> Socket<'a> {
    /// A socket that can send to the address family of `server`.
    pub(super) fn new(server: SocketAddr, stop: Option<&'a Stop>) -> io::Result<Self> {
        let socket = match server {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
        };
        // Without this, an unconnected socket does not report that no server listens.
        match server {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        setsockopt(&socket, sockopt::UdpGroSegment, &true).ok(); // where the system supports it
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            stop,
            buffer: vec![0; DATAGRAM_BYTES].into(),
            received: 0..0,
            rest: 0..0,
            from: None,
            space: nix::cmsg_space!(i32),
            unchecked: 0,
        })
    }

    /// Sends a datagram, which may be lost. Fails if there is no route, also after a few attempts, or
    /// if a signal arrived.
    pub(super) fn send(&self, packet: &[u8], to: SocketAddr) -> Result<(), Error> {
        let mut failed = None;
        for _ in 0..SEND_ATTEMPTS {
            let Err(error) = self.socket.send_to(packet, to) else {
                return Ok(());
            };
            match error.kind() {
                ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLOUT, Instant::now() + SEND_TIMEOUT)?;
                }
                ErrorKind::Interrupted => (),
                // It may belong to an earlier datagram, which `receive` reports, or be transient.
                _ => failed = Some(error),
            }
        }
        match failed {
            Some(error) if error.kind() != ErrorKind::ConnectionRefused => Err(Error::Lost(error)),
            _ => Ok(()),
        }
    }

    /// Waits for a datagram, until `deadline`. Fails if a signal arrived.
    pub(super) fn receive(&mut self, deadline: Instant) -> Result<Event, Error> {
        loop {
            let has_failed = match self.next() {
                Ok(from) => {
                    self.unchecked += 1;
                    if MAX_UNCHECKED < self.unchecked {
                        self.unchecked = 0;
                        self.stop.map_or(Ok(()), Stop::check)?;
                    }
                    return Ok(Event::Received(from));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unchecked = 0;
                    let ready = self.wait(PollFlags::POLLIN, deadline)?;
                    if ready.is_empty() {
                        return Ok(Event::Deadline);
                    }
                    ready.contains(PollFlags::POLLERR)
                }
                Err(error) => error.kind() != ErrorKind::Interrupted,
            };
            if has_failed && let Some(undelivered) = self.undelivered() {
                return Ok(undelivered);
            }
        }
    }

    /// The datagram that arrived last.
    pub(super) fn received(&self) -> &[u8] {
        &self.buffer[self.received.clone()]
    }

    /// Whether another datagram arrived together with the last.
    pub(super) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Moves on to the next datagram: one that arrived with the last, or else from the system.
    fn next(&mut self) -> io::Result<SocketAddr> {
        if let Some(from) = self.from.filter(|_| !self.rest.is_empty()) {
            let length = self.received.len().min(self.rest.len());
            self.received = self.rest.start..self.rest.start + length;
            self.rest.start += length;
            return Ok(from);
        }
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let space = Some(&mut *self.space);
        let fd = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(fd, &mut parts, space, MsgFlags::empty())?;
        let from = message.address.as_ref().and_then(internet);
        let from = from.ok_or(Errno::EAFNOSUPPORT)?;
        let segment = message.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::UdpGroSegments(length) => usize::try_from(length).ok(),
            _ => None,
        });
        let segment = segment.filter(|&length| 0 < length);
        let length = segment.map_or(message.bytes, |length| length.min(message.bytes));
        self.received = 0..length;
        self.rest = length..message.bytes;
        self.from = Some(from);
        Ok(from)
    }

    fn wait(&self, events: PollFlags, deadline: Instant) -> Result<PollFlags, Error> {
        Ok(wait(self.socket.as_fd(), events, deadline, self.stop)?)
    }

    /// An error that the system has queued.
    fn undelivered(&self) -> Option<Event> {
        let mut space = nix::cmsg_space!(nix::libc::sock_extended_err, nix::libc::sockaddr_in6);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(fd, &mut [], Some(&mut space), flags).ok()?;
        let to = message.address.as_ref().and_then(internet)?;
        let errors = message.cmsgs().ok()?.filter_map(|message| match message {
            ControlMessageOwned::Ipv4RecvErr(error, _) => Some(error.ee_errno),
            ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
            _ => None,
        });
        let errno = errors.last()?;
        let error = io::Error::from_raw_os_error(errno.try_into().ok()?);
        Some(Event::Undelivered(to, error))
    }
}

/// An IPv4 or IPv6 address.
fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in();
    let v4 = v4.map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| Some(SocketAddrV6::from(*address.as_sockaddr_in6()?).into()))
}

const DATAGRAM_BYTES: usize = 65_535;
const MAX_UNCHECKED: u32 = 256;
const SEND_ATTEMPTS: u32 = 4;
const SEND_TIMEOUT: Duration = Duration::from_millis(100);
