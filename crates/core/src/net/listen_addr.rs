//! Words that say where to listen.

use std::fmt;
use std::net::SocketAddr;
use std::num::IntErrorKind;
use std::path::PathBuf;
use std::str::FromStr;

/// The port where nothing else is said.
pub const DEFAULT_PORT: u16 = 1212;

/// Where to listen: `PORT`, `:PORT`, `HOST:PORT`, `[V6]:PORT`, each also after `tcp://` or `udp://`;
/// `unix:PATH`, `fd:N`, `fd:NAME` or `stdio:`, which is `-` too.
///
/// Without a port it is [`DEFAULT_PORT`]; port 0 asks the system for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// Over TCP.
    Tcp(HostPort),
    /// Over UDP.
    Udp(HostPort),
    /// A Unix socket.
    Unix(PathBuf),
    /// A socket that whoever started this process left open for it: one that listens, one for
    /// datagrams, or one with a peer.
    Fd(Descriptor),
    /// Standard input and output: one peer, or whatever socket stands there.
    Stdio,
}

/// A place in the Internet protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPort {
    /// A bare port: this machine alone, over IPv4 and IPv6.
    Loopback(u16),
    /// `:PORT`: every address of this machine, over IPv4 and IPv6.
    Everywhere(u16),
    /// A name or an address; a name means all its addresses.
    Host(String, u16),
}

/// A descriptor that was left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// By its number.
    Number(u16),
    /// By its name in `LISTEN_FDNAMES` (sd_listen_fds_with_names(3)).
    Name(String),
}

/// Why words do not say where to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseListenAddrError {
    /// Nothing was said.
    #[error("an address is PORT, :PORT, HOST:PORT, [V6]:PORT, unix:PATH, fd:N or stdio:")]
    Empty,
    /// The port is no number from 0 to 65535.
    #[error("a port is a number from 0 to 65535, not '{0}'")]
    Port(String),
    /// An IPv6 address runs into its port.
    #[error("an IPv6 address goes into brackets: [{0}] or [{0}]:PORT")]
    Brackets(String),
    /// Not a host's name, nor an address.
    #[error("'{0}' is neither a name nor an address")]
    Host(String),
    /// Neither a descriptor's number nor a name for one.
    #[error("fd: is followed by the number or the name of an open descriptor, not by '{0}'")]
    Descriptor(String),
    /// Some other kind of address.
    #[error(
        "'{0}://' is not known here: addresses begin with tcp://, udp://, unix:, fd: or stdio:"
    )]
    Scheme(String),
}

impl Default for ListenAddr {
    fn default() -> Self {
        Self::Tcp(HostPort::Loopback(DEFAULT_PORT))
    }
}

impl ListenAddr {
    /// The port, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(place) | Self::Udp(place) => Some(place.port()),
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

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self::Host(address.ip().to_string(), address.port())
    }
}

impl FromStr for ListenAddr {
    type Err = ParseListenAddrError;

    fn from_str(words: &str) -> Result<Self, ParseListenAddrError> {
        if words == "stdio:" || words == "-" {
            return Ok(Self::Stdio);
        }
        if let Some(descriptor) = words.strip_prefix("fd:") {
            return descriptor.parse().map(Self::Fd);
        }
        if let Some(path) = words.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.as_os_str().is_empty() {
                Err(ParseListenAddrError::Empty)
            } else {
                Ok(Self::Unix(path))
            };
        }
        match words.split_once("://") {
            None => words.parse().map(Self::Tcp),
            Some(("tcp", place)) => place.parse().map(Self::Tcp),
            Some(("udp", place)) => place.parse().map(Self::Udp),
            Some((scheme, _)) => Err(ParseListenAddrError::Scheme(scheme.to_owned())),
        }
    }
}

impl FromStr for HostPort {
    type Err = ParseListenAddrError;

    fn from_str(words: &str) -> Result<Self, ParseListenAddrError> {
        if words.is_empty() {
            return Err(ParseListenAddrError::Empty);
        }
        if words.starts_with(|first: char| first.is_ascii_digit()) && !words.contains(['.', ':']) {
            return Ok(Self::Loopback(port(words)?));
        }
        if let Some(bracketed) = words.strip_prefix('[') {
            let (host, rest) = bracketed
                .split_once(']')
                .ok_or_else(|| ParseListenAddrError::Host(words.to_owned()))?;
            let port = match rest.strip_prefix(':') {
                Some(digits) => port(digits)?,
                None if rest.is_empty() => DEFAULT_PORT,
                None => return Err(ParseListenAddrError::Host(words.to_owned())),
            };
            return Ok(Self::Host(host_name(host, true)?, port));
        }
        match words.split_once(':') {
            None => Ok(Self::Host(host_name(words, false)?, DEFAULT_PORT)),
            Some(("", digits)) if !digits.contains(':') => Ok(Self::Everywhere(port(digits)?)),
            Some((_, rest)) if rest.contains(':') => {
                Err(ParseListenAddrError::Brackets(words.to_owned()))
            }
            Some((host, digits)) => Ok(Self::Host(host_name(host, false)?, port(digits)?)),
        }
    }
}

