//! Who is at the other end.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sanitize::Sanitized;

/// Who is at the other end of a conversation, and where it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where the peer speaks from.
    pub remote: Address,
    /// Where it was heard.
    pub local: Address,
    /// How what is said travels.
    pub transport: Transport,
    /// At which of the places where the server listens it arrived, from 0 on in the order in which
    /// they were [asked for](crate::Listener::bind).
    pub place: usize,
}

/// How what is said travels between the ends of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// As bytes in order, all of them: TCP, Unix sockets, pipes.
    Stream,
    /// As datagrams, each a whole message; some may be lost: UDP.
    Datagram,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An Internet address. IPv4 over an IPv6 socket (`::ffff:192.0.2.1`) is held and shown as
    /// IPv4.
    Ip(SocketAddr),
    /// A Unix socket; most clients' have no path.
    Unix(Option<PathBuf>),
    /// Standard input and output.
    Stdio,
}

/// What counts as one host where a limit is per host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IPv4 address, or the /64 of an IPv6 one, since one host has all of it. An IPv6 address
    /// that means something on its own link only, or on this machine, stands for itself.
    Ip(IpAddr),
    /// This machine, not over the Internet protocols.
    Local,
}

impl Peer {
    /// A peer that speaks from `remote` and is heard at `local`, the first place.
    #[must_use]
    pub fn new(remote: Address, local: Address, transport: Transport) -> Self {
        Self {
            remote,
            local,
            transport,
            place: 0,
        }
    }

    /// The same peer, heard at another place.
    #[must_use]
    pub fn at(self, place: usize) -> Self {
        Self { place, ..self }
    }

    /// Whoever is at standard input and output.
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

/// IPv4 wherever it really is.
impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(match address.ip().to_canonical() {
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
            IpAddr::V6(_) => address, // kept whole, with its scope
        })
    }
}

impl From<&socket2::SockAddr> for Address {
    fn from(address: &socket2::SockAddr) -> Self {
        match address.as_socket() {
            Some(ip) => ip.into(),
            None => Self::Unix(address.as_pathname().map(Path::to_path_buf)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Stdio => f.write_str("stdio:"),
            Self::Unix(None) => f.write_str("unix:"),
            // A client chooses the path that its socket has, so it is cleaned like anything else it
            // says.
            Self::Unix(Some(path)) => {
                write!(f, "unix:{}", Sanitized(path.as_os_str().as_encoded_bytes()))
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Address::Unix(None) => self.local.fmt(f), // all there is to tell it by
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
