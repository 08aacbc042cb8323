//! Sessions that each have a UDP port of their own, such as those of TFTP.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

use crate::udp::recv_batch::PeerKey;

/// Which dedicated port belongs to which session.
#[derive(Default)]
pub(crate) struct PortTable {
    /// The dedicated port of a peer that sends to the listening port.
    by_request: HashMap<PeerKey, SocketAddr>,
    /// The peer, and the listening port it sent to, of a dedicated port.
    by_port: HashMap<SocketAddr, PeerKey>,
    closed: Vec<SocketAddr>,
}

impl PortTable {
    /// The session that a datagram from and to the addresses of `request` belongs to. The first one
    /// to the listening port is assigned a port by `open_port`. A datagram to the port of another
    /// peer belongs to a session of its own on that port.
    pub(crate) fn resolve(
        &mut self,
        request: PeerKey,
        open_port: OpenPort<'_>,
    ) -> io::Result<PeerKey> {
        let (remote, local) = request;
        if self.by_port.contains_key(&local) {
            return Ok(request);
        }
        if let Some(&port) = self.by_request.get(&request) {
            return Ok((remote, port));
        }
        let port = open_port(local)?;
        self.by_request.insert(request, port);
        self.by_port.insert(port, request);
        Ok((remote, port))
    }

    /// Whether the local address is the dedicated port of this peer. Only a host that received a
    /// datagram from the port knows it, so a datagram to it verifies the source address.
    pub(crate) fn is_assigned(&self, (remote, local): PeerKey) -> bool {
        let request = self.by_port.get(&local);
        request.is_some_and(|&(peer, _)| peer == remote)
    }

    /// Releases the port of a session, unless it belongs to another one.
    pub(crate) fn release(&mut self, (remote, port): PeerKey) {
        if let Some(&request) = self.by_port.get(&port)
            && request.0 == remote
        {
            self.by_port.remove(&port);
            self.by_request.remove(&request);
            self.closed.push(port);
        }
    }

    /// The ports released since the last call. Datagrams may still be queued to be sent from them.
    pub(crate) fn take_closed(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.closed)
    }
}

/// Opens a port at the IP address of its argument and returns its address.
pub(crate) type OpenPort<'a> = &'a mut dyn FnMut(SocketAddr) -> io::Result<SocketAddr>;

/// The sockets of the dedicated ports, with one descriptor that is ready when any of them is.
pub(crate) struct PortSockets {
    epoll: Epoll,
    sockets: HashMap<SocketAddr, (u64, Socket)>,
    by_token: HashMap<u64, SocketAddr>,
    next_token: u64,
}

impl PortSockets {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sockets: HashMap::new(),
            by_token: HashMap::new(),
            next_token: 0,
        })
    }

    /// Opens a port chosen by the kernel at the IP address of `listener`.
    pub(crate) fn open(&mut self, listener: SocketAddr) -> io::Result<SocketAddr> {
        let domain = Domain::for_address(listener);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        let mut any = listener;
        any.set_port(0);
        socket.bind(&any.into())?;
        let local = socket.local_addr()?.as_socket();
        let local = local.ok_or_else(|| io::Error::from(Errno::EAFNOSUPPORT))?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, self.next_token);
        self.epoll.add(&socket, event)?;
        self.by_token.insert(self.next_token, local);
        self.sockets.insert(local, (self.next_token, socket));
        self.next_token += 1;
        Ok(local)
    }

    /// Sets what [`ready`](Self::ready) reports of this port.
    pub(crate) fn watch(&self, local: SocketAddr, interest: EpollFlags) {
        if let Some((token, socket)) = self.sockets.get(&local) {
            let mut event = EpollEvent::new(interest, *token);
            // It fails only for a lack of kernel memory; a peer sends again.
            self.epoll.modify(socket, &mut event).ok();
        }
    }

    pub(crate) fn close(&mut self, local: SocketAddr) {
        // There is no duplicate of the descriptor, so closing it removes it from the epoll set.
        if let Some((token, _)) = self.sockets.remove(&local) {
            self.by_token.remove(&token);
        }
    }

    pub(crate) fn get(&self, local: SocketAddr) -> Option<&Socket> {
        self.sockets.get(&local).map(|(_, socket)| socket)
    }

    /// Up to [`READY_PER_CALL`] ports at which datagrams have arrived, or that take output again, if
    /// they are [watched](Self::watch) for that.
    pub(crate) fn ready(&self) -> Vec<(SocketAddr, EpollFlags)> {
        let mut events = [EpollEvent::empty(); READY_PER_CALL];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO);
        let events = &events[..count.unwrap_or(0)]; // after EINTR, the next call follows soon
        let port = |event: &EpollEvent| {
            let local = self.by_token.get(&event.data())?;
            Some((*local, event.events()))
        };
        events.iter().filter_map(port).collect()
    }
}

impl AsFd for PortSockets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

const READY_PER_CALL: usize = 64;
