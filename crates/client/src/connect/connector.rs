//! The routine that connects to a server.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use socket2::{Domain, SockAddr, Socket, Type};
use switchboard_core::{Family, HostPort, ListenAddr, is_broadcast, unix_socket_address};

use crate::connect::endpoint::Endpoint;
use crate::connect::error::{AttemptError, ConnectError, LookUpError};
use crate::connect::event::ConnectEvent;
use crate::connect::happy_eyeballs::HappyEyeballs;
use crate::connect::look_up::{self, Failed};
use crate::connect::options::{ConnectOptions, Source};
use crate::stop::Stop;
use crate::wait::{WaitError, wait_any};

/// Connects to servers, with the same options for each.
///
/// A name is looked up for each connection. TCP connects to all its addresses by Happy Eyeballs
/// (RFC 8305): a further attempt starts when one fails, or is not answered for 250 ms; the first to
/// succeed is the connection. Over UDP, it is the first address that there is a route to.
pub struct Connector<'a> {
    options: ConnectOptions,
    stop: Option<Stop>,
    observer: Box<dyn FnMut(ConnectEvent<'_>) + 'a>,
}

/// A connected socket, in non-blocking mode. One of datagrams is connected, too (connect(2)).
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: Socket,
    /// The address of the peer.
    pub peer: Endpoint,
    /// The local address.
    pub local: Endpoint,
}

impl<'a> Connector<'a> {
    /// A signal ends the attempts.
    #[must_use]
    pub fn new(options: ConnectOptions, stop: Option<&Stop>) -> Self {
        Self {
            options,
            stop: stop.cloned(),
            observer: Box::new(|_| ()),
        }
    }

