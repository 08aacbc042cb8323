//! The remote end of a connection.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sanitize::Sanitized;

/// The remote end of a session: its address and transport, and the listener where it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the peer.
    pub remote: Address,
    /// The address of this machine that the peer uses.
    pub local: Address,
    /// How its messages are transported.
    pub transport: Transport,
    /// The index of the listen address where it arrived, in the order given to
    /// [`Listener::bind`](crate::Listener::bind).
    pub listener: usize,
    /// Whether its address is in a network that the operator trusts
    /// ([`BindOptions::trusted_networks`](crate::BindOptions::trusted_networks)). Known for UDP only.
    pub is_in_trusted_network: bool,
}

/// How messages are transported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// A reliable stream of bytes: TCP, Unix sockets, pipes.
    Stream,
    /// Datagrams, each one message, which may be lost: UDP.
    Datagram,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and port. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is stored and shown
    /// as IPv4.
    Ip(SocketAddr),
    /// A Unix socket: its path, or `@` and the name of an abstract one. Sockets of clients usually have
    /// neither.
    Unix(Option<PathBuf>),
    /// Standard input and output.
    Stdio,
}

/// What counts as one host for limits per host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// An IPv4 address, or the /64 of an IPv6 address, because one host usually has all of it. A
    /// link-local or loopback IPv6 address is one host.
    Ip(IpAddr),
    /// This machine, by a Unix socket or standard input.
    Local,
}

impl Peer {
    /// A peer at `remote` that uses `local`, at the first listen address.
    #[must_use]
    pub fn new(remote: Address, local: Address, transport: Transport) -> Self {
        Self {
            remote,
            local,
            transport,
            listener: 0,
            is_in_trusted_network: false,
        }
    }

    /// The same peer at the listen address of this index.
    #[must_use]
    pub fn at_listener(self, listener: usize) -> Self {
        Self { listener, ..self }
    }

    /// The same peer, if `is_trusted` in a network that the operator trusts.
    #[must_use]
    pub fn in_trusted_network(self, is_trusted: bool) -> Self {
        Self {
            is_in_trusted_network: is_trusted,
            ..self
        }
    }

    /// The peer at standard input and output.
    #[must_use]
    pub fn stdio() -> Self {
        Self::new(Address::Stdio, Address::Stdio, Transport::Stream)
    }
}

impl Address {
    /// The host that this address belongs to.
    #[must_use]
    pub fn host(&self) -> Host {
        match self {
            Self::Unix(_) | Self::Stdio => Host::Local,
            Self::Ip(address) => Host::Ip(match address.ip().to_canonical() {
                IpAddr::V6(ip) if !ip.is_loopback() && !ip.is_unicast_link_local() => {
                    Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()
                }
                ip => ip,
            }),
        }
    }
}

/// IPv4-mapped addresses become IPv4.
impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(match address.ip().to_canonical() {
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
            IpAddr::V6(_) => address, // with its scope
        })
    }
}

impl From<&socket2::SockAddr> for Address {
    fn from(address: &socket2::SockAddr) -> Self {
        match address.as_socket() {
            Some(ip) => ip.into(),
            None => Self::Unix(match address.as_abstract_namespace() {
                Some(name) => Some(OsStr::from_bytes(&[b"@", name].concat()).into()),
                None => address.as_pathname().map(Path::to_path_buf),
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Stdio => f.write_str("stdio:"),
            Self::Unix(None) => f.write_str("unix:"),
            // A client chooses the path of its socket, so it is sanitized like its messages.
            Self::Unix(Some(path)) => {
                write!(f, "unix:{}", Sanitized(path.as_os_str().as_encoded_bytes()))
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Address::Unix(None) => self.local.fmt(f), // nothing else identifies it
            remote => remote.fmt(f),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) if ip.segments()[4..] == [0; 4] => write!(f, "{ip}/64"),
            Self::Ip(IpAddr::V6(ip)) => ip.fmt(f),
            Self::Local => f.write_str("this machine"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, shown: &str, host: &str) {
        let address = Address::from(address.parse::<SocketAddr>().expect("an address"));
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.host().to_string(), host);
    }

    #[test]
    fn ipv4_is_shown_and_counted_as_ipv4() {
        check("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1");
        check("[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1");
        check("[2001:db8::1]:80", "[2001:db8::1]:80", "2001:db8::/64");
        check("[fe80::1%3]:80", "[fe80::1%3]:80", "fe80::1");
        check("[::1]:80", "[::1]:80", "::1");
        assert_eq!(Address::Unix(None).host().to_string(), "this machine");
    }

    #[test]
    fn a_path_cannot_forge_a_log_line() {
        let address = Address::Unix(Some("/tmp/a\nb".into()));
        assert_eq!(address.to_string(), "unix:/tmp/a\\nb");
    }
}
