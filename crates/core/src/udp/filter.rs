//! Which datagrams are dropped unanswered, and counters of all drops by reason.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tracing::debug;

use crate::limits::stats::{Counter, Stats};
use crate::net::multicast::interface_addresses;
use crate::udp::loop_detector::EPHEMERAL_FROM;
use crate::udp::recv_batch::Incoming;

/// Drops datagrams whose reply would do harm: start a loop between two servers, or be part of a
/// reflection attack. Knows which source addresses cannot be forged.
#[derive(Debug)]
pub(crate) struct Filter {
    own_ports: Vec<u16>,
    group: Option<IpAddr>, // that the server has joined
    trusted: Vec<IpNet>,
    own_addresses: Option<Vec<IpAddr>>, // as of `read_at`; `None`: interfaces are not read
    read_at: Option<Instant>,
}

impl Filter {
    /// `own_ports` are those of all UDP listeners of this server. Source addresses in `trusted` networks
    /// are trusted.
    pub(crate) fn new(own_ports: Vec<u16>, trusted: Vec<IpNet>) -> Self {
        Self {
            own_ports,
            group: None,
            trusted,
            own_addresses: Some(Vec::new()),
            read_at: None,
        }
    }

    /// The same without reading interfaces: only loopback addresses are those of this machine.
    pub(crate) fn without_interfaces(own_ports: Vec<u16>, trusted: Vec<IpNet>) -> Self {
        Self {
            own_addresses: None,
            ..Self::new(own_ports, trusted)
        }
    }

    /// The server has joined this multicast group.
    pub(crate) fn join(&mut self, group: IpAddr) {
        self.group = Some(group);
    }

    /// Whether the datagram may be answered.
    ///
    /// # Errors
    ///
    /// The reason to drop it.
    pub(crate) fn check(&mut self, incoming: &Incoming<'_>, now: Instant) -> Result<(), Dropped> {
        // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6.
        let [source, local, destination] = [
            incoming.remote.ip(),
            incoming.local.ip(),
            incoming.destination,
        ]
        .map(|ip| ip.to_canonical());
        let port = incoming.remote.port();
        let mapped = incoming.destination != destination;
        // IPv4 arrives at IPv4 addresses. An IPv6 packet can have the source ::ffff:127.0.0.1, which
        // the kernel does not reject; the reply would go to that IPv4 address.
        let mixes_families = mapped != (incoming.remote.ip() != source);
        if port == 0 {
            Err(Dropped::PortZero)
        } else if port < 1024 || SERVICE_PORTS.binary_search(&port).is_ok() {
            Err(Dropped::ServicePort)
        } else if is_multicast(source) || source.is_unspecified() || mixes_families {
            Err(Dropped::InvalidSource)
        } else if self.group != Some(destination)
            && (is_multicast(destination)
                || destination != local
                // For an IPv4-mapped destination, the kernel reports no local address beside it.
                || (mapped && !self.is_local(destination, now)))
        {
            Err(Dropped::Multicast)
        } else if self.own_ports.contains(&port)
            // From another host, an ephemeral port may be equal by chance; a lower one is that of a
            // server like this one, which answers too.
            && (port < EPHEMERAL_FROM
                || source.is_loopback()
                || source == local
                || self.is_local(source, now))
        {
            Err(Dropped::OwnServer)
        } else {
            Ok(())
        }
    }

    /// Whether datagrams with this source address come from there: it is in a trusted network, or on
    /// this machine and the kernel drops packets of others that have it as their source. For the IPv6
    /// addresses of interfaces, Linux does not.
    pub(crate) fn is_trusted(&mut self, source: IpAddr, now: Instant) -> bool {
        let source = source.to_canonical();
        source.is_loopback()
            || self.is_in_trusted_network(source)
            || (source.is_ipv4() && self.is_local(source, now))
    }

    /// Whether the source address is in a trusted network.
    pub(crate) fn is_in_trusted_network(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.trusted.iter().any(|network| network.contains(&source))
    }

    /// Whether `ip` is an address of this machine.
    fn is_local(&mut self, ip: IpAddr, now: Instant) -> bool {
        // All of 127/8 except its broadcast address.
        let loopback = ip.is_loopback() && ip != IpAddr::from([127, 255, 255, 255]);
        let Some(own_addresses) = &mut self.own_addresses else {
            return loopback;
        };
        // Forged datagrams must not cause a system call each.
        if self.read_at.is_none_or(|at| at + ADDRESSES_KEPT <= now) {
            self.read_at = Some(now);
            *own_addresses = interface_addresses();
        }
        loopback || own_addresses.contains(&ip)
    }
}