    /// Calls `observer` with every event.
    #[must_use]
    pub fn observe(self, observer: impl FnMut(ConnectEvent<'_>) + 'a) -> Self {
        let observer = Box::new(observer);
        Self { observer, ..self }
    }

    /// The signals that end the attempts, and transfers over the connection.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Looks the name up and connects.
    ///
    /// # Errors
    ///
    /// The address is of another kind (`fd:`, `stdio:`), its name is unknown, every attempt failed, the
    /// time limit expired, or a signal arrived.
    pub fn connect(&mut self, address: &ListenAddr) -> Result<Connection, ConnectError> {
        let deadline = self.deadline();
        let (socket, peer) = match address {
            ListenAddr::Tcp(host) => {
                let addresses = self.addresses_until(address, host, deadline)?;
                self.race(address, &addresses, deadline)?
            }
            ListenAddr::Udp(host) => {
                let addresses = self.addresses_until(address, host, deadline)?;
                self.first_route(address, &addresses)?
            }
            ListenAddr::Unix(path) => self.connect_unix(address, path, deadline)?,
            _ => return Err(not_connectable(address, FORMS)),
        };
        // getsockname(2) does not fail for a connected socket.
        let local = socket.local_addr().ok();
        let local = local.map_or(Endpoint::Unnamed, |local| endpoint(&local));
        (self.observer)(ConnectEvent::Connected {
            peer: &peer,
            local: &local,
        });
        Ok(Connection {
            socket,
            peer,
            local,
        })
    }

    /// The IP addresses of a server over TCP or UDP that the options allow, in the order of preference.
    ///
    /// # Errors
    ///
    /// The server is not one of TCP or UDP, its name is unknown, it has no address that the options
    /// allow, the time limit expired, or a signal arrived.
    pub(crate) fn addresses(
        &mut self,
        address: &ListenAddr,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        match address {
            ListenAddr::Tcp(host) | ListenAddr::Udp(host) => {
                self.addresses_until(address, host, self.deadline())
            }
            _ => Err(not_connectable(address, FORMS)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let timeout = self.options.timeout;
        timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// The time limit, for the message after it has expired.
    fn limit(&self) -> Duration {
        self.options.timeout.unwrap_or(Duration::MAX)
    }

    fn addresses_until(
        &mut self,
        address: &ListenAddr,
        host: &HostPort,
        deadline: Option<Instant>,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        if host.port() == 0 {
            let reason = "a port is a number from 1 to 65535";
            return Err(not_connectable(address, reason));
        }
        let failed = |cause| ConnectError::LookUp {
            address: address.clone(),
            cause,
        };
        let name = look_up::name_of(host);
        if let Some(name) = name {
            (self.observer)(ConnectEvent::LookUp(name));
        }
        let found = match look_up::addresses(host, deadline, self.stop.as_ref()) {
            Ok(found) => found,
            Err(Failed::LookUp(error)) => return Err(failed(error)),
            Err(Failed::Stopped(stopped)) => return Err(stopped.into()),
            Err(Failed::TimedOut) => {
                let name = name.unwrap_or_default().to_owned();
                return Err(failed(LookUpError::TimedOut(name, self.limit())));
            }
        };
        if let Some(name) = name {
            (self.observer)(ConnectEvent::Found(name, &found));
        }
        let mut suitable = found.clone();
        if let Some(family) = self.options.family {
            suitable.retain(|address| address.is_ipv4() == (family == Family::V4));
            if suitable.is_empty() {
                return Err(failed(LookUpError::OtherFamily(family, found)));
            }
        }
        if let Some(source @ Source { ip: Some(ip), .. }) = self.options.source {
            suitable.retain(|address| address.is_ipv4() == ip.is_ipv4());
            if suitable.is_empty() {
                return Err(failed(LookUpError::OtherFamilyThanSource(source, found)));
            }
        }
        Ok(suitable)
    }

    /// Connects over TCP to the first of these addresses that accepts.
    fn race(
        &mut self,
        address: &ListenAddr,
        addresses: &[SocketAddr],
        deadline: Option<Instant>,
    ) -> Result<(Socket, Endpoint), ConnectError> {
        let began = Instant::now();
        let mut race = HappyEyeballs::new(addresses);
        let mut pending: Vec<(Socket, SocketAddr)> = Vec::new();
        let mut failed = Vec::new();
        loop {
            while let Some(to) = race.start_next(began.elapsed()) {
                (self.observer)(ConnectEvent::Attempt(&Endpoint::Ip(to)));
                match self.start(to) {
                    Ok(socket) => pending.push((socket, to)),
                    Err(error) => {
                        race.failed(began.elapsed());
                        self.failed(&mut failed, Endpoint::Ip(to), error);
                    }
                }
            }
            if pending.is_empty() {
                return Err(unreachable(address, failed));
            }
            let next = race.next_start().and_then(|start| began.checked_add(start));
            let until = [next, deadline].into_iter().flatten().min();
            let sockets = pending.iter();
            let sockets: Vec<_> = sockets
                .map(|(socket, _)| (socket.as_fd(), PollFlags::POLLOUT))
                .collect();
            let ready = match wait_any(&sockets, until, self.stop.as_ref()) {
                Ok(ready) => ready,
                Err(WaitError::Stopped(stopped)) => return Err(stopped.into()),
                Err(WaitError::Io(error)) => {
                    self.failed(
                        &mut failed,
                        Endpoint::Ip(pending[0].1),
                        AttemptError::Failed(error),
                    );
                    return Err(unreachable(address, failed));
                }
            };
            let mut waiting = Vec::new();
            for ((socket, to), ready) in pending.into_iter().zip(ready) {
                if ready.is_empty() {
                    waiting.push((socket, to));
                    continue;
                }
                match finished(&socket, to) {
                    Ok(()) => return Ok((socket, Endpoint::Ip(to))),
                    Err(error) => {
                        race.failed(began.elapsed());
                        self.failed(&mut failed, Endpoint::Ip(to), self.explained(to, error));
                    }
                }
            }
            pending = waiting;
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                for (_, to) in pending {
                    let error = AttemptError::NoAnswer(self.limit());
                    self.failed(&mut failed, Endpoint::Ip(to), error);
                }
                for to in race.into_untried() {
                    failed.push((Endpoint::Ip(to), AttemptError::NotTried(self.limit())));
                }
                return Err(unreachable(address, failed));
            }
        }
    }

    /// Starts to connect over TCP.
    fn start(&self, to: SocketAddr) -> Result<Socket, AttemptError> {
        if to.ip().is_multicast() {
            let text = "it is a multicast group, which TCP cannot connect to";
            return Err(AttemptError::Failed(io::Error::other(text)));
        }
        let socket = self.socket(to, Type::STREAM)?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => {
                Err(self.explained(to, error))
            }
            _ => Ok(socket),
        }
    }

    /// A socket of UDP that is connected to the first of these addresses to which there is a route.
    fn first_route(
        &mut self,
        address: &ListenAddr,
        addresses: &[SocketAddr],
    ) -> Result<(Socket, Endpoint), ConnectError> {
        let mut failed = Vec::new();
        for &to in addresses {
            let endpoint = Endpoint::Ip(to);
            (self.observer)(ConnectEvent::Attempt(&endpoint));
            let connected = self.socket(to, Type::DGRAM).and_then(|socket| {
                let connected = socket.connect(&to.into());
                connected
                    .map(|()| socket)
                    .map_err(|error| self.explained(to, error))
            });
            match connected {
                Ok(socket) => return Ok((socket, endpoint)),
                Err(error) => self.failed(&mut failed, endpoint, error),
            }
        }
        Err(unreachable(address, failed))
    }

    fn connect_unix(
        &mut self,
        address: &ListenAddr,
        path: &Path,
        deadline: Option<Instant>,
    ) -> Result<(Socket, Endpoint), ConnectError> {
        if self.options.family.is_some() || self.options.source.is_some() {
            let reason = "a Unix socket has neither an IP version nor a source address";
            return Err(not_connectable(address, reason));
        }
        let endpoint = Endpoint::Unix(path.to_owned());
        (self.observer)(ConnectEvent::Attempt(&endpoint));
        let connect = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.connect(&unix_socket_address(path)?)?;
            Ok(socket)
        };
        let error = loop {
            match connect() {
                Ok(socket) => return Ok((socket, endpoint)),
                // The server's backlog is full. poll(2) does not report when it has room.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let pause = Instant::now() + FULL_BACKLOG_PAUSE;
                    let until = deadline.map_or(pause, |deadline| deadline.min(pause));
                    match wait_any(&[], Some(until), self.stop.as_ref()) {
                        Ok(_) => (),
                        Err(WaitError::Stopped(stopped)) => return Err(stopped.into()),
                        Err(WaitError::Io(error)) => break AttemptError::Failed(error),
                    }
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        break AttemptError::NoAnswer(self.limit());
                    }
                }
                Err(error) => break AttemptError::Failed(explained_unix(path, error)),
            }
        };
        let mut failed = Vec::new();
        self.failed(&mut failed, endpoint, error);
        Err(unreachable(address, failed))
    }

    /// A socket that is bound to the source address, if one is given.
    fn socket(&self, to: SocketAddr, kind: Type) -> Result<Socket, AttemptError> {
        let new = || {
            let socket = Socket::new(Domain::for_address(to), kind, None)?;
            socket.set_nonblocking(true)?;
            if kind == Type::STREAM {
                // Requests are small, and each waits for its response.
                socket.set_tcp_nodelay(true)?;
            }
            Ok(socket)
        };
        let socket = new().map_err(AttemptError::Failed)?;
        if let Some(source) = self.options.source {
            let bind = || {
                if kind == Type::STREAM && source.port != 0 {
                    // Several attempts use the port at the same time, and it may be in TIME_WAIT. (UDP
                    // sockets that share a port would receive each other's datagrams.)
                    socket.set_reuse_address(true)?;
                }
                if to.is_ipv6() {
                    socket.set_only_v6(true)?; // otherwise the same port of IPv4 is bound, too
                }
                socket.bind(&source_address(source, to))
            };
            bind().map_err(|error| AttemptError::Source(source, error))?;
        }
        Ok(socket)
    }

    /// Replaces system errors of IP sockets whose text does not name the cause.
    fn explained(&self, to: SocketAddr, error: io::Error) -> AttemptError {
        let other = |text| AttemptError::Failed(io::Error::other(text));
        match (
            error.raw_os_error().map(Errno::from_raw),
            self.options.source,
        ) {
            // Another connection has the same two addresses and ports.
            (Some(Errno::EADDRNOTAVAIL), Some(source)) if source.port != 0 => {
                AttemptError::Source(source, Errno::EADDRINUSE.into())
            }
            (Some(Errno::EADDRNOTAVAIL), _) => other("this machine has no free port left"),
            (Some(Errno::EINVAL), Some(source)) => AttemptError::Source(source, error),
            (Some(Errno::EACCES | Errno::ENETUNREACH), _) if is_broadcast(to.ip()) => {
                other("it is a broadcast address, which has no answers")
            }
            _ => AttemptError::Failed(error),
        }
    }

    fn failed(
        &mut self,
        failed: &mut Vec<(Endpoint, AttemptError)>,
        endpoint: Endpoint,
        error: AttemptError,
    ) {
        (self.observer)(ConnectEvent::Failed(&endpoint, &error));
        failed.push((endpoint, error));
    }
}

