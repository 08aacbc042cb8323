//! Ports of their own, for conversations by datagrams that have one each.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

/// Where such ports come from.
pub(crate) trait PortSource {
    /// Opens a port, at the same address of this machine as the one that was asked.
    ///
    /// # Errors
    ///
    /// There is none, or no descriptor for it.
    fn open(&mut self, asked: SocketAddr) -> io::Result<SocketAddr>;
}

/// None are to be had.
pub(crate) struct NoPorts;

impl PortSource for NoPorts {
    fn open(&mut self, _: SocketAddr) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The sockets of such ports. What has arrived at any of them can be waited for at once.
pub(crate) struct Ports {
    epoll: Epoll,
    sockets: HashMap<SocketAddr, (u64, Socket)>,
    by_number: HashMap<u64, SocketAddr>,
    opened: u64,
}

impl Ports {
    /// There is none yet.
    ///
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sockets: HashMap::new(),
            by_number: HashMap::new(),
            opened: 0,
        })
    }

    /// Closes a port.
    pub(crate) fn close(&mut self, local: SocketAddr) {
        if let Some((number, _)) = self.sockets.remove(&local) {
            self.by_number.remove(&number); // nobody has a copy, so it is not watched any more
        }
    }

    /// The socket of a port, until it is closed.
    pub(crate) fn socket(&self, local: SocketAddr) -> Option<&Socket> {
        self.sockets.get(&local).map(|(_, socket)| socket)
    }

    /// Some of those at which something has arrived.
    pub(crate) fn ready(&self) -> Vec<SocketAddr> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO);
        let events = &events[..count.unwrap_or(0)]; // if interrupted, the next look comes soon
        let numbers = events.iter().map(EpollEvent::data);
        numbers
            .filter_map(|number| self.by_number.get(&number).copied())
            .collect()
    }
}

impl PortSource for Ports {
    fn open(&mut self, asked: SocketAddr) -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address(asked), Type::DGRAM, Some(Protocol::UDP))?;
        let mut any = asked;
        any.set_port(0);
        socket.bind(&any.into())?;
        let local = socket.local_addr()?.as_socket();
        let local = local.ok_or_else(|| io::Error::from(Errno::EAFNOSUPPORT))?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, self.opened);
        self.epoll.add(&socket, event)?;
        self.by_number.insert(self.opened, local);
        self.sockets.insert(local, (self.opened, socket));
        self.opened += 1;
        Ok(local)
    }
}

impl AsFd for Ports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

const AT_ONCE: usize = 64; // then look after the rest again
