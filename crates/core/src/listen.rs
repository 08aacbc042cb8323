//! Words that say where to listen.

use std::fmt;
use std::net::SocketAddr;
use std::num::IntErrorKind;
use std::path::PathBuf;
use std::str::FromStr;

/// The port where nothing else is said.
pub const DEFAULT_PORT: u16 = 1212;

/// Where to listen: `PORT`, `:PORT`, `HOST:PORT`, `[V6]:PORT`, each also after `tcp://`, or
/// `unix:PATH`.
///
/// Without a port it is [`DEFAULT_PORT`]; port 0 asks the system for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A bare port: this machine alone, over IPv4 and IPv6.
    Loopback(u16),
    /// `:PORT`: every address of this machine, over IPv4 and IPv6.
    Everywhere(u16),
    /// A name or an address; a name means all its addresses.
    Host(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why words do not say where to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Nothing was said.
    #[error("an address is PORT, :PORT, HOST:PORT, [V6]:PORT or unix:PATH")]
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
    /// Some other kind of address.
    #[error("'{0}://' is not known here: addresses begin with tcp:// or unix:")]
    Scheme(String),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Loopback(DEFAULT_PORT)
    }
}

impl Listen {
    /// The port, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Loopback(port) | Self::Everywhere(port) | Self::Host(_, port) => Some(*port),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Host(address.ip().to_string(), address.port())
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(words: &str) -> Result<Self, ListenError> {
        if let Some(path) = words.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.as_os_str().is_empty() {
                Err(ListenError::Empty)
            } else {
                Ok(Self::Unix(path))
            };
        }
        let words = match words.split_once("://") {
            None => words,
            Some(("tcp", address)) => address,
            Some((scheme, _)) => return Err(ListenError::Scheme(scheme.to_owned())),
        };
        if words.is_empty() {
            return Err(ListenError::Empty);
        }
        if words.starts_with(|first: char| first.is_ascii_digit()) && !words.contains(['.', ':']) {
            return Ok(Self::Loopback(port(words)?));
        }
        if let Some(bracketed) = words.strip_prefix('[') {
            let (host, rest) = bracketed
                .split_once(']')
                .ok_or_else(|| ListenError::Host(words.to_owned()))?;
            let port = match rest.strip_prefix(':') {
                Some(digits) => port(digits)?,
                None if rest.is_empty() => DEFAULT_PORT,
                None => return Err(ListenError::Host(words.to_owned())),
            };
            return Ok(Self::Host(host_name(host, true)?, port));
        }
        match words.split_once(':') {
            None => Ok(Self::Host(host_name(words, false)?, DEFAULT_PORT)),
            Some(("", digits)) if !digits.contains(':') => Ok(Self::Everywhere(port(digits)?)),
            Some((_, rest)) if rest.contains(':') => Err(ListenError::Brackets(words.to_owned())),
            Some((host, digits)) => Ok(Self::Host(host_name(host, false)?, port(digits)?)),
        }
    }
}

fn port(digits: &str) -> Result<u16, ListenError> {
    let no_sign = !digits.starts_with('+');
    match digits.parse::<u16>() {
        Ok(port) if no_sign => Ok(port),
        Err(error) if *error.kind() == IntErrorKind::Empty => {
            Err(ListenError::Port("nothing".to_owned()))
        }
        _ => Err(ListenError::Port(digits.to_owned())),
    }
}

/// A name as the resolver may be asked for, or an address; only within brackets may it have colons.
fn host_name(host: &str, bracketed: bool) -> Result<String, ListenError> {
    let letters =
        |c: char| c.is_alphanumeric() || ".-_".contains(c) || (bracketed && ":%".contains(c));
    if host.is_empty() || !host.chars().all(letters) || (bracketed && !host.contains(':')) {
        return Err(ListenError::Host(host.to_owned()));
    }
    Ok(host.to_owned())
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(port) => write!(f, "{port}"),
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(words: &str, listen: &Listen) {
        assert_eq!(words.parse().as_ref(), Ok(listen));
    }

    #[track_caller]
    fn refused(words: &str, why: &str) {
        assert_eq!(
            words.parse::<Listen>().map_err(|error| error.to_string()),
            Err(why.to_owned())
        );
    }

    fn host(name: &str, port: u16) -> Listen {
        Listen::Host(name.to_owned(), port)
    }

    #[test]
    fn addresses_are_read() {
        check("1212", &Listen::Loopback(1212));
        check("0", &Listen::Loopback(0));
        check(":1212", &Listen::Everywhere(1212));
        check("tcp://:80", &Listen::Everywhere(80));
        check("tcp://1213", &Listen::Loopback(1213));
        check("127.0.0.1:7", &host("127.0.0.1", 7));
        check("127.0.0.1", &host("127.0.0.1", DEFAULT_PORT));
        check("localhost", &host("localhost", DEFAULT_PORT));
        check("example.org:99", &host("example.org", 99));
        check("3com.example:99", &host("3com.example", 99));
        check("[::1]:99", &host("::1", 99));
        check("[fe80::1%eth0]", &host("fe80::1%eth0", DEFAULT_PORT));
        check("udp:53", &host("udp", 53));
        check("unix:/tmp/a b", &Listen::Unix("/tmp/a b".into()));
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        refused(
            "",
            "an address is PORT, :PORT, HOST:PORT, [V6]:PORT or unix:PATH",
        );
        refused(
            "unix:",
            "an address is PORT, :PORT, HOST:PORT, [V6]:PORT or unix:PATH",
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
            "'http://' is not known here: addresses begin with tcp:// or unix:",
        );
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(words in "[\\[\\]:.0-9a-z/%+ -]{0,24}") {
            if let Ok(listen) = words.parse::<Listen>() {
                prop_assert_eq!(listen.to_string().parse(), Ok(listen));
            }
        }
    }
}
