//! From listen addresses to bound sockets.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use ipnet::IpNet;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::inherited;
use crate::net::listen_addr::{ABSTRACT, HostPort, ListenAddr, resolve_host, unix_socket_address};
use crate::net::listener::Listener;
use crate::net::multicast::{self, Membership};
use crate::net::socket_opts::{SocketFile, enable_pktinfo};
use crate::peer::Address;

/// Options of [`Listener::bind`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindOptions {
    /// The only IP version to use; `None` uses both.
    pub only: Option<Family>,
    /// The permissions of Unix socket files, such as `0o660`; `None` leaves them to the umask.
    pub unix_mode: Option<u32>,
    /// The index of the interface on which multicast groups are joined; `None` joins on all that are
    /// up, have an address, and are able to receive multicast.
    pub interface: Option<NonZeroU32>,
    /// Networks whose source addresses are trusted: UDP peers there are not validated, nor are those on
    /// this machine.
    pub trusted_networks: Vec<IpNet>,
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.cause, .address))]
#[non_exhaustive]
pub struct BindError {
    /// The address as requested, or the one of its IP addresses that failed.
    pub address: ListenAddr,
    /// The error of the system.
    pub cause: io::Error,
}

impl Listener {
    /// Binds and listens on each of these addresses. One address may need several sockets.
    ///
    /// The sockets of one address have the same port; for port 0 the system chooses one that is free
    /// on all of them. On a machine without IPv6, the IPv4 sockets suffice. An inherited descriptor is
    /// taken over and closed with its listener.
    ///
    /// # Errors
    ///
    /// The first address that cannot be bound, with the cause. Then nothing is listened on.
    pub fn bind(addresses: &[ListenAddr], options: &BindOptions) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let bound = bind(address, options)?.into_iter();
            listeners.extend(bound.map(|listener| {
                let listener = listener.with_index(index);
                listener.with_trusted(&options.trusted_networks)
            }));
        }
        Ok(listeners)
    }
}

fn bind(address: &ListenAddr, options: &BindOptions) -> Result<Vec<Listener>, BindError> {
    let named = |cause| BindError {
        address: address.clone(),
        cause,
    };
    let bound = match address {
        ListenAddr::Tcp(HostPort::Everywhere(port)) if options.only.is_none() => dual_stack(*port),
        ListenAddr::Tcp(host_port) => {
            let addresses = resolve(host_port, options.only).map_err(named)?;
            return bind_all(&addresses, ListenAddr::Tcp, |address| tcp(address, true));
        }
        ListenAddr::Udp(host_port) => {
            let addresses = resolve(host_port, options.only).map_err(named)?;
            return bind_all(&addresses, ListenAddr::Udp, |address| {
                udp(address, options.interface)
            });
        }
        ListenAddr::Unix(path) => unix(path, options.unix_mode),
        ListenAddr::Fd(descriptor) => inherited::listener(descriptor, options.interface),
        ListenAddr::Stdio => inherited::stdio(),
    };
    bound.map(|listener| vec![listener]).map_err(named)
}

/// The IP addresses of a host, or those of one family.
fn resolve(host_port: &HostPort, only: Option<Family>) -> io::Result<Vec<SocketAddr>> {
    let both = |v4: Ipv4Addr, v6: Ipv6Addr, port| {
        vec![SocketAddr::from((v4, port)), SocketAddr::from((v6, port))]
    };
    let mut addresses = match host_port {
        HostPort::Loopback(port) => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, *port),
        HostPort::Everywhere(port) => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, *port),
        HostPort::Host(host, port) => resolve_host(host, *port)?,
    };
    for address in &mut addresses {
        // `::ffff:192.0.2.1` is another notation of an IPv4 address, for which IPv6 sockets that only
        // serve IPv6 cannot be bound.
        if address.ip() != address.ip().to_canonical() {
            address.set_ip(address.ip().to_canonical());
        }
    }
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

