//! A socket for datagrams to one server, and what comes back from the way there.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};

use crate::tftp::TftpError;
use crate::transport::wait_once;

/// A socket that is not connected, since a server answers from another port than it was asked at.
pub(super) struct Socket<'a> {
    socket: UdpSocket,
    stop: Option<BorrowedFd<'a>>,
    buffer: Box<[u8]>, // what came together, in datagrams that are all of one length but the last
    received: Range<usize>,
    rest: Range<usize>, // came with it
    from: Option<SocketAddr>,
    space: Vec<u8>, // for what is told about it
    unchecked: u32, // datagrams that came without a look at whether to stop
}

/// What happened at last.
pub(super) enum Arrived {
    /// The time has come.
    Nothing,
    /// A datagram, from there.
    From(SocketAddr),
    /// What was sent there did not arrive.
    Undelivered(SocketAddr, io::Error),
}

impl<'a> Socket<'a> {
    /// A socket to speak to this address, and others like it.
    ///
    /// # Errors
    ///
    /// None is to be had.
    pub(super) fn new(server: SocketAddr, stop: Option<BorrowedFd<'a>>) -> io::Result<Self> {
        let socket = match server {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
        };
        // Else nobody would tell that there is no server.
        match server {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        // Where the system can, it hands over at once what came at once.
        setsockopt(&socket, sockopt::UdpGroSegment, &true).ok();
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

    /// Sends a datagram. It may be lost.
    ///
    /// # Errors
    ///
    /// There is no way there: not even when that is tried again.
    pub(super) fn send(&self, packet: &[u8], to: SocketAddr) -> Result<(), TftpError> {
        let mut failed = None;
        for _ in 0..TRIES {
            let Err(error) = self.socket.send_to(packet, to) else {
                return Ok(());
            };
            match error.kind() {
                ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLOUT, Instant::now() + SEND_TIME)?;
                }
                ErrorKind::Interrupted => (),
                // It may be about one before that has not arrived, which is told elsewhere, or about
                // a way that is there again.
                _ => failed = Some(error),
            }
        }
        match failed {
            Some(error) if error.kind() != ErrorKind::ConnectionRefused => {
                Err(TftpError::Unreachable(error))
            }
            _ => Ok(()),
        }
    }

    /// Waits for a datagram, until this time.
    ///
    /// # Errors
    ///
    /// It is to stop.
    pub(super) fn receive(&mut self, until: Instant) -> Result<Arrived, TftpError> {
        loop {
            match self.next() {
                Ok(from) => {
                    self.unchecked += 1;
                    if CHECKED_EVERY < self.unchecked {
                        self.unchecked = 0;
                        self.wait(PollFlags::empty(), Instant::now())?;
                    }
                    return Ok(Arrived::From(from));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    if let Some((to, error)) = self.undelivered() {
                        return Ok(Arrived::Undelivered(to, error));
                    }
                    continue;
                }
            }
            self.unchecked = 0;
            let came = self.wait(PollFlags::POLLIN, until)?;
            if came.contains(PollFlags::POLLERR)
                && let Some((to, error)) = self.undelivered()
            {
                return Ok(Arrived::Undelivered(to, error));
            }
            if came.is_empty() && until <= Instant::now() {
                return Ok(Arrived::Nothing);
            }
        }
    }

    /// The datagram that came last.
    pub(super) fn received(&self) -> &[u8] {
        &self.buffer[self.received.clone()]
    }

    /// The next datagram, out of what came at once with the last one or else from the system.
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
        let each = message.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::UdpGroSegments(each) => usize::try_from(each).ok(),
            _ => None,
        });
        let each = each.filter(|&each| 0 < each);
        let length = each.map_or(message.bytes, |each| each.min(message.bytes));
        self.received = 0..length;
        self.rest = length..message.bytes;
        self.from = Some(from);
        Ok(from)
    }

    /// Waits for the socket, until this time; what came is empty if nothing did.
    fn wait(&self, events: PollFlags, until: Instant) -> Result<PollFlags, TftpError> {
        match wait_once(self.socket.as_fd(), events, until, self.stop) {
            Ok((_, true)) => Err(TftpError::Stopped),
            Ok((came, false)) => Ok(came),
            Err(Errno::EINTR) => Ok(PollFlags::empty()),
            Err(errno) => Err(TftpError::Unreachable(errno.into())),
        }
    }

    /// Where something was sent that did not arrive, and what became of it.
    fn undelivered(&self) -> Option<(SocketAddr, io::Error)> {
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
        Some((to, io::Error::from_raw_os_error(errno.try_into().ok()?)))
    }
}

/// An address of the Internet, if it is one.
fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in();
    let v4 = v4.map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| Some(SocketAddrV6::from(*address.as_sockaddr_in6()?).into()))
}

const DATAGRAM_BYTES: usize = 65_535;
const CHECKED_EVERY: u32 = 256;
const TRIES: u32 = 4;
const SEND_TIME: Duration = Duration::from_millis(100);
