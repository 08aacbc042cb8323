//! From a place to the sockets that listen there.

use std::fs::{self, File, Metadata};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sys::stat::{Mode, umask};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::inherited;
use crate::net::listen_addr::{HostPort, ListenAddr};
use crate::net::listener::{Listener, SocketFile};
use crate::net::socket_opts::enable_pktinfo;
use crate::peer::Address;

/// How to listen, where the place does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// One of the Internet protocols alone; both without.
    pub only: Option<Family>,
    /// The permissions of the files of Unix sockets, such as `0o660`; without, as the umask has it.
    pub unix_mode: Option<u32>,
}

/// A version of the Internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {}", hint(.cause, .place))]
pub struct BindError {
    /// The place as asked for, or the one address of it that cannot be had.
    pub place: ListenAddr,
    /// What the system said.
    pub cause: io::Error,
}

/// The listeners of one place.
pub(crate) fn bind(place: &ListenAddr, options: BindOptions) -> Result<Vec<Listener>, BindError> {
    let named = |cause| BindError {
        place: place.clone(),
        cause,
    };
    let bound = match place {
        ListenAddr::Tcp(HostPort::Everywhere(port)) if options.only.is_none() => everywhere(*port),
        ListenAddr::Tcp(internet) => {
            let addresses = addresses(internet, options.only).map_err(named)?;
            return bind_all(&addresses, ListenAddr::Tcp, |address| tcp(address, true));
        }
        ListenAddr::Udp(internet) => {
            let addresses = addresses(internet, options.only).map_err(named)?;
            return bind_all(&addresses, ListenAddr::Udp, udp);
        }
        ListenAddr::Unix(path) => unix(path, options.unix_mode),
        ListenAddr::Fd(descriptor) => inherited::take(descriptor),
        ListenAddr::Stdio => inherited::stdio(),
    };
    bound.map(|listener| vec![listener]).map_err(named)
}

/// The addresses that a place means, those of one family if only that is wanted.
fn addresses(place: &HostPort, only: Option<Family>) -> io::Result<Vec<SocketAddr>> {
    let both = |v4: Ipv4Addr, v6: Ipv6Addr, port| {
        vec![SocketAddr::from((v4, port)), SocketAddr::from((v6, port))]
    };
    let mut addresses = match place {
        HostPort::Loopback(port) => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, *port),
        HostPort::Everywhere(port) => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, *port),
        HostPort::Host(host, port) => (host.as_str(), *port).to_socket_addrs()?.collect(),
    };
    addresses.dedup();
    if let Some(only) = only {
        addresses.retain(|address| address.is_ipv4() == (only == Family::V4));
        if addresses.is_empty() {
            let family = if only == Family::V4 { "IPv4" } else { "IPv6" };
            return Err(io::Error::other(format!("it has no {family} address")));
        }
    }
    Ok(addresses)
}

/// Binds each address; with port 0, all of them to the port that the system chose for the first.
fn bind_all(
    addresses: &[SocketAddr],
    named: impl Fn(HostPort) -> ListenAddr,
    bind: impl Fn(SocketAddr) -> io::Result<Listener>,
) -> Result<Vec<Listener>, BindError> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    for _ in 1..PORT_ATTEMPTS {
        match bind_once(addresses, &named, &bind) {
            // The port was free for the first address and is not for another: let the system choose
            // again.
            Err(error) if any_port && error.cause.kind() == io::ErrorKind::AddrInUse => (),
            bound => return bound,
        }
    }
    bind_once(addresses, &named, &bind)
}

fn bind_once(
    addresses: &[SocketAddr],
    named: &impl Fn(HostPort) -> ListenAddr,
    bind: &impl Fn(SocketAddr) -> io::Result<Listener>,
) -> Result<Vec<Listener>, BindError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut lacking = None; // a machine without IPv6 is served over IPv4
    for &(mut address) in addresses {
        if let (0, Some(&Address::Ip(first))) =
            (address.port(), listeners.first().map(Listener::local))
        {
            address.set_port(first.port());
        }
        let no_wonder = [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED].map(IpAddr::from);
        match bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(cause) => {
                let lacks = lacks_ipv6(&cause) && no_wonder.contains(&address.ip());
                let error = BindError {
                    place: named(address.into()),
                    cause,
                };
                if !lacks {
                    return Err(error);
                }
                lacking = Some(error);
            }
        }
    }
    match lacking {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// One socket for IPv4 and IPv6, where the machine has both.
fn everywhere(port: u16) -> io::Result<Listener> {
    match tcp((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if lacks_ipv6(&error) => tcp((Ipv4Addr::UNSPECIFIED, port).into(), false),
        bound => bound,
    }
}

fn tcp(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
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
    socket.listen(BACKLOG)?;
    Listener::streams(socket, None)
}

fn udp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // each protocol has ways of its own to tell what was asked
    }
    enable_pktinfo(&socket, address.ip())?; // before anything can arrive
    socket.bind(&address.into())?;
    Listener::datagrams(socket)
}

fn unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file is never there with other permissions than these.
    let bind = || {
        let before = mode.map(|mode| umask(Mode::from_bits_truncate(!mode & 0o777)));
        let bound = socket.bind(&address);
        before.map(umask);
        bound
    };
    // One server at a time looks there, so that none takes a socket for dead that another has bound
    // and does not listen at yet.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    let _lock = folder
        .ok()
        .and_then(|folder| Flock::lock(folder, FlockArg::LockExclusive).ok());
    match bind() {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && is_dead_socket(path, &address)? =>
        {
            fs::remove_file(path)?;
            bind()?;
        }
        bound => bound?,
    }
    let inode = inode_of(&fs::symlink_metadata(path)?);
    let path = path.to_owned();
    socket.listen(BACKLOG)?;
    Listener::streams(socket, Some(SocketFile { path, inode }))
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

pub(crate) fn inode_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Whether the cause is that this machine has no IPv6, or none on its loopback.
fn lacks_ipv6(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

/// The cause, in words that help.
fn hint(cause: &io::Error, place: &ListenAddr) -> String {
    match (cause.kind(), place) {
        (io::ErrorKind::AddrInUse, ListenAddr::Tcp(place)) => {
            let port = place.port();
            format!("another program has this port (ss -ltnp 'sport = :{port}' shows which)")
        }
        (io::ErrorKind::AddrInUse, ListenAddr::Udp(place)) => {
            let port = place.port();
            format!("another program has this port (ss -lunp 'sport = :{port}' shows which)")
        }
        (io::ErrorKind::AddrInUse, ListenAddr::Unix(_) | ListenAddr::Fd(_) | ListenAddr::Stdio) => {
            "another server listens there, or it is a file of another kind".to_owned()
        }
        (io::ErrorKind::AddrNotAvailable, _) => {
            "no interface of this machine has that address (ip address shows those it has)"
                .to_owned()
        }
        (io::ErrorKind::PermissionDenied, ListenAddr::Tcp(_) | ListenAddr::Udp(_)) => {
            "permission denied (ports below 1024 are for root, or take CAP_NET_BIND_SERVICE)"
                .to_owned()
        }
        (_, ListenAddr::Fd(_)) if cause.raw_os_error() == Some(libc::EBADF) => {
            "no descriptor was left open there (whoever starts the program has to pass it)"
                .to_owned()
        }
        (_, ListenAddr::Fd(_)) if cause.raw_os_error() == Some(libc::ENOTSOCK) => {
            "that is no socket".to_owned()
        }
        _ => cause.to_string(),
    }
}

const BACKLOG: i32 = 4096; // clients wait here at the cap; the system may hold it to less
const PORT_ATTEMPTS: u32 = 16;
