//! Sockets that peers arrive at.

use std::fs::{self, Metadata};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::listen::Listen;
use crate::peer::{Address, Peer, Transport};
use crate::stream::Stream;

/// A socket that peers arrive at, bound and listening.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    local: Address,
    file: Option<SocketFile>,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {}", hint(.cause, .place))]
pub struct BindError {
    /// The place as asked for, or the one address of it that cannot be had.
    pub place: Listen,
    /// What the system said.
    pub cause: io::Error,
}

/// The file of a Unix socket, known again by its inode.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Listener {
    /// Listens at each of these places; one place may need several sockets.
    ///
    /// Those of one place share its port: port 0 asks the system for one that is free on all of
    /// them. Where the machine has no IPv6, the IPv4 part suffices.
    ///
    /// # Errors
    ///
    /// Names the address that cannot be had, and why. Then none is listened on.
    pub fn bind(places: &[Listen]) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for place in places {
            listeners.extend(bind_place(place)?);
        }
        Ok(listeners)
    }

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
        let peer = Peer::new(Address::from(&remote), local, Transport::Stream);
        Ok((Stream::Socket(socket), peer))
    }

    /// Where it listens; with the port that the system chose, if it was asked to.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.local
    }

    /// Whether it takes both IPv4 and IPv6 peers.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        matches!(self.local, Address::Ip(local) if local.ip() == Ipv6Addr::UNSPECIFIED && self.socket.only_v6().is_ok_and(|only| !only))
    }

    /// Lets go of this process's copy, as a forked child does; the listener goes on.
    pub(crate) fn leave(mut self) {
        self.file = None;
    }
}

/// Stops listening for good: the file of a Unix socket is removed, if it is still this one.
impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(SocketFile { path, inode }) = &self.file
            && fs::symlink_metadata(path).is_ok_and(|now| inode_of(&now) == *inode)
        {
            // Already gone is as good as removed.
            fs::remove_file(path).ok();
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind_place(place: &Listen) -> Result<Vec<Listener>, BindError> {
    let named = |cause| BindError {
        place: place.clone(),
        cause,
    };
    match place {
        Listen::Unix(path) => bind_unix(path)
            .map(|listener| vec![listener])
            .map_err(named),
        Listen::Everywhere(port) => {
            let bound = match bind_ip((Ipv6Addr::UNSPECIFIED, *port).into(), false) {
                Err(error) if lacks_ipv6(&error) => {
                    bind_ip((Ipv4Addr::UNSPECIFIED, *port).into(), false)
                }
                bound => bound,
            };
            bound.map(|listener| vec![listener]).map_err(named)
        }
        Listen::Loopback(port) => {
            let both = [
                IpAddr::from(Ipv4Addr::LOCALHOST),
                Ipv6Addr::LOCALHOST.into(),
            ];
            bind_all(&both.map(|host| SocketAddr::new(host, *port)))
        }
        Listen::Host(host, port) => {
            let mut addresses: Vec<_> = (host.as_str(), *port)
                .to_socket_addrs()
                .map_err(named)?
                .collect();
            addresses.dedup();
            bind_all(&addresses)
        }
    }
}

/// Binds each address; with port 0, all of them to the port that the system chose for the first.
fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<Listener>, BindError> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    for _ in 1..PORT_ATTEMPTS {
        match bind_once(addresses) {
            // The port was free for the first address and is not for another: let the system choose
            // again.
            Err(error) if any_port && error.cause.kind() == io::ErrorKind::AddrInUse => (),
            bound => return bound,
        }
    }
    bind_once(addresses)
}

fn bind_once(addresses: &[SocketAddr]) -> Result<Vec<Listener>, BindError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut lacking = None; // a machine without IPv6 is served over IPv4
    for &(mut address) in addresses {
        if let (0, Some(&Address::Ip(first))) =
            (address.port(), listeners.first().map(Listener::local))
        {
            address.set_port(first.port());
        }
        match bind_ip(address, true) {
            Ok(listener) => listeners.push(listener),
            Err(cause) if lacks_ipv6(&cause) && address.ip() == Ipv6Addr::LOCALHOST => {
                lacking = Some(BindError {
                    place: address.into(),
                    cause,
                });
            }
            Err(cause) => {
                return Err(BindError {
                    place: address.into(),
                    cause,
                });
            }
        }
    }
    match lacking {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn bind_ip(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?; // a restart need not wait for the old connections' last states
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Inherited by every socket accepted: answers leave at once, and a peer whose machine vanished
    // is noticed.
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.bind(&address.into())?;
    listen(socket, None)
}

fn bind_unix(path: &Path) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.bind(&address) {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && is_dead_socket(path, &address)? =>
        {
            fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    let inode = inode_of(&fs::symlink_metadata(path)?);
    let path = path.to_owned();
    listen(socket, Some(SocketFile { path, inode }))
}

/// Whether `path` is a socket that nobody listens on any more, left behind by a server that was
/// killed.
fn is_dead_socket(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let knock = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    knock.set_nonblocking(true)?; // somebody listens too where the backlog is full
    let answer = knock.connect(address);
    Ok(answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn listen(socket: Socket, file: Option<SocketFile>) -> io::Result<Listener> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let local = Address::from(&socket.local_addr()?);
    Ok(Listener {
        socket,
        local,
        file,
    })
}

fn inode_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Whether the cause is that this machine has no IPv6, or none on its loopback.
fn lacks_ipv6(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

/// The cause, in words that help.
fn hint(cause: &io::Error, place: &Listen) -> String {
    match (cause.kind(), place.port()) {
        (io::ErrorKind::AddrInUse, None) => {
            "another server listens there, or it is a file of another kind".to_owned()
        }
        (io::ErrorKind::AddrInUse, Some(port)) => {
            format!("another program has this port (ss -ltnp 'sport = :{port}' shows which)")
        }
        (io::ErrorKind::AddrNotAvailable, _) => {
            "no interface of this machine has that address (ip address shows those it has)"
                .to_owned()
        }
        (io::ErrorKind::PermissionDenied, Some(_)) => {
            "permission denied (ports below 1024 are for root, or take CAP_NET_BIND_SERVICE)"
                .to_owned()
        }
        _ => cause.to_string(),
    }
}

const BACKLOG: i32 = 4096; // clients wait here at the cap; the system may hold it to less
const PORT_ATTEMPTS: u32 = 16;