/// Whether `ip` is a multicast address or the limited broadcast address.
fn is_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Dropped {
    /// No reply can be sent to port 0.
    #[error("from port 0")]
    PortZero,
    /// One of a service that answers any datagram.
    #[error("from the port of a service")]
    ServicePort,
    #[error("from this server, or one like it")]
    OwnServer,
    /// Multicast, broadcast or unspecified.
    #[error("from an invalid address")]
    InvalidSource,
    #[error("sent to a multicast or broadcast address")]
    Multicast,
    #[error("the server is stopping")]
    Stopping,
    #[error("from a peer that is ignored because of a loop")]
    Loop,
    #[error("the previous datagram is still being answered")]
    Busy,
    #[error("too many programs run for unverified peers, or for this host")]
    Programs,
    #[error("the host exceeds its rate of new sessions")]
    HostRate,
    #[error("all places are taken by verified peers")]
    Full,
    /// The session was refused, and so is the message that says so.
    #[error("refused")]
    Refused,
    #[error("no port for a session")]
    NoPort,
    #[error("the reply exceeds the amplification limit")]
    AmplificationLimit,
    /// The rate limit for datagrams to one peer.
    #[error("the reply exceeds the rate limit")]
    RateLimit,
    #[error("a room post exceeds the queue of the peer")]
    QueueFull,
    #[error("the reply cannot be sent")]
    Unsendable,
}

/// Counts dropped datagrams by reason. Shown as in `12 from port 0, 3 refused`.
#[derive(Clone, Debug)]
pub(crate) struct Drops {
    by_reason: BTreeMap<Dropped, u64>,
    pub(crate) stats: Stats,
}

impl Drops {
    /// Drops are counted in `stats` too.
    pub(crate) fn new(stats: Stats) -> Self {
        Self {
            by_reason: BTreeMap::new(),
            stats,
        }
    }

    /// Counts and logs a datagram from or to `peer`.
    pub(crate) fn count(&mut self, reason: Dropped, peer: impl fmt::Display) {
        *self.by_reason.entry(reason).or_default() += 1;
        self.stats.count(Counter::Dropped, 1);
        debug!(%peer, "dropped: {reason}");
    }

    #[cfg(test)]
    pub(crate) fn of(&self, reason: Dropped) -> u64 {
        self.by_reason.get(&reason).copied().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_reason.is_empty()
    }
}

impl fmt::Display for Drops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (reason, count)) in self.by_reason.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {reason}")?;
        }
        Ok(())
    }
}

