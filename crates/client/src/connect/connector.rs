//! The routine that connects to a server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use socket2::{Domain, SockAddr, Socket, Type};
use switchboard_core::{Family, ListenAddr, unix_socket_address};

use crate::connect::error::ConnectError;
use crate::connect::server::{Endpoint, Server};
use crate::stop::Stop;
use crate::wait::{WaitError, wait};

/// How to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Use only addresses of this family.
    pub family: Option<Family>,
    /// Connect from this address.
    pub source: Option<Source>,
    /// The time for all attempts together, with the look-up of the name.
    pub timeout: Duration,
}

/// The own address of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The address; `None` lets the system choose.
    pub ip: Option<IpAddr>,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// What happens while a client connects.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectEvent<'a> {
    /// An attempt to connect to this address starts.
    Attempt(&'a str),
    /// An attempt failed.
    Failed(&'a str, &'a io::Error),
}

/// A connected socket, in non-blocking mode. One of datagrams is connected, too (connect(2)).
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: Socket,
    /// The address of the peer, for messages.
    pub peer: String,
    /// The own address, for messages.
    pub local: String,
}

/// Connects to servers, with the same options for each.
pub struct Connector<'a> {
    options: ConnectOptions,
    stop: Option<&'a Stop>,
    observer: Box<dyn FnMut(ConnectEvent<'_>) + 'a>,
}

impl ConnectOptions {
    /// Any address, with this time limit.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            family: None,
            source: None,
            timeout,
        }
    }
}

impl<'a> Connector<'a> {
    /// A signal ends the attempts.
    #[must_use]
    pub fn new(options: ConnectOptions, stop: Option<&'a Stop>) -> Self {
        let observer = Box::new(|_: ConnectEvent<'_>| ());
        Self {
            options,
            stop,
            observer,
        }
    }

    /// Calls `observer` with every event.
    #[must_use]
    pub fn observe(self, observer: impl FnMut(ConnectEvent<'_>) + 'a) -> Self {
        let observer = Box::new(observer);
        Self { observer, ..self }
    }

    /// Looks the name up and connects.
    ///
    /// # Errors
    ///
    /// The address cannot be connected to, its name is unknown, every attempt failed, or the time is
    /// over.
    pub fn connect(&mut self, address: &ListenAddr) -> Result<Connection, ConnectError> {
        self.connect_to(&Server::resolve(address)?)
    }

    /// Connects to a server whose name is already resolved.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub fn connect_to(&mut self, server: &Server) -> Result<Connection, ConnectError> {
        let unreachable = |cause| {
            let address = server.address().to_string();
            ConnectError::Unreachable { address, cause }
        };
        let sockaddrs = |addresses: &[SocketAddr]| -> Vec<SockAddr> {
            addresses.iter().map(|&address| address.into()).collect()
        };
        let (addresses, kind) = match server.endpoint() {
            Endpoint::Tcp(addresses) => (sockaddrs(addresses), Type::STREAM),
            Endpoint::Udp(addresses) => (sockaddrs(addresses), Type::DGRAM),
            Endpoint::Unix(path) => {
                let address = unix_socket_address(path).map_err(unreachable)?;
                (vec![address], Type::STREAM)
            }
        };
        let mut cause = io::Error::other("it has no address");
        for address in addresses {
            let shown = shown(&address);
            (self.observer)(ConnectEvent::Attempt(&shown));
            match self.attempt(&address, kind) {
                Ok(socket) => {
                    let local = socket.local_addr().map_err(unreachable)?;
                    return Ok(Connection {
                        local: self::shown(&local),
                        peer: shown,
                        socket,
                    });
                }
                Err(WaitError::Stopped(stopped)) => return Err(stopped.into()),
                Err(WaitError::Io(error)) => {
                    (self.observer)(ConnectEvent::Failed(&shown, &error));
                    cause = error;
                }
            }
        }
        Err(unreachable(cause))
    }

    fn attempt(&self, address: &SockAddr, kind: Type) -> Result<Socket, WaitError> {
        let socket = Socket::new(address.domain(), kind, None)?;
        socket.set_nonblocking(true)?;
        if address.domain() != Domain::UNIX && kind == Type::STREAM {
            // Requests are small, and each waits for its response.
            socket.set_tcp_nodelay(true)?;
        }
        match socket.connect(address) {
            Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => (),
            connected => return Ok(connected.map(|()| socket)?),
        }
        let deadline = Instant::now() + self.options.timeout.min(Duration::from_secs(1 << 31));
        if wait(socket.as_fd(), PollFlags::POLLOUT, deadline, self.stop)?.is_empty() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        match socket.take_error()? {
            None => Ok(socket),
            Some(error) => Err(error.into()),
        }
    }
}

fn shown(address: &SockAddr) -> String {
    match address.as_socket() {
        Some(address) => address.to_string(),
        None => match address.as_pathname() {
            Some(path) => format!("unix:{}", path.display()),
            None => "a Unix socket".to_owned(),
        },
    }
}
