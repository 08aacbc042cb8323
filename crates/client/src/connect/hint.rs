//! Advice about a refused connection, from the addresses and listening sockets of this machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use switchboard_core::{DEFAULT_PORT, HostPort};

/// Advice about TCP connections that were refused by these addresses.
pub(super) fn refused(addresses: impl Iterator<Item = SocketAddr>) -> Option<String> {
    let addresses: Vec<SocketAddr> = addresses.collect();
    let port = addresses.first()?.port();
    if addresses.iter().all(|address| is_own(address.ip())) {
        return Some(match &*listeners(port) {
            [] if port == DEFAULT_PORT => {
                format!(
                    "without a port in the address, port {DEFAULT_PORT} is used: HOST:PORT gives another one"
                )
            }
            [] => return None,
            listeners => listening_elsewhere(listeners),
        });
    }
    Some(format!(
        "if a server runs there, it may listen on loopback only: \
         `switchboard serve \u{2026} --listen :{port}` listens on all addresses"
    ))
}

fn listening_elsewhere(listeners: &[SocketAddr]) -> String {
    let shown = listeners
        .iter()
        .map(|&address| HostPort::from(address).to_string());
    let shown = shown.collect::<Vec<_>>().join(" and ");
    let port = listeners[0].port();
    if listeners.iter().all(|address| address.ip().is_loopback()) {
        format!(
            "a server of this machine listens on {shown} only, which is loopback: \
             `switchboard serve \u{2026} --listen :{port}` listens on all addresses"
        )
    } else {
        format!("a server of this machine listens on {shown} only")
    }
}

/// Whether this machine has the address.
fn is_own(ip: IpAddr) -> bool {
    let mut interfaces = getifaddrs().into_iter().flatten();
    ip.is_loopback() || interfaces.any(|own| own.address.as_ref().and_then(ip_of) == Some(ip))
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4));
    let v6 = address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6));
    v4.map(|v4| (*v4.ip()).into())
        .or(v6.map(|v6| (*v6.ip()).into()))
}

/// The addresses with this TCP port that programs of this machine listen on.
fn listeners(port: u16) -> Vec<SocketAddr> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.iter().filter_map(|path| File::open(path).ok());
    let lines = tables.flat_map(|table| BufReader::new(table).lines().map_while(Result::ok));
    let listeners: BTreeSet<SocketAddr> = lines
        .filter_map(|line| listener(&line))
        .filter(|address| address.port() == port)
        .collect();
    listeners.into_iter().collect()
}

/// The address of a listening socket, from a line of /proc/net/tcp or /proc/net/tcp6 (proc(5)):
/// `0: 0100007F:04BC 00000000:0000 0A …`. The IP address is in words of 32 bits in the byte order of the
/// machine.
fn listener(line: &str) -> Option<SocketAddr> {
    let mut columns = line.split_whitespace().skip(1);
    let (ip, port) = columns.next()?.split_once(':')?;
    if columns.nth(1)? != LISTENING {
        return None;
    }
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok();
    let ip: IpAddr = match ip.len() {
        8 => word(0)?.to_ne_bytes().into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(8 * index)?.to_ne_bytes());
            }
            bytes.into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

const LISTENING: &str = "0A"; // TCP_LISTEN

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_found_in_the_table() {
        let check = |line: &str, address: Option<&str>| {
            let address = address.map(|address| address.parse().expect("an address"));
            assert_eq!(listener(line), address, "{line}");
        };
        check(
            "  0: 0100007F:04BC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0",
            Some("127.0.0.1:1212"),
        );
        check(
            "  1: 000080FE00000000000000000200000A:0016 00000000000000000000000000000000:0000 0A 0",
            Some("[fe80::a00:2]:22"),
        );
        check(
            "  2: 0100007F:04BC 0100007F:9C40 01 00000000:00000000",
            None,
        );
        check("  sl  local_address rem_address   st tx_queue", None);
        for broken in [
            "",
            "0:",
            "0: 01:02 03 0A",
            "0: 0100007F 00000000:0000 0A",
            "0: é100007:1 0:0 0A",
        ] {
            check(broken, None);
        }
    }

    #[test]
    fn a_server_on_another_address_is_named() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = server.local_addr().expect("it is bound");
        let hint = refused([SocketAddr::from(([127, 0, 0, 2], address.port()))].into_iter());
        let hint = hint.expect("a server listens on this port");
        assert!(
            hint.contains(&format!("listens on {address} only")),
            "{hint}"
        );
    }

    #[test]
    fn a_server_elsewhere_may_listen_on_loopback() {
        let hint = refused(["192.0.2.1:7".parse().expect("an address")].into_iter());
        assert!(hint.expect("advice").contains("--listen :7"));
        assert_eq!(refused([].into_iter()), None);
    }
}
