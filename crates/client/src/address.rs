//! From words to the addresses that are called, one after the other.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use switchboard_core::{HostPort, ListenAddr};

use crate::error::Error;

/// A server that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    address: ListenAddr,
    endpoint: Endpoint,
}

/// How a server is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
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
    /// [`Error::NotConnectable`] if nobody can be called there, [`Error::Unreachable`] if a name means
    /// nothing.
    pub fn resolve(place: &ListenAddr) -> Result<Self, Error> {
        let unreachable = |cause| Error::Unreachable {
            place: place.to_string(),
            cause,
        };
        let endpoint = match place {
            ListenAddr::Tcp(at) => Endpoint::Tcp(addresses(at).map_err(unreachable)?),
            ListenAddr::Udp(at) => Endpoint::Udp(addresses(at).map_err(unreachable)?),
            ListenAddr::Unix(path) => Endpoint::Unix(path.clone()),
            ListenAddr::Fd(_) | ListenAddr::Stdio => {
                return Err(Error::NotConnectable(place.clone()));
            }
        };
        let address = place.clone();
        Ok(Self { address, endpoint })
    }

    /// How it is called.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it was called in words.
    #[must_use]
    pub fn address(&self) -> &ListenAddr {
        &self.address
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
        let found = match Server::resolve(&place).map(|server| server.endpoint) {
            Ok(Endpoint::Tcp(addresses)) => addresses,
            Ok(Endpoint::Udp(addresses)) => addresses,
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
            assert!(Server::resolve(&place).is_err(), "{words}");
        }
        let unix = Server::resolve(&ListenAddr::Unix("a".into())).expect("a path");
        assert_eq!(*unix.endpoint(), Endpoint::Unix("a".into()));
    }
}