/// Ports above 1023 of services that answer datagrams they do not understand. Clients do not use
/// them; a forged datagram from one would start a loop of replies, or reflect traffic to a victim.
/// In ascending order, and below [`EPHEMERAL_FROM`].
const SERVICE_PORTS: [u16; 21] = [
    1194,  // OpenVPN
    1434,  // SQL Server Browser
    1604,  // Citrix
    1645,  // RADIUS (old port)
    1701,  // L2TP
    1812,  // RADIUS
    1900,  // SSDP
    2049,  // NFS
    3283,  // Apple Remote Desktop
    3389,  // RDP
    3478,  // STUN
    3702,  // WS-Discovery
    5060,  // SIP
    5093,  // Sentinel license manager
    5351,  // NAT-PMP
    5353,  // mDNS
    5683,  // CoAP
    10001, // Ubiquiti discovery
    11211, // memcached
    27015, // Steam
    27960, // Quake III
];
const ADDRESSES_KEPT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(remote: &str, local: &str, destination: &str, expected: Result<(), Dropped>) {
        let incoming = Incoming {
            bytes: b"",
            remote: remote.parse().expect("an address"),
            local: local.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
        };
        let mut filter = Filter::without_interfaces(vec![1212, 1313, 40001], Vec::new());
        assert_eq!(filter.check(&incoming, Instant::now()), expected);
    }

    #[test]
    fn forgeable_sources_are_dropped() {
        let from = |remote: &str, expected| match remote.starts_with('[') {
            true => check(remote, "[2001:db8::1]:1212", "2001:db8::1", expected),
            false => check(remote, "192.0.2.1:1212", "192.0.2.1", expected),
        };
        from("192.0.2.7:40000", Ok(()));
        from("192.0.2.7:1024", Ok(()));
        from("192.0.2.7:1212", Err(Dropped::OwnServer)); // a server like this one
        from("192.0.2.7:40001", Ok(())); // an ephemeral port
        from("[2001:db8::7]:40000", Ok(()));
        from("192.0.2.7:0", Err(Dropped::PortZero));
        for port in [
            1, 7, 13, 17, 19, 53, 123, 161, 389, 1023, 1900, 5060, 11211, 27960,
        ] {
            from(&format!("192.0.2.7:{port}"), Err(Dropped::ServicePort));
            from(&format!("[2001:db8::7]:{port}"), Err(Dropped::ServicePort));
        }
        for invalid in [
            "224.0.0.1",
            "239.1.2.3",
            "255.255.255.255",
            "0.0.0.0",
            "[ff02::1]",
            "[::]",
        ] {
            from(&format!("{invalid}:40000"), Err(Dropped::InvalidSource));
        }
        for own in [
            "192.0.2.1:1212",
            "192.0.2.1:1313",
            "127.0.0.1:1212",
            "127.8.8.8:1313",
            "[::1]:1212",
        ] {
            from(own, Err(Dropped::OwnServer));
        }
        from("192.0.2.1:40000", Ok(()));
    }

    #[test]
    fn multicast_and_broadcast_are_dropped() {
        let to = |destination| {
            check(
                "192.0.2.7:40000",
                "192.0.2.1:1212",
                destination,
                Err(Dropped::Multicast),
            );
        };
        for address in ["224.0.0.1", "255.255.255.255", "192.0.2.255"] {
            to(address);
        }
        check(
            "[fe80::7%2]:40000",
            "[fe80::1%2]:1212",
            "ff02::1",
            Err(Dropped::Multicast),
        );
        check("[fe80::7%2]:40000", "[fe80::1%2]:1212", "fe80::1", Ok(()));
    }

    #[test]
    fn only_the_joined_group_is_received() {
        let mut filter = Filter::new(vec![1212], Vec::new());
        filter.join([239, 1, 2, 3].into());
        let mut check = |remote: &str, destination: [u8; 4]| {
            let incoming = Incoming {
                bytes: b"",
                remote: remote.parse().expect("an address"),
                local: (destination, 1212).into(),
                destination: destination.into(),
            };
            filter.check(&incoming, Instant::now())
        };
        assert_eq!(check("192.0.2.7:40000", [239, 1, 2, 3]), Ok(()));
        for (remote, destination, reason) in [
            ("192.0.2.7:40000", [239, 1, 2, 4], Dropped::Multicast),
            ("192.0.2.7:40000", [255; 4], Dropped::Multicast),
            ("192.0.2.7:53", [239, 1, 2, 3], Dropped::ServicePort),
            ("192.0.2.7:1212", [239, 1, 2, 3], Dropped::OwnServer),
            ("239.1.2.3:40000", [239, 1, 2, 3], Dropped::InvalidSource),
        ] {
            assert_eq!(check(remote, destination), Err(reason), "{remote}");
        }
    }

    #[test]
    fn ipv4_mapped_addresses_are_treated_as_ipv4() {
        let from = |remote: &str, local: &str, expected| {
            let local = format!("::ffff:{local}");
            let remote = format!("[::ffff:{remote}");
            check(&remote, &format!("[{local}]:1212"), &local, expected);
        };
        from("192.0.2.7]:40000", "127.0.0.1", Ok(()));
        from("127.0.0.2]:1212", "127.0.0.1", Err(Dropped::OwnServer));
        from("224.0.0.1]:40000", "127.0.0.1", Err(Dropped::InvalidSource));
        from("0.0.0.0]:40000", "127.0.0.1", Err(Dropped::InvalidSource));
        for address in [
            "255.255.255.255",
            "127.255.255.255",
            "239.1.2.3",
            "192.0.2.255",
        ] {
            from("192.0.2.7]:40000", address, Err(Dropped::Multicast));
        }
    }

    #[test]
    fn an_ipv6_packet_cannot_have_an_ipv4_source() {
        check(
            "[::ffff:127.0.0.1]:40000",
            "[2001:db8::1]:1212",
            "2001:db8::1",
            Err(Dropped::InvalidSource),
        );
    }

    #[test]
    fn sources_that_cannot_be_forged_are_trusted() {
        let network = |text: &str| text.parse().expect("a network");
        let trusted = ["192.0.2.128/25", "2001:db8:5::/48"].map(network);
        let mut filter = Filter::new(Vec::new(), trusted.to_vec());
        let now = Instant::now();
        filter.read_at = Some(now);
        let own = ["198.51.100.1", "2001:db8::1", "fe80::1"];
        let own = own.map(|ip| ip.parse().expect("an address"));
        filter.own_addresses = Some(own.to_vec());
        for (source, trusted) in [
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("198.51.100.1", true),
            ("::ffff:198.51.100.1", true),
            ("192.0.2.128", true),
            ("::ffff:192.0.2.255", true),
            ("2001:db8:5:6::7", true),
            ("192.0.2.127", false),
            ("198.51.100.2", false),
            ("2001:db8:6::7", false),
            ("2001:db8::1", false), // Linux accepts IPv6 packets with its own address
            ("fe80::1", false),
        ] {
            let ip = source.parse().expect("an address");
            assert_eq!(filter.is_trusted(ip, now), trusted, "{source}");
        }
    }

    #[test]
    fn own_addresses_are_read_once_a_second_at_most() {
        let mut filter = Filter::new(Vec::new(), Vec::new());
        let now = Instant::now();
        let other = IpAddr::from([198, 51, 100, 77]);
        assert!(!filter.is_trusted(other, now));
        filter.own_addresses = Some(vec![other]); // an interface comes up, as far as the filter knows
        assert!(filter.is_trusted(other, now + ADDRESSES_KEPT / 2));
        assert!(
            !filter.is_trusted(other, now + ADDRESSES_KEPT),
            "read again"
        );
    }

    #[test]
    fn service_ports_are_sorted() {
        assert!(SERVICE_PORTS.is_sorted());
    }
}
