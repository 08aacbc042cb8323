//! Why a server cannot be reached.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use switchboard_core::{Family, ListenAddr, Sanitized};

use crate::cause::Cause;
use crate::connect::endpoint::Endpoint;
use crate::connect::hint;
use crate::connect::options::Source;
use crate::stop::Stopped;

/// Why a server cannot be reached. Displayed, it is one sentence that is safe to print on a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An address that cannot be connected to, or not with these options.
    #[error("cannot connect to {}: {reason}", Shown(.address))]
    NotConnectable {
        /// The address.
        address: ListenAddr,
        /// The reason.
        reason: &'static str,
    },
    /// The host has no address that can be used.
    #[error("cannot connect to {}: {cause}", Shown(.address))]
    LookUp {
        /// The address with the host.
        address: ListenAddr,
        /// The reason.
        cause: LookUpError,
    },
    /// No address of the server accepted a connection.
    #[error("cannot connect to {}: {}", Shown(.address), Attempts(.address, .attempts))]
    Unreachable {
        /// The address of the server.
        address: ListenAddr,
        /// Each of its addresses, with the reason.
        attempts: Vec<(Endpoint, AttemptError)>,
    },
    /// A signal ended the attempts.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a host has no address that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookUpError {
    /// There is no such name.
    #[error("the host name '{}' is unknown", Sanitized(.0.as_bytes()))]
    Unknown(String),
    /// No name server answered, or it had a failure. The name may exist.
    #[error(
        "the host name '{}' cannot be looked up now (the name server is silent or has a failure)",
        Sanitized(.0.as_bytes())
    )]
    Temporary(String),
    /// The look-up of the name took longer than this.
    #[error(
        "the look-up of the host name '{}' did not end within {} s",
        Sanitized(.0.as_bytes()),
        .1.as_secs_f32()
    )]
    TimedOut(String, Duration),
    /// It has no address of this family, only these.
    #[error("it has no {} address, only {}", family_name(*.0), Addresses(.1))]
    OtherFamily(Family, Vec<SocketAddr>),
    /// It has no address of the family of the source address, only these.
    #[error("it has no address that can be reached from {}, only {}", .0, Addresses(.1))]
    OtherFamilyThanSource(Source, Vec<SocketAddr>),
    /// Another failure.
    #[error("{}", Cause(.0))]
    Other(io::Error),
}

/// Why one address was not connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The attempt failed.
    #[error("{}", Cause(.0))]
    Failed(io::Error),
    /// The source address cannot be used.
    #[error("own address {}: {}", .0, explain_source(.0, .1))]
    Source(Source, io::Error),
    /// There was no answer within the time for all attempts.
    #[error("no answer within {} s", .0.as_secs_f32())]
    NoAnswer(Duration),
    /// The time for all attempts was over before this one.
    #[error("not tried within {} s", .0.as_secs_f32())]
    NotTried(Duration),
}

impl ConnectError {
    /// Advice for a common mistake that may be the reason, as a sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable {
                address: ListenAddr::Tcp(_),
                attempts,
            } => {
                let refused = attempts.iter().filter(|(_, error)| error.is_refused());
                hint::refused(refused.filter_map(|(endpoint, _)| match endpoint {
                    Endpoint::Ip(address) => Some(*address),
                    Endpoint::Unix(_) | Endpoint::Unnamed => None,
                }))
            }
            _ => None,
        }
    }
}

impl AttemptError {
    fn is_refused(&self) -> bool {
        matches!(self, Self::Failed(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

fn explain_source(source: &Source, cause: &io::Error) -> String {
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRNOTAVAIL) => {
            "no interface of this machine has it (ip address lists them)".to_owned()
        }
        Some(Errno::EADDRINUSE) => {
            let port = source.port;
            format!("port {port} is in use (ss -anp 'sport = :{port}' shows by which program)")
        }
        Some(Errno::EINVAL) => "there is no way from this address to the server".to_owned(),
        Some(Errno::EACCES) => {
            "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)".to_owned()
        }
        _ => Cause(cause).to_string(),
    }
}

fn family_name(family: Family) -> &'static str {
    if family == Family::V4 { "IPv4" } else { "IPv6" }
}

/// An address as the user gave it. It may contain any bytes.
struct Shown<'a>(&'a ListenAddr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Sanitized(self.0.to_string().as_bytes()).fmt(f)
    }
}

/// IP addresses without their ports.
pub(super) struct Addresses<'a>(pub(super) &'a [SocketAddr]);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.0.iter().map(|address| address.ip().to_string());
        f.write_str(&addresses.collect::<Vec<_>>().join(", "))
    }
}

/// The failed attempts at this address, those with the same cause together.
struct Attempts<'a>(&'a ListenAddr, &'a [(Endpoint, AttemptError)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address, attempts) = self;
        let address = address.to_string();
        let mut groups: Vec<(String, &AttemptError, Vec<String>)> = Vec::new();
        for (endpoint, error) in *attempts {
            let (cause, endpoint) = (error.to_string(), endpoint.to_string());
            match groups.iter_mut().find(|(of_group, ..)| *of_group == cause) {
                Some((.., endpoints)) => endpoints.push(endpoint),
                None => groups.push((cause, error, vec![endpoint])),
            }
        }
        let sentences = groups.into_iter().map(|(cause, error, endpoints)| {
            let endpoints = endpoints.join(" and ");
            match error {
                error if error.is_refused() => format!("{cause}, nothing listens on {endpoints}"),
                AttemptError::Source(..) => cause, // the same for every address of the server
                _ if attempts.len() == 1 && address.ends_with(&endpoints) => cause,
                _ => format!("{endpoints}: {cause}"),
            }
        });
        f.write_str(&sentences.collect::<Vec<_>>().join("; "))
    }
}
