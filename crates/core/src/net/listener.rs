//! Sockets that peers arrive at.

use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use socket2::Socket;

use crate::net::bind::{self, BindError, BindOptions, inode_of};
use crate::net::listen_addr::ListenAddr;
use crate::net::stream::Stream;
use crate::peer::{Address, Peer, Transport};

/// Where peers arrive: bound, and listening.
#[derive(Debug)]
pub struct Listener {
    pub(crate) kind: Kind,
    pub(crate) local: Address,
}

/// How they arrive.
#[derive(Debug)]
pub(crate) enum Kind {
    /// One after the other, each with a stream of its own.
    Streams(Door),
    /// All at one socket, datagram by datagram.
    Datagrams(Inlet),
    /// One is there already, and no other will come.
    Single(Stream, Peer),
}

/// A socket that accepts peers.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) socket: Socket,
    pub(crate) local: Address,
    pub(crate) file: Option<SocketFile>,
    pub(crate) place: usize, // which of those where the server listens
}

/// A socket that the datagrams of all peers arrive at.
#[derive(Debug)]
pub(crate) struct Inlet {
    pub(crate) socket: Socket,
    pub(crate) place: usize,
    /// Which of those of this server it is, and the ports of all of them.
    pub(crate) number: usize,
    pub(crate) ports: Vec<u16>,
}

/// The file of a Unix socket, known again by its inode.
#[derive(Debug)]
pub(crate) struct SocketFile {
    pub(crate) path: PathBuf,
    pub(crate) inode: (u64, u64),
}

/// Listeners by how their peers arrive.
#[derive(Default)]
pub(crate) struct Sorted {
    pub(crate) doors: Vec<Door>,
    pub(crate) inlets: Vec<Inlet>,
    pub(crate) singles: Vec<(Stream, Peer)>,
}

impl From<Vec<Listener>> for Sorted {
    fn from(listeners: Vec<Listener>) -> Self {
        let mut sorted = Self::default();
        for listener in listeners {
            match listener.kind {
                Kind::Streams(door) => sorted.doors.push(door),
                Kind::Datagrams(inlet) => sorted.inlets.push(inlet),
                Kind::Single(stream, peer) => sorted.singles.push((stream, peer)),
            }
        }
        let locals = sorted.inlets.iter().map(|inlet| inlet.socket.local_addr());
        let addresses = locals.filter_map(|local| local.ok()?.as_socket());
        let ports: Vec<u16> = addresses.map(|address| address.port()).collect();
        for (number, inlet) in sorted.inlets.iter_mut().enumerate() {
            (inlet.number, inlet.ports) = (number, ports.clone());
        }
        sorted
    }
}

impl Listener {
    /// Listens at each of these places; one place may need several sockets.
    ///
    /// Those of one place share its port: port 0 asks the system for one that is free on all of
    /// them. Where the machine has no IPv6, the IPv4 part suffices. A descriptor that was left open
    /// is taken: it is closed with its listener.
    ///
    /// # Errors
    ///
    /// Names the address that cannot be had, and why. Then none is listened on.
    pub fn bind(places: &[ListenAddr], options: BindOptions) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let bound = bind::bind(place, options)?;
            listeners.extend(bound.into_iter().map(|listener| listener.at(number)));
        }
        Ok(listeners)
    }

    pub(crate) fn streams(socket: Socket, file: Option<SocketFile>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = Address::from(&socket.local_addr()?);
        let door = Door {
            socket,
            local: local.clone(),
            file,
            place: 0,
        };
        Ok(Self {
            kind: Kind::Streams(door),
            local,
        })
    }

    pub(crate) fn datagrams(socket: Socket) -> io::Result<Self> {
        let local = Address::from(&socket.local_addr()?);
        let inlet = Inlet {
            socket,
            place: 0,
            number: 0,
            ports: Vec::new(),
        };
        Ok(Self {
            kind: Kind::Datagrams(inlet),
            local,
        })
    }

    pub(crate) fn single(stream: Stream, peer: Peer) -> Self {
        Self {
            local: peer.local.clone(),
            kind: Kind::Single(stream, peer),
        }
    }

    /// The same, as one of the place of this number.
    fn at(mut self, number: usize) -> Self {
        match &mut self.kind {
            Kind::Streams(door) => door.place = number,
            Kind::Datagrams(inlet) => inlet.place = number,
            Kind::Single(_, peer) => peer.place = number,
        }
        self
    }

    /// Where it listens; with the port that the system chose, if it was asked to.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.local
    }

    /// How what its peers say travels.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.kind {
            Kind::Datagrams(_) => Transport::Datagram,
            Kind::Streams(_) | Kind::Single(..) => Transport::Stream,
        }
    }

    /// Whether its one peer is there already.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.kind, Kind::Single(..))
    }

    /// Whether it takes both IPv4 and IPv6 peers.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        let (Kind::Streams(Door { socket, .. }) | Kind::Datagrams(Inlet { socket, .. })) =
            &self.kind
        else {
            return false;
        };
        matches!(self.local, Address::Ip(local) if local.ip() == Ipv6Addr::UNSPECIFIED)
            && socket.only_v6().is_ok_and(|only| !only)
    }
}

impl Door {
    /// The next peer, if one waits.
    ///
    /// # Errors
    ///
    /// As accept(2): [`io::ErrorKind::WouldBlock`] where nobody waits. Any other error is about one
    /// peer or about the machine; the listener stays good.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Peer)> {
        let (socket, remote) = self.socket.accept()?;
        let local = match &self.local {
            Address::Ip(_) => Address::from(&socket.local_addr()?),
            other @ (Address::Unix(_) | Address::Stdio) => other.clone(),
        };
        let peer = Peer::new(Address::from(&remote), local, Transport::Stream).at(self.place);
        Ok((Stream::Socket(socket), peer))
    }

    /// Lets go of this process's copy, as a forked child does; the listener goes on.
    pub(crate) fn leave(mut self) {
        self.file = None;
    }
}

impl Inlet {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            ports: self.ports.clone(),
            ..*self
        })
    }
}

/// Stops listening for good: the file of a Unix socket is removed, if it is still this one.
impl Drop for Door {
    fn drop(&mut self) {
        if let Some(SocketFile { path, inode }) = &self.file
            && fs::symlink_metadata(path).is_ok_and(|now| inode_of(&now) == *inode)
        {
            // Already gone is as good as removed.
            fs::remove_file(path).ok();
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
