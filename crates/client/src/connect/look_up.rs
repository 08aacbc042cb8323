//! The IP addresses of a host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use nix::poll::PollFlags;
use switchboard_core::{HostPort, resolve_host};

use crate::connect::error::LookUpError;
use crate::stop::{Stop, Stopped};
use crate::wait::{WaitError, wait_any};

/// Why a look-up ended without a result.
pub(super) enum Failed {
    /// The look-up itself failed.
    LookUp(LookUpError),
    /// The deadline has passed.
    TimedOut,
    /// A signal arrived.
    Stopped(Stopped),
}

/// The name to look up, if the host is not an address.
pub(super) fn name_of(host: &HostPort) -> Option<&str> {
    match host {
        HostPort::Host(name, _) => {
            let ip = name.split_once('%').map_or(&**name, |(ip, _)| ip);
            ip.parse::<IpAddr>().is_err().then_some(name)
        }
        HostPort::Loopback(_) | HostPort::Everywhere(_) => None,
    }
}

/// The addresses of a host, in the order of preference. A port without a host has those of loopback.
///
/// Names are looked up in a thread, because getaddrinfo(3) may block for long. After a deadline or a
/// signal, the thread goes on until getaddrinfo gives up.
pub(super) fn addresses(
    host: &HostPort,
    deadline: Option<Instant>,
    stop: Option<&Stop>,
) -> Result<Vec<SocketAddr>, Failed> {
    let port = host.port();
    let addresses = match (host, name_of(host)) {
        (_, Some(name)) => look_up(name, port, deadline, stop)?,
        (HostPort::Host(ip, _), None) => {
            resolve_host(ip, port).map_err(|error| Failed::LookUp(LookUpError::Other(error)))?
        }
        (HostPort::Loopback(_) | HostPort::Everywhere(_), None) => vec![
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ],
    };
    let canonical = addresses
        .into_iter()
        .map(|address| match address.ip().to_canonical() {
            // `::ffff:192.0.2.1` is another notation of an IPv4 address.
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, port),
            IpAddr::V6(_) => address, // with its scope
        });
    Ok(canonical.collect())
}

fn look_up(
    name: &str,
    port: u16,
    deadline: Option<Instant>,
    stop: Option<&Stop>,
) -> Result<Vec<SocketAddr>, Failed> {
    let other = |error| Failed::LookUp(LookUpError::Other(error));
    let (sender, receiver) = mpsc::channel();
    let (done, running) = io::pipe().map_err(other)?;
    let owned = name.to_owned();
    let look_up = move || {
        // The receiver no longer exists after a deadline or a signal.
        sender.send(resolve(&owned, port)).ok();
        drop(running); // makes the other end readable
    };
    let thread = thread::Builder::new().name("look-up".to_owned());
    thread.spawn(look_up).map_err(other)?;
    match wait_any(&[(done.as_fd(), PollFlags::POLLIN)], deadline, stop) {
        Err(WaitError::Stopped(stopped)) => return Err(Failed::Stopped(stopped)),
        Err(WaitError::Io(error)) => return Err(other(error)),
        Ok(events) if events[0].is_empty() => return Err(Failed::TimedOut),
        Ok(_) => (),
    }
    match receiver.try_recv() {
        Ok(found) => found.map_err(Failed::LookUp),
        Err(_) => Err(other(io::Error::other("the look-up failed"))), // the thread panicked
    }
}

fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, LookUpError> {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(), // otherwise each address is returned once per type
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => LookUpError::Unknown(name.to_owned()),
        LookupErrorKind::Again | LookupErrorKind::Fail => LookUpError::Temporary(name.to_owned()),
        _ => LookUpError::Other(error.into()),
    })?;
    let addresses = found.map(|found| {
        let mut address = found?.sockaddr;
        address.set_port(port);
        Ok(address)
    });
    let addresses: io::Result<Vec<_>> = addresses.collect();
    addresses.map_err(LookUpError::Other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(host: &str, expected: &[&str]) {
        let host: HostPort = host.parse().expect("it is a host");
        let found = match addresses(&host, None, None) {
            Ok(found) => found,
            Err(_) => panic!("{host} has addresses"),
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
        assert_eq!(name_of(&host), None);
    }

    #[test]
    fn addresses_need_no_look_up() {
        check("1212", &["127.0.0.1:1212", "[::1]:1212"]);
        check(":7", &["127.0.0.1:7", "[::1]:7"]);
        check("[::1]:7", &["[::1]:7"]);
        check("[::ffff:192.0.2.1]:7", &["192.0.2.1:7"]);
        check("192.0.2.1:69", &["192.0.2.1:69"]);
    }

    #[test]
    fn a_name_is_looked_up_until_the_deadline() {
        let host: HostPort = "localhost:7".parse().expect("it is a host");
        assert_eq!(name_of(&host), Some("localhost"));
        let found = addresses(&host, Some(Instant::now() + Duration::from_secs(30)), None);
        let found = found.unwrap_or_default();
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 7)
        );
    }
}
