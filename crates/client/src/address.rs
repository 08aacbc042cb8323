//! From words to the addresses that are called, one after the other.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use switchboard_core::{HostPort, ListenAddr};

use crate::error::Error;

/// A server that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    place: ListenAddr,
    way: Way,
}

/// How a server is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over TCP, at the first of these that answers.
    Tcp(Vec<SocketAddr>),
    /// Over UDP, likewise.
    Udp(Vec<SocketAddr>),
    /// By a Unix socket.
    Unix(PathBuf),
}

impl Server {
    /// Finds the addresses of a place; a name has all that it is resolved to. A port without a host
    /// is one of this machine.
    ///
    /// # Errors
    ///
    /// [`Error::Uncallable`] if nobody can be called there, [`Error::Unreachable`] if a name means
    /// nothing.
    pub fn find(place: &ListenAddr) -> Result<Self, Error> {
        let unreachable = |cause| Error::Unreachable {
            place: place.to_string(),
            cause,
        };
        let way = match place {
            ListenAddr::Tcp(at) => Way::Tcp(addresses(at).map_err(unreachable)?),
            ListenAddr::Udp(at) => Way::Udp(addresses(at).map_err(unreachable)?),
            ListenAddr::Unix(path) => Way::Unix(path.clone()),
            ListenAddr::Fd(_) | ListenAddr::Stdio => return Err(Error::Uncallable(place.clone())),
        };
        let place = place.clone();
        Ok(Self { place, way })
    }

    /// How it is called.
    #[must_use]
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// What it was called in words.
    #[must_use]
    pub fn place(&self) -> &ListenAddr {
        &self.place
    }
}

fn addresses(place: &HostPort) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = match place {
        HostPort::Loopback(port) | HostPort::Everywhere(port) => vec![
            (Ipv4Addr::LOCALHOST, *port).into(),
            (Ipv6Addr::LOCALHOST, *port).into(),
        ],
        HostPort::Host(host, port) => (host.as_str(), *port).to_socket_addrs()?.collect(),
    };
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    if addresses.iter().any(|address| address.port() == 0) {
        return Err(io::Error::other("nobody listens on port 0"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: &[&str]) {
        let place: ListenAddr = words.parse().expect("it is an address");
        let found = match Server::find(&place).map(|server| server.way) {
            Ok(Way::Tcp(addresses)) => addresses,
            Ok(Way::Udp(addresses)) => addresses,
            other => panic!("{other:?}"),
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn places_have_addresses() {
        check("1212", &["127.0.0.1:1212", "[::1]:1212"]);
        check(":7", &["127.0.0.1:7", "[::1]:7"]);
        check("[::1]:7", &["[::1]:7"]);
        check("udp://192.0.2.1:69", &["192.0.2.1:69"]);
    }

    #[test]
    fn not_every_place_can_be_called() {
        for words in ["fd:3", "stdio:", "0"] {
            let place: ListenAddr = words.parse().expect("it can be listened on");
            assert!(Server::find(&place).is_err(), "{words}");
        }
        let unix = Server::find(&ListenAddr::Unix("a".into())).expect("a path");
        assert_eq!(*unix.way(), Way::Unix("a".into()));
    }
}
