//! Addresses to listen on or to connect to, and their text form.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::net::if_::{if_indextoname, if_nametoindex};
use socket2::SockAddr;

use crate::sys::systemd;

/// The default port.
pub const DEFAULT_PORT: u16 = 1212;

/// A listen address: `PORT`, `:PORT`, `HOST:PORT`, `[V6]:PORT`, each optionally after `tcp://` or
/// `udp://`; `unix:PATH`, `unix:@NAME`, `fd:N`, `fd:NAME`, or `stdio:`, which can also be written `-`.
///
/// Without a port it is [`DEFAULT_PORT`]; for port 0 the system chooses a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddr {
    /// TCP.
    Tcp(HostPort),
    /// UDP.
    Udp(HostPort),
    /// A Unix stream socket. After `@` it is the name of an abstract one, which has no file; a file of
    /// such a name is `./@NAME`.
    Unix(PathBuf),
    /// An inherited socket: a listening one, a UDP socket, or a connected one.
    Fd(Descriptor),
    /// Standard input and output: one connection, or the socket that both are.
    Stdio,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPort {
    /// `PORT`: the loopback addresses, 127.0.0.1 and ::1.
    Loopback(u16),
    /// `:PORT`: all addresses of this machine, IPv4 and IPv6.
    Everywhere(u16),
    /// A name or an address. A name stands for all its addresses.
    Host(String, u16),
}

/// An inherited descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Descriptor {
    /// By its number.
    Number(u16),
    /// By its name in `LISTEN_FDNAMES` (sd_listen_fds_with_names(3)).
    Name(String),
}

/// The text is not a [`ListenAddr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseListenAddrError {
    /// The text, or the path in it, is empty.
    #[error(
        "an address is PORT, :PORT, HOST:PORT, [V6]:PORT, the same after udp://, unix:PATH, \
         unix:@NAME, fd:N or stdio:"
    )]
    Empty,
    /// The port is not a number from 0 to 65535.
    #[error("a port is a number from 0 to 65535, not '{0}'")]
    Port(String),
    /// An IPv6 address is not separated from its port.
    #[error("an IPv6 address needs brackets: [{0}] or [{0}]:PORT")]
    Brackets(String),
    /// Neither a host name nor an IP address.
    #[error("'{0}' is neither a host name nor an IP address")]
    Host(String),
    /// Neither a descriptor's number nor its name.
    #[error("fd: needs the number or the name of an inherited descriptor, not '{0}'")]
    Descriptor(String),
    /// What follows `tcp://` or `udp://` is another kind of address.
    #[error("{0}:// needs a port or a host, not '{1}'")]
    NoHost(String, String),
    /// An unknown scheme.
    #[error("unknown scheme '{0}://': use tcp://, udp://, unix:, fd: or stdio:")]
    Scheme(String),
}

impl Default for ListenAddr {
    fn default() -> Self {
        Self::Tcp(HostPort::Loopback(DEFAULT_PORT))
    }
}

impl ListenAddr {
    /// The sockets that a service manager passed to this process: `LISTEN_FDS` of them, if
    /// `LISTEN_PID` is this process (sd_listen_fds(3)).
    #[must_use]
    pub fn activated() -> Vec<Self> {
        systemd::listen_fds()
            .map(|number| Self::Fd(Descriptor::Number(number)))
            .collect()
    }

    /// The port, if it has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(host_port) | Self::Udp(host_port) => Some(host_port.port()),
            Self::Unix(_) | Self::Fd(_) | Self::Stdio => None,
        }
    }
}

impl HostPort {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Loopback(port) | Self::Everywhere(port) | Self::Host(_, port) => *port,
        }
    }
}

