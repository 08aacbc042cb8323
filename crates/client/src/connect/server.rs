//! Resolves the address of a server.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use switchboard_core::{HostPort, ListenAddr, resolve_host};

use crate::connect::error::ConnectError;

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    address: ListenAddr,
    endpoint: Endpoint,
}

/// Where a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Over TCP, at the first of these addresses that accepts.
    Tcp(Vec<SocketAddr>),
    /// Over UDP, at the first of these addresses that answers.
    Udp(Vec<SocketAddr>),
    /// Over a Unix socket.
    Unix(PathBuf),
}

impl Server {
    /// Resolves an address. A host name yields all its addresses, and a port without a host those of
    /// loopback.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NotConnectable`] for an address that can only be listened on, and
    /// [`ConnectError::Unreachable`] if the host name cannot be resolved.
    pub fn resolve(address: &ListenAddr) -> Result<Self, ConnectError> {
        let unreachable = |cause| ConnectError::Unreachable {
            address: address.to_string(),
            cause,
        };
        let endpoint = match address {
            ListenAddr::Tcp(host) => Endpoint::Tcp(addresses(host).map_err(unreachable)?),
            ListenAddr::Udp(host) => Endpoint::Udp(addresses(host).map_err(unreachable)?),
            ListenAddr::Unix(path) => Endpoint::Unix(path.clone()),
            _ => return Err(ConnectError::NotConnectable(address.clone())),
        };
        let address = address.clone();
        Ok(Self { address, endpoint })
    }

    /// Where it is reached.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The address before it was resolved.
    #[must_use]
    pub fn address(&self) -> &ListenAddr {
        &self.address
    }
}

fn addresses(host: &HostPort) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = match host {
        HostPort::Loopback(port) | HostPort::Everywhere(port) => vec![
            (Ipv4Addr::LOCALHOST, *port).into(),
            (Ipv6Addr::LOCALHOST, *port).into(),
        ],
        HostPort::Host(name, port) => resolve_host(name, *port)?,
    };
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::other("the host name has no address"));
    }
    if addresses.iter().any(|address| address.port() == 0) {
        return Err(io::Error::other("port 0 cannot be connected to"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let address: ListenAddr = text.parse().expect("it is an address");
        let found = match Server::resolve(&address).map(|server| server.endpoint) {
            Ok(Endpoint::Tcp(addresses)) => addresses,
            Ok(Endpoint::Udp(addresses)) => addresses,
            other => panic!("{other:?}"),
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn addresses_are_resolved() {
        check("1212", &["127.0.0.1:1212", "[::1]:1212"]);
        check(":7", &["127.0.0.1:7", "[::1]:7"]);
        check("[::1]:7", &["[::1]:7"]);
        check("udp://192.0.2.1:69", &["192.0.2.1:69"]);
    }

    #[test]
    fn not_every_address_can_be_connected_to() {
        for text in ["fd:3", "stdio:", "0"] {
            let address: ListenAddr = text.parse().expect("it can be listened on");
            assert!(Server::resolve(&address).is_err(), "{text}");
        }
        let unix = Server::resolve(&ListenAddr::Unix("a".into())).expect("a path");
        assert_eq!(*unix.endpoint(), Endpoint::Unix("a".into()));
    }
}
