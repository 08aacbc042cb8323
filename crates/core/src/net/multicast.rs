//! Multicast groups as listen addresses, and addresses at which a socket would receive nothing.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrIn, SockaddrStorage};
use socket2::{InterfaceIndexOrAddress, Socket, Type};

/// Whether a socket of this type can receive at `ip`.
///
/// # Errors
///
/// It is a multicast group and the socket is not one of UDP, or it is a broadcast address.
pub(super) fn check(ip: IpAddr, socket_type: Type) -> io::Result<()> {
    let ip = ip.to_canonical();
    if ip.is_multicast() && socket_type != Type::DGRAM {
        let text = "it is a multicast group; only a UDP server can join it (udp://)";
        return Err(io::Error::other(text));
    }
    if is_broadcast(ip) {
        let text = "it is a broadcast address; a server listens on an address of this machine, \
                    or over UDP on a multicast group";
        return Err(io::Error::other(text));
    }
    Ok(())
}

/// Whether `ip` is the limited broadcast address, or that of a network of this machine.
#[must_use]
pub fn is_broadcast(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else {
        return false; // IPv6 has none
    };
    let of_network = |interface: &InterfaceAddress| {
        let address = interface.address.and_then(|address| ipv4_of(&address));
        let is_broadcast = interface.flags.contains(InterfaceFlags::IFF_BROADCAST);
        let broadcast = interface.broadcast.filter(|_| is_broadcast);
        let mask = interface.netmask.and_then(|mask| ipv4_of(&mask));
        // The kernel has the last address of a network as one too, also where none was set up.
        let last = address
            .zip(mask)
            .filter(|(_, mask)| (!mask).to_bits() > 1)
            .map(|(address, mask)| address | !mask);
        let broadcasts = [broadcast.and_then(|address| ipv4_of(&address)), last];
        broadcasts.contains(&Some(ip)) && address != Some(ip)
    };
    let loopback = ip.octets() == [127, 255, 255, 255];
    ip.is_broadcast() || loopback || getifaddrs().into_iter().flatten().any(|i| of_network(&i))
}

fn ipv4_of(address: &SockaddrStorage) -> Option<Ipv4Addr> {
    address.as_sockaddr_in().map(SockaddrIn::ip)
}

/// A group, and the interfaces on which to join it.
pub(super) struct Membership {
    group: SocketAddr,
    interfaces: BTreeSet<NonZeroU32>,
}

impl Membership {
    /// On `interface` only, or on all that are up, have an address, and are able to receive multicast.
    /// The zone of an IPv6 address takes precedence.
    ///
    /// # Errors
    ///
    /// There is no such interface, or more than one for a group of the link.
    pub(super) fn new(group: SocketAddr, interface: Option<NonZeroU32>) -> io::Result<Self> {
        let zone = match group {
            SocketAddr::V4(_) => None,
            SocketAddr::V6(group) => NonZeroU32::new(group.scope_id()),
        };
        let interfaces = match zone.or(interface) {
            Some(interface) => BTreeSet::from([interface]),
            None => suitable_interfaces(group.is_ipv4())?,
        };
        if interfaces.is_empty() {
            let text = "no interface is up and able to receive multicast \
                        (--interface NAME selects one; lo is this machine)";
            return Err(io::Error::other(text));
        }
        let mut membership = Self { group, interfaces };
        if let SocketAddr::V6(group) = &mut membership.group
            && is_of_link(group.ip().segments()[0])
        {
            if 1 < membership.interfaces.len() {
                let text = "a group of one link needs an interface (--interface NAME)";
                return Err(io::Error::other(text));
            }
            let first = membership.interfaces.first();
            group.set_scope_id(first.map_or(0, |index| index.get()));
        }
        Ok(membership)
    }

    /// The address to bind: what was sent to another address does not arrive there.
    pub(super) fn address(&self) -> SocketAddr {
        self.group
    }

