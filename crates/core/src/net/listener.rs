//! Sockets where peers arrive.

use std::io;
use std::mem;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};

use ipnet::IpNet;
use socket2::Socket;

use crate::net::socket_opts::SocketFile;
use crate::net::stream::Stream;
use crate::peer::{Address, Peer, Transport};
use crate::sys::fd;

/// A bound socket where peers arrive, or one connection that exists already.
#[derive(Debug)]
pub struct Listener {
    pub(crate) kind: Kind,
    pub(crate) local: Address,
}

/// How peers arrive.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Each with a connection of its own.
    Stream(StreamListener),
    /// All at one UDP socket.
    Udp(UdpListener),
    /// One connection, and no other will follow.
    Connection(Stream),
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) struct StreamListener {
    socket: Socket,
    local: Address,
    file: Option<SocketFile>,
    address_index: usize, // of its address among those the server listens on
}

/// A UDP socket.
#[derive(Debug)]
pub(crate) struct UdpListener {
    pub(crate) socket: Socket,
    pub(crate) address_index: usize,
    /// Its index among the UDP sockets of this server, and the ports of all of them.
    pub(crate) index: usize,
    pub(crate) ports: Vec<u16>,
    /// Networks whose source addresses are trusted.
    pub(crate) trusted: Vec<IpNet>,
}

/// The listeners of a server, by kind.
#[derive(Default)]
pub(crate) struct ListenersByKind {
    pub(crate) streams: Vec<StreamListener>,
    pub(crate) udp: Vec<UdpListener>,
    pub(crate) connections: Vec<Stream>,
}

impl From<Vec<Listener>> for ListenersByKind {
    fn from(listeners: Vec<Listener>) -> Self {
        let mut by_kind = Self::default();
        for listener in listeners {
            match listener.kind {
                Kind::Stream(listener) => by_kind.streams.push(listener),
                Kind::Udp(listener) => by_kind.udp.push(listener),
                Kind::Connection(stream) => by_kind.connections.push(stream),
            }
        }
        let locals = by_kind.udp.iter().map(|udp| udp.socket.local_addr());
        let addresses = locals.filter_map(|local| local.ok()?.as_socket());
        let ports: Vec<u16> = addresses.map(|address| address.port()).collect();
        for (index, udp) in by_kind.udp.iter_mut().enumerate() {
            (udp.index, udp.ports) = (index, ports.clone());
        }
        by_kind
    }
}

impl Listener {
    pub(crate) fn stream(socket: Socket, file: Option<SocketFile>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = Address::from(&socket.local_addr()?);
        let listener = StreamListener {
            socket,
            local: local.clone(),
            file,
            address_index: 0,
        };
        Ok(Self {
            kind: Kind::Stream(listener),
            local,
        })
    }

    pub(crate) fn udp(socket: Socket) -> io::Result<Self> {
        let local = Address::from(&socket.local_addr()?);
        let listener = UdpListener {
            socket,
            address_index: 0,
            index: 0,
            ports: Vec::new(),
            trusted: Vec::new(),
        };
        Ok(Self {
            kind: Kind::Udp(listener),
            local,
        })
    }

    pub(crate) fn connection(stream: Stream) -> Self {
        Self {
            local: stream.peer.local.clone(),
            kind: Kind::Connection(stream),
        }
    }

    /// Sets [`Peer::listener`] of the peers that arrive here.
    pub(crate) fn with_index(mut self, index: usize) -> Self {
        match &mut self.kind {
            Kind::Stream(listener) => listener.address_index = index,
            Kind::Udp(listener) => listener.address_index = index,
            Kind::Connection(stream) => stream.peer.listener = index,
        }
        self
    }

    /// Sets the networks whose source addresses are trusted.
    pub(crate) fn with_trusted(mut self, networks: &[IpNet]) -> Self {
        if let Kind::Udp(listener) = &mut self.kind {
            listener.trusted = networks.to_vec();
        }
        self
    }

    /// The address it listens on. Port 0 is replaced by the port that the system chose.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.local
    }

    /// How the messages of its peers are transported.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.kind {
            Kind::Udp(_) => Transport::Datagram,
            Kind::Stream(_) | Kind::Connection(_) => Transport::Stream,
        }
    }

    /// Its socket file, for a thread that cannot wait until another one drops the listener.
    pub(crate) fn socket_file(&self) -> Option<SocketFile> {
        match &self.kind {
            Kind::Stream(listener) => listener.file.clone(),
            Kind::Udp(_) | Kind::Connection(_) => None,
        }
    }

    /// Whether it is one connection that exists already.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.kind, Kind::Connection(_))
    }

    /// Whether it accepts both IPv4 and IPv6 peers.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        let (Kind::Stream(StreamListener { socket, .. }) | Kind::Udp(UdpListener { socket, .. })) =
            &self.kind
        else {
            return false;
        };
        matches!(self.local, Address::Ip(local) if local.ip() == Ipv6Addr::UNSPECIFIED)
            && socket.only_v6().is_ok_and(|only| !only)
    }
}

impl StreamListener {
    /// Accepts the next connection.
    ///
    /// # Errors
    ///
    /// As accept(2): [`io::ErrorKind::WouldBlock`] if none is waiting. Every other error is about one
    /// connection or about the machine; the listener stays usable.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        let (socket, remote) = fd::accept(self.socket.as_fd())?;
        let local = match &self.local {
            Address::Ip(_) => Address::from(&socket.local_addr()?),
            other @ (Address::Unix(_) | Address::Stdio) => other.clone(),
        };
        let peer = Peer::new(Address::from(&remote), local, Transport::Stream);
        let peer = peer.at_listener(self.address_index);
        Ok(Stream::accepted(socket, peer))
    }

    /// Closes the copy of a forked child: the file of a Unix socket stays.
    pub(crate) fn close_in_child(mut self) {
        mem::forget(self.file.take());
    }
}

impl AsFd for StreamListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl UdpListener {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            ports: self.ports.clone(),
            trusted: self.trusted.clone(),
            ..*self
        })
    }
}