/// The IP addresses of a host: of a name, or the address itself.
///
/// # Errors
///
/// The name is unknown; or an IPv6 address of a link lacks the interface (`fe80::1%eth0`), or there is
/// no such interface.
pub fn resolve_host(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (ip, zone) = match host.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (host, None),
    };
    match (ip.parse::<Ipv6Addr>(), zone) {
        (Ok(ip), Some(zone)) => {
            let index = interface(zone)?;
            Ok(vec![SocketAddrV6::new(ip, port, 0, index).into()])
        }
        (Ok(ip), None) if ip.is_unicast_link_local() => Err(io::Error::other(format!(
            "a link-local address needs its interface, as in [{ip}%eth0] (ip link lists them)"
        ))),
        _ => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// The index of an interface, from its name or its index.
fn interface(zone: &str) -> io::Result<u32> {
    let by_index = || {
        zone.parse()
            .ok()
            .filter(|&index| interface_name(index).is_some())
    };
    let index = if_nametoindex(zone).ok().or_else(by_index);
    index.ok_or_else(|| {
        io::Error::other(format!(
            "there is no interface '{zone}' (ip link lists them)"
        ))
    })
}

/// The name of an interface. (For an index without one, nix returns an empty name.)
fn interface_name(index: u32) -> Option<String> {
    let name = if_indextoname(index).ok()?.into_string().ok()?;
    (!name.is_empty()).then_some(name)
}

/// The address of a Unix socket, as [`ListenAddr::Unix`] has it.
///
/// # Errors
///
/// The path or the name is too long for the system.
pub fn unix_socket_address(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    if MAX_UNIX_PATH < bytes.len() {
        let length = bytes.len();
        return Err(io::Error::other(format!(
            "its path has {length} bytes, and a Unix socket allows {MAX_UNIX_PATH} (a relative path \
             may be shorter)"
        )));
    }
    match bytes.strip_prefix(ABSTRACT.as_bytes()) {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => SockAddr::unix(path),
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                let index = v6.scope_id();
                let zone = interface_name(index).unwrap_or_else(|| index.to_string());
                format!("{}%{zone}", v6.ip())
            }
            _ => address.ip().to_string(),
        };
        Self::Host(host, address.port())
    }
}

impl FromStr for ListenAddr {
    type Err = ParseListenAddrError;

    fn from_str(text: &str) -> Result<Self, ParseListenAddrError> {
        if text == "stdio:" || text == "-" {
            return Ok(Self::Stdio);
        }
        if let Some(descriptor) = text.strip_prefix("fd:") {
            return descriptor.parse().map(Self::Fd);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let given = !path.is_empty() && path != ABSTRACT;
            return given
                .then(|| Self::Unix(path.into()))
                .ok_or(ParseListenAddrError::Empty);
        }
        match text.split_once("://") {
            None => text.parse().map(Self::Tcp),
            Some((scheme @ ("tcp" | "udp"), host_port)) => match (host_port.parse(), scheme) {
                (Ok(host_port), "tcp") => Ok(Self::Tcp(host_port)),
                (Ok(host_port), _) => Ok(Self::Udp(host_port)),
                // Such as `udp://stdio:`.
                (Err(_), _)
                    if ["stdio:", "-", "unix:", "fd:"]
                        .iter()
                        .any(|other| host_port.starts_with(other)) =>
                {
                    Err(ParseListenAddrError::NoHost(
                        scheme.to_owned(),
                        host_port.to_owned(),
                    ))
                }
                (Err(error), _) => Err(error),
            },
            Some((scheme, _)) => Err(ParseListenAddrError::Scheme(scheme.to_owned())),
        }
    }
}

impl FromStr for HostPort {
    type Err = ParseListenAddrError;

    fn from_str(text: &str) -> Result<Self, ParseListenAddrError> {
        if text.is_empty() {
            return Err(ParseListenAddrError::Empty);
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains(['.', ':']) {
            return Ok(Self::Loopback(port(text)?));
        }
        if let Some(bracketed) = text.strip_prefix('[') {
            let error = || ParseListenAddrError::Host(text.to_owned());
            let (host, rest) = bracketed.split_once(']').ok_or_else(error)?;
            let port = match rest {
                "" => DEFAULT_PORT,
                _ => port(rest.strip_prefix(':').ok_or_else(error)?)?,
            };
            return Ok(Self::Host(host_name(host, true)?, port));
        }
        match text.split_once(':') {
            None => Ok(Self::Host(host_name(text, false)?, DEFAULT_PORT)),
            Some(("", digits)) if !digits.contains(':') => Ok(Self::Everywhere(port(digits)?)),
            Some((_, rest)) if rest.contains(':') => {
                Err(ParseListenAddrError::Brackets(text.to_owned()))
            }
            Some((host, digits)) => Ok(Self::Host(host_name(host, false)?, port(digits)?)),
        }
    }
}

impl FromStr for Descriptor {
    type Err = ParseListenAddrError;

