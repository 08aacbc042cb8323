//! How to connect.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use switchboard_core::{Family, HostPort};

/// How to connect.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Use only addresses of this family.
    pub family: Option<Family>,
    /// Connect from this address.
    pub source: Option<Source>,
    /// The time for all attempts together, with the look-up of the name. Without it, the system
    /// decides for each attempt (about two minutes).
    pub timeout: Option<Duration>,
}

/// The source address of a connection. Displayed as `IP`, `:PORT` or `IP:PORT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The address; `None` lets the system choose.
    pub ip: Option<IpAddr>,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl ConnectOptions {
    /// Any address, with this time limit.
    #[must_use]
    pub fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            ..Self::default()
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (Some(ip), 0) => ip.fmt(f),
            (Some(ip), port) => HostPort::from(SocketAddr::new(ip, port)).fmt(f),
            (None, port) => write!(f, ":{port}"),
        }
    }
}