/// Binds each address. With port 0, all of them get the port that the system chose for the first.
fn bind_all(
    addresses: &[SocketAddr],
    named: impl Fn(HostPort) -> ListenAddr,
    bind: impl Fn(SocketAddr) -> io::Result<Listener>,
) -> Result<Vec<Listener>, BindError> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    for _ in 1..PORT_ATTEMPTS {
        match bind_once(addresses, &named, &bind) {
            // The port was free for the first address but not for another one: choose again.
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
    let mut without_ipv6 = None;
    for &(mut address) in addresses {
        if let (0, Some(&Address::Ip(first))) =
            (address.port(), listeners.first().map(Listener::local))
        {
            address.set_port(first.port());
        }
        let implied = [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED].map(IpAddr::from);
        match bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(cause) => {
                let may_fail = lacks_ipv6(&cause) && implied.contains(&address.ip());
                let error = BindError {
                    address: named(address.into()),
                    cause,
                };
                if !may_fail {
                    return Err(error);
                }
                without_ipv6 = Some(error);
            }
        }
    }
    match without_ipv6 {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// One socket for IPv4 and IPv6, or for IPv4 on a machine without IPv6.
fn dual_stack(port: u16) -> io::Result<Listener> {
    match tcp((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if lacks_ipv6(&error) => tcp((Ipv4Addr::UNSPECIFIED, port).into(), false),
        bound => bound,
    }
}

fn tcp(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
    multicast::check(address.ip(), Type::STREAM)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?; // connections in TIME_WAIT do not prevent a restart
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Accepted sockets inherit both: answers leave at once, and a peer whose machine disappeared is
    // detected.
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Listener::stream(socket, None)
}

fn udp(mut address: SocketAddr, interface: Option<NonZeroU32>) -> io::Result<Listener> {
    multicast::check(address.ip(), Type::DGRAM)?;
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    let group = address.ip().is_multicast();
    let group = group
        .then(|| Membership::new(address, interface))
        .transpose()?;
    if let Some(group) = &group {
        address = group.address();
        socket.set_reuse_address(true)?; // each receiver on this machine gets a copy
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // IPv4 and IPv6 have different control messages
    }
    enable_pktinfo(&socket, address.ip())?; // before anything can arrive
    socket.bind(&address.into())?;
    group.iter().try_for_each(|group| group.join(&socket))?;
    Listener::udp(socket)
}

fn unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    let address = unix_socket_address(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if is_abstract(path) {
        if mode.is_some() {
            return Err(io::Error::other(
                "an abstract socket has no permissions: every user of this machine can connect",
            ));
        }
        socket.bind(&address)?;
        socket.listen(BACKLOG)?;
        return Listener::stream(socket, None);
    }
    // With the umask, the file never exists with other permissions.
    let bind = || {
        let before = mode.map(|mode| umask(Mode::from_bits_truncate(!mode & 0o777)));
        let bound = socket.bind(&address);
        before.map(umask);
        bound
    };
    // The lock keeps two servers from checking at the same time: a socket that is bound and does not
    // listen yet would look dead.
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
    let file = SocketFile::at(path)?;
    socket.listen(BACKLOG)?;
    Listener::stream(socket, Some(file))
}

fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(ABSTRACT.as_bytes())
}

/// Whether `path` is a socket on which no process listens, such as that of a server that was killed.
fn is_dead_socket(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?; // do not wait for a full backlog
    let connected = probe.connect(address);
    Ok(connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

/// Whether the cause is that this machine has no IPv6, or no IPv6 loopback address.
fn lacks_ipv6(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

/// The cause, with a hint where one helps.
fn explain(cause: &io::Error, address: &ListenAddr) -> String {
    let errno = cause.raw_os_error().map(Errno::from_raw);
    match (cause.kind(), address) {
        (io::ErrorKind::AddrInUse, ListenAddr::Tcp(host_port) | ListenAddr::Udp(host_port)) => {
            let port = host_port.port();
            let kind = if matches!(address, ListenAddr::Tcp(_)) {
                't'
            } else {
                'u'
            };
            format!("another program uses this port (ss -l{kind}np 'sport = :{port}' shows which)")
        }
        (io::ErrorKind::AddrInUse, ListenAddr::Unix(path)) if is_abstract(path) => {
            "another server listens there".to_owned()
        }
        (io::ErrorKind::AddrInUse, ListenAddr::Unix(_) | ListenAddr::Fd(_) | ListenAddr::Stdio) => {
            "another server listens there, or the file is not a socket".to_owned()
        }
        (io::ErrorKind::AddrNotAvailable, _) => {
            "no interface of this machine has this address (ip address lists them)".to_owned()
        }
        (io::ErrorKind::PermissionDenied, ListenAddr::Tcp(_) | ListenAddr::Udp(_)) => {
            "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)".to_owned()
        }
        (_, ListenAddr::Fd(_)) if errno == Some(Errno::EBADF) => {
            "no such descriptor was inherited (the parent process has to pass it)".to_owned()
        }
        (_, ListenAddr::Fd(_)) if errno == Some(Errno::EBUSY) => {
            "this descriptor is in use already: it is named twice".to_owned()
        }
        (_, ListenAddr::Fd(_)) if errno == Some(Errno::ENOTSOCK) => "it is not a socket".to_owned(),
        _ => cause.to_string(),
    }
}

const BACKLOG: i32 = 4096; // clients wait here at the cap; the system may limit it further
const PORT_ATTEMPTS: u32 = 16;