    fn from_str(text: &str) -> Result<Self, ParseListenAddrError> {
        let error = || ParseListenAddrError::Descriptor(text.to_owned());
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.parse().map(Self::Number).map_err(|_| error());
        }
        // The characters that sd_listen_fds_with_names(3) allows.
        let is_allowed = |c: char| c.is_ascii_graphic() && c != ':';
        if text.is_empty() || 255 < text.len() || !text.chars().all(is_allowed) {
            return Err(error());
        }
        Ok(Self::Name(text.to_owned()))
    }
}

fn port(digits: &str) -> Result<u16, ParseListenAddrError> {
    match digits.parse() {
        Ok(port) if !digits.starts_with('+') => Ok(port),
        _ if digits.is_empty() => Err(ParseListenAddrError::Port("nothing".to_owned())),
        _ => Err(ParseListenAddrError::Port(digits.to_owned())),
    }
}

/// A host name or an IP address. Only one in brackets may contain colons.
fn host_name(host: &str, bracketed: bool) -> Result<String, ParseListenAddrError> {
    let is_allowed =
        |c: char| c.is_alphanumeric() || ".-_".contains(c) || (bracketed && ":%".contains(c));
    if host.is_empty() || !host.chars().all(is_allowed) || (bracketed && !host.contains(':')) {
        return Err(ParseListenAddrError::Host(host.to_owned()));
    }
    Ok(host.to_owned())
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Without a scheme, hosts of these names would be parsed as another kind of address.
            Self::Tcp(host_port @ HostPort::Host(host, _))
                if ["fd", "unix", "stdio"].contains(&&**host) =>
            {
                write!(f, "tcp://{host_port}")
            }
            Self::Tcp(host_port) => host_port.fmt(f),
            Self::Udp(host_port) => write!(f, "udp://{host_port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Fd(Descriptor::Number(number)) => write!(f, "fd:{number}"),
            Self::Fd(Descriptor::Name(name)) => write!(f, "fd:{name}"),
            Self::Stdio => f.write_str("stdio:"),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(port) => write!(f, "{port}"),
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// What the name of an abstract Unix socket begins with.
pub(crate) const ABSTRACT: &str = "@";
const MAX_UNIX_PATH: usize = 107; // unix(7)

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, address: &ListenAddr) {
        assert_eq!(text.parse().as_ref(), Ok(address));
    }

    #[track_caller]
    fn refused(text: &str, error: &str) {
        assert_eq!(
            text.parse::<ListenAddr>()
                .map_err(|error| error.to_string()),
            Err(error.to_owned())
        );
    }

    fn host(name: &str, port: u16) -> ListenAddr {
        ListenAddr::Tcp(HostPort::Host(name.to_owned(), port))
    }

    #[test]
    fn addresses_are_parsed() {
        check("1212", &ListenAddr::Tcp(HostPort::Loopback(1212)));
        check("0", &ListenAddr::Tcp(HostPort::Loopback(0)));
        check(":1212", &ListenAddr::Tcp(HostPort::Everywhere(1212)));
        check("tcp://:80", &ListenAddr::Tcp(HostPort::Everywhere(80)));
        check("tcp://1213", &ListenAddr::Tcp(HostPort::Loopback(1213)));
        check("udp://1213", &ListenAddr::Udp(HostPort::Loopback(1213)));
        check("udp://:53", &ListenAddr::Udp(HostPort::Everywhere(53)));
        check("127.0.0.1:7", &host("127.0.0.1", 7));
        check("127.0.0.1", &host("127.0.0.1", DEFAULT_PORT));
        check("localhost", &host("localhost", DEFAULT_PORT));
        check("example.org:99", &host("example.org", 99));
        check("3com.example:99", &host("3com.example", 99));
        check("[::1]:99", &host("::1", 99));
        check("[fe80::1%eth0]", &host("fe80::1%eth0", DEFAULT_PORT));
        check("udp:53", &host("udp", 53));
        check("unix:/tmp/a b", &ListenAddr::Unix("/tmp/a b".into()));
        check("unix:@a", &ListenAddr::Unix("@a".into()));
        check("fd:3", &ListenAddr::Fd(Descriptor::Number(3)));
        check(
            "fd:web",
            &ListenAddr::Fd(Descriptor::Name("web".to_owned())),
        );
        check("stdio:", &ListenAddr::Stdio);
        check("tcp://fd:7", &host("fd", 7));
        for host in ["fd", "unix", "stdio"] {
            let address: ListenAddr = host.parse().expect("a host may have this name");
            check(&address.to_string(), &address);
        }
        check("-", &ListenAddr::Stdio);
    }

    const FORMS: &str = "an address is PORT, :PORT, HOST:PORT, [V6]:PORT, the same after udp://, \
                         unix:PATH, unix:@NAME, fd:N or stdio:";

    #[test]
    fn invalid_addresses_are_explained() {
        refused("unix:@", FORMS);
        refused("", FORMS);
        refused("unix:", FORMS);
        refused("65536", "a port is a number from 0 to 65535, not '65536'");
        refused(":", "a port is a number from 0 to 65535, not 'nothing'");
        refused("host:+80", "a port is a number from 0 to 65535, not '+80'");
        refused(
            "host:http",
            "a port is a number from 0 to 65535, not 'http'",
        );
        refused("::1", "an IPv6 address needs brackets: [::1] or [::1]:PORT");
        refused("[::1", "'[::1' is neither a host name nor an IP address");
        refused("a b:80", "'a b' is neither a host name nor an IP address");
        refused(
            "http://:80",
            "unknown scheme 'http://': use tcp://, udp://, unix:, fd: or stdio:",
        );
        refused(
            "udp://stdio:",
            "udp:// needs a port or a host, not 'stdio:'",
        );
        refused(
            "udp://unix:/a",
            "udp:// needs a port or a host, not 'unix:/a'",
        );
        refused(
            "fd:65536",
            "fd: needs the number or the name of an inherited descriptor, not '65536'",
        );
        refused(
            "fd:",
            "fd: needs the number or the name of an inherited descriptor, not ''",
        );
    }

    #[test]
    fn an_address_of_a_link_needs_an_interface_that_exists() {
        let resolved = |host: &str| resolve_host(host, 7).map_err(|error| error.to_string());
        let missing = resolved("fe80::1").expect_err("it has no interface");
        assert!(missing.contains("[fe80::1%eth0]"), "{missing}");
        for zone in ["nosuch", "4294967295", "99999999999", ""] {
            let unknown = resolved(&format!("fe80::1%{zone}")).expect_err("there is none");
            assert!(
                unknown.contains(&format!("no interface '{zone}'")),
                "{unknown}"
            );
        }
        let by_name = resolved("fe80::1%lo").expect("every machine has it");
        let index = if_nametoindex("lo").expect("every machine has it");
        assert_eq!(Ok(by_name), resolved(&format!("fe80::1%{index}")));
        assert_eq!(
            resolved("::1"),
            Ok(vec!["[::1]:7".parse().expect("an address")])
        );
    }

    #[test]
    fn an_abstract_name_begins_with_an_at_sign() {
        let address = |path: &str| unix_socket_address(Path::new(path)).expect("it is short");
        assert_eq!(address("@a b").as_abstract_namespace(), Some(&b"a b"[..]));
        assert_eq!(address("./@a").as_pathname(), Some(Path::new("./@a")));
        for prefix in ["@", "/"] {
            let longest = format!("{prefix}{}", "x".repeat(MAX_UNIX_PATH - 1));
            address(&longest);
            let error =
                unix_socket_address(Path::new(&(longest + "x"))).expect_err("it is too long");
            assert!(error.to_string().contains("108 bytes"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[\\[\\]:.0-9a-z/%+ -]{0,24}") {
            if let Ok(address) = text.parse::<ListenAddr>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