    /// Joins the group with a socket that is bound to it.
    pub(super) fn join(&self, socket: &Socket) -> io::Result<()> {
        // Otherwise the memberships of other programs would count, too.
        match self.group {
            SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
            SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
        }
        for interface in &self.interfaces {
            let index = interface.get();
            let joined = match self.group.ip() {
                IpAddr::V4(group) => {
                    socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
                }
                IpAddr::V6(group) => socket.join_multicast_v6(&group, index),
            };
            match joined {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => (), // it is a member already
                Err(error) => return Err(explain(error)),
                Ok(()) => (),
            }
        }
        Ok(())
    }
}

/// Whether an IPv6 group that begins with this segment has the scope of an interface or a link.
fn is_of_link(first_segment: u16) -> bool {
    matches!(first_segment & 0xf, 1 | 2)
}

/// The interfaces that are up, have an address of the family, and are able to receive multicast.
fn suitable_interfaces(is_ipv4: bool) -> io::Result<BTreeSet<NonZeroU32>> {
    let needed = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
    let suitable = getifaddrs()?.filter(|interface| {
        let ip = interface.address.and_then(|address| ip_of(&address));
        interface.flags.contains(needed) && ip.is_some_and(|ip| ip.is_ipv4() == is_ipv4)
    });
    // An interface that disappears meanwhile is not suitable.
    let indices = suitable.filter_map(|interface| if_nametoindex(&*interface.interface_name).ok());
    Ok(indices.filter_map(NonZeroU32::new).collect())
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// The addresses of all interfaces; none if they cannot be read.
pub(crate) fn interface_addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| ip_of(&interface.address?));
    addresses.collect()
}

fn explain(error: io::Error) -> io::Error {
    let text = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOBUFS) => {
            "this machine has more interfaces than a socket can join the group on \
             (--interface NAME selects one)"
        }
        Some(Errno::ENODEV | Errno::EADDRNOTAVAIL) => {
            "the interface cannot join the group (ip link shows whether it is up)"
        }
        _ => return error,
    };
    io::Error::other(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_receive_nothing_are_refused() {
        let check = |ip: &str, socket_type| {
            let checked = check(ip.parse().expect("an address"), socket_type);
            checked.map_err(|error| error.to_string())
        };
        for ip in ["239.1.2.3", "ff15::1", "::ffff:239.1.2.3"] {
            assert_eq!(check(ip, Type::DGRAM), Ok(()));
            let error = check(ip, Type::STREAM).expect_err(ip);
            assert!(error.starts_with("it is a multicast group;"), "{error}");
        }
        for ip in ["255.255.255.255", "127.255.255.255"] {
            for socket_type in [Type::DGRAM, Type::STREAM] {
                let error = check(ip, socket_type).expect_err(ip);
                assert!(error.starts_with("it is a broadcast address;"), "{error}");
            }
        }
        for ip in ["127.0.0.1", "0.0.0.0", "::", "::1", "192.0.2.1"] {
            assert_eq!(check(ip, Type::DGRAM), Ok(()));
            assert_eq!(check(ip, Type::STREAM), Ok(()));
        }
    }

    #[test]
    fn interface_addresses_include_loopback() {
        assert!(interface_addresses().contains(&IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn a_group_of_a_link_is_bound_on_its_interface() {
        let interface = NonZeroU32::new(7);
        let bound = |group: &str| {
            let group = group.parse().expect("an address");
            Membership::new(group, interface).map(|membership| membership.address().to_string())
        };
        for (group, address) in [
            ("[ff02::5]:1212", "[ff02::5%7]:1212"),
            ("[ff02::5%3]:1212", "[ff02::5%3]:1212"),
            ("[ff05::5]:1212", "[ff05::5]:1212"),
            ("239.1.2.3:1212", "239.1.2.3:1212"),
        ] {
            assert_eq!(bound(group).expect("it is possible"), address);
        }
    }
}