impl FromStr for Descriptor {
    type Err = ParseListenAddrError;

    fn from_str(words: &str) -> Result<Self, ParseListenAddrError> {
        let refused = || ParseListenAddrError::Descriptor(words.to_owned());
        if words.starts_with(|first: char| first.is_ascii_digit()) {
            return words.parse().map(Self::Number).map_err(|_| refused());
        }
        // What sd_listen_fds_with_names(3) allows in a name.
        let fits = |c: char| c.is_ascii_graphic() && c != ':';
        if words.is_empty() || 255 < words.len() || !words.chars().all(fits) {
            return Err(refused());
        }
        Ok(Self::Name(words.to_owned()))
    }
}

fn port(digits: &str) -> Result<u16, ParseListenAddrError> {
    let no_sign = !digits.starts_with('+');
    match digits.parse::<u16>() {
        Ok(port) if no_sign => Ok(port),
        Err(error) if *error.kind() == IntErrorKind::Empty => {
            Err(ParseListenAddrError::Port("nothing".to_owned()))
        }
        _ => Err(ParseListenAddrError::Port(digits.to_owned())),
    }
}

/// A name as the resolver may be asked for, or an address; only within brackets may it have colons.
fn host_name(host: &str, bracketed: bool) -> Result<String, ParseListenAddrError> {
    let letters =
        |c: char| c.is_alphanumeric() || ".-_".contains(c) || (bracketed && ":%".contains(c));
    if host.is_empty() || !host.chars().all(letters) || (bracketed && !host.contains(':')) {
        return Err(ParseListenAddrError::Host(host.to_owned()));
    }
    Ok(host.to_owned())
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Hosts of these names would be taken for what they name elsewhere.
            Self::Tcp(place @ HostPort::Host(host, _))
                if ["fd", "unix", "stdio"].contains(&&**host) =>
            {
                write!(f, "tcp://{place}")
            }
            Self::Tcp(place) => place.fmt(f),
            Self::Udp(place) => write!(f, "udp://{place}"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(words: &str, listen: &ListenAddr) {
        assert_eq!(words.parse().as_ref(), Ok(listen));
    }

    #[track_caller]
    fn refused(words: &str, why: &str) {
        assert_eq!(
            words
                .parse::<ListenAddr>()
                .map_err(|error| error.to_string()),
            Err(why.to_owned())
        );
    }

    fn host(name: &str, port: u16) -> ListenAddr {
        ListenAddr::Tcp(HostPort::Host(name.to_owned(), port))
    }

    #[test]
    fn addresses_are_read() {
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
        check("fd:3", &ListenAddr::Fd(Descriptor::Number(3)));
        check(
            "fd:web",
            &ListenAddr::Fd(Descriptor::Name("web".to_owned())),
        );
        check("stdio:", &ListenAddr::Stdio);
        check("tcp://fd:7", &host("fd", 7));
        for host in ["fd", "unix", "stdio"] {
            let listen: ListenAddr = host.parse().expect("a host may be called so");
            check(&listen.to_string(), &listen);
        }
        check("-", &ListenAddr::Stdio);
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        refused(
            "",
            "an address is PORT, :PORT, HOST:PORT, [V6]:PORT, unix:PATH, fd:N or stdio:",
        );
        refused(
            "unix:",
            "an address is PORT, :PORT, HOST:PORT, [V6]:PORT, unix:PATH, fd:N or stdio:",
        );
        refused("65536", "a port is a number from 0 to 65535, not '65536'");
        refused(":", "a port is a number from 0 to 65535, not 'nothing'");
        refused("host:+80", "a port is a number from 0 to 65535, not '+80'");
        refused(
            "host:http",
            "a port is a number from 0 to 65535, not 'http'",
        );
        refused(
            "::1",
            "an IPv6 address goes into brackets: [::1] or [::1]:PORT",
        );
        refused("[::1", "'[::1' is neither a name nor an address");
        refused("a b:80", "'a b' is neither a name nor an address");
        refused(
            "http://:80",
            "'http://' is not known here: addresses begin with tcp://, udp://, unix:, fd: or stdio:",
        );
        refused(
            "fd:65536",
            "fd: is followed by the number or the name of an open descriptor, not by '65536'",
        );
        refused(
            "fd:",
            "fd: is followed by the number or the name of an open descriptor, not by ''",
        );
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(words in "[\\[\\]:.0-9a-z/%+ -]{0,24}") {
            if let Ok(listen) = words.parse::<ListenAddr>() {
                prop_assert_eq!(listen.to_string().parse(), Ok(listen));
            }
        }
    }
}