/// Whether the attempt to connect over TCP succeeded, once it has ended.
fn finished(socket: &Socket, to: SocketAddr) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // If nothing listens on the port and the socket itself has that port, it connects to itself.
    let local = socket.local_addr()?;
    if local.as_socket() == Some(to) {
        return Err(Errno::ECONNREFUSED.into());
    }
    Ok(())
}

/// The address to bind to before a connection to this address.
fn source_address(source: Source, to: SocketAddr) -> SockAddr {
    match (source.ip, to) {
        // A link-local address needs its interface.
        (Some(IpAddr::V6(ip)), SocketAddr::V6(to)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, source.port, 0, to.scope_id()).into()
        }
        (Some(ip), _) => SocketAddr::new(ip, source.port).into(),
        (None, SocketAddr::V4(_)) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, source.port)).into(),
        (None, SocketAddr::V6(_)) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, source.port)).into(),
    }
}

fn explained_unix(path: &Path, error: io::Error) -> io::Error {
    let is_abstract = path.as_os_str().as_encoded_bytes().starts_with(b"@");
    let text = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) if is_abstract => "no server listens on a socket of this name",
        Some(Errno::ECONNREFUSED) => match fs::metadata(path) {
            Ok(file) if !file.file_type().is_socket() => "the file is not a socket",
            _ => "connection refused, no server listens on this socket",
        },
        Some(Errno::ENOENT) => "there is no such file",
        Some(Errno::EPROTOTYPE) => "it is a socket of datagrams",
        _ => return error,
    };
    io::Error::other(text)
}

fn not_connectable(address: &ListenAddr, reason: &'static str) -> ConnectError {
    ConnectError::NotConnectable {
        address: address.clone(),
        reason,
    }
}

fn unreachable(address: &ListenAddr, attempts: Vec<(Endpoint, AttemptError)>) -> ConnectError {
    ConnectError::Unreachable {
        address: address.clone(),
        attempts,
    }
}

fn endpoint(address: &SockAddr) -> Endpoint {
    match address.as_socket() {
        Some(address) => Endpoint::Ip(address),
        None => Endpoint::Unnamed, // the client's end of a Unix socket
    }
}

const FORMS: &str = "use PORT, HOST:PORT, [V6]:PORT or unix:PATH";
const FULL_BACKLOG_PAUSE: Duration = Duration::from_millis(20);
