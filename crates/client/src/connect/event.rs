//! What happens while a client connects.

use std::fmt;
use std::net::SocketAddr;

use switchboard_core::Sanitized;

use crate::connect::endpoint::Endpoint;
use crate::connect::error::{Addresses, AttemptError};

/// What happens while a client connects. Displayed, it is a sentence that is safe to print on a
/// terminal.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectEvent<'a> {
    /// The look-up of this name starts.
    LookUp(&'a str),
    /// The look-up of this name found these addresses, in the order of preference.
    Found(&'a str, &'a [SocketAddr]),
    /// An attempt to connect to this address starts.
    Attempt(&'a Endpoint),
    /// An attempt failed.
    Failed(&'a Endpoint, &'a AttemptError),
    /// An attempt succeeded. For datagrams, this says nothing about the peer.
    Connected {
        /// The address of the peer.
        peer: &'a Endpoint,
        /// The local address.
        local: &'a Endpoint,
    },
}

impl fmt::Display for ConnectEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUp(name) => write!(f, "looking up {}", Sanitized(name.as_bytes())),
            Self::Found(name, addresses) => {
                let name = Sanitized(name.as_bytes());
                write!(f, "{name} is {}", Addresses(addresses))
            }
            Self::Attempt(peer) => write!(f, "connecting to {peer}"),
            Self::Failed(peer, error) => write!(f, "{peer}: {error}"),
            Self::Connected { peer, local } if **local == Endpoint::Unnamed => {
                write!(f, "connected to {peer}")
            }
            Self::Connected { peer, local } => write!(f, "connected to {peer} from {local}"),
        }
    }
}
