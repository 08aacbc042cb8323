//! One end of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use switchboard_core::{HostPort, Sanitized};

/// One end of a connection. Displayed, it is safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and port. An interface (`fe80::1%eth0`) is displayed by its name.
    Ip(SocketAddr),
    /// A Unix socket: its path, or `@` and the name of an abstract one.
    Unix(PathBuf),
    /// A Unix socket without a name, as clients have.
    Unnamed,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => HostPort::from(*address).fmt(f),
            Self::Unix(path) => {
                write!(f, "unix:{}", Sanitized(path.as_os_str().as_encoded_bytes()))
            }
            Self::Unnamed => f.write_str("unix:"),
        }
    }
}
