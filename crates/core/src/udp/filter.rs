//! Datagrams that are not answered, whoever sends them: an answer would harm somebody.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use tracing::debug;

use crate::limits::stats::{Count, State};
use crate::sys::mmsg::Letter;

/// One datagram that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) bytes: &'a [u8],
    /// The address it says it comes from.
    pub(crate) remote: SocketAddr,
    /// The address of this machine that an answer is to come from.
    pub(crate) local: SocketAddr,
    /// Where it was sent to; other than `local` for one that was sent to many.
    pub(crate) destination: IpAddr,
}

/// What is to be known of a datagram; `None` if the system does not tell where it arrived.
pub(crate) fn arrival<'a>(
    bound: SocketAddr,
    letter: &Letter,
    bytes: &'a [u8],
) -> Option<Arrival<'a>> {
    let (mut local, mut destination) = (bound, bound.ip());
    if bound.ip().is_unspecified() {
        let arrived = letter.arrived?;
        destination = arrived.destination;
        local.set_ip(arrived.local);
        if let SocketAddr::V6(local) = &mut local
            && local.ip().is_unicast_link_local()
        {
            local.set_scope_id(arrived.interface);
        }
    }
    Some(Arrival {
        bytes,
        remote: letter.remote,
        local,
        destination,
    })
}

/// Knows which datagrams are not to be answered.
#[derive(Debug)]
pub(crate) struct Guard {
    own_ports: Vec<u16>,
    own: Vec<IpAddr>,
    own_read_at: Option<Instant>,
}

impl Guard {
    /// `own_ports` are those of all datagram sockets of this server.
    pub(crate) fn new(own_ports: Vec<u16>) -> Self {
        Self {
            own_ports,
            own: Vec::new(),
            own_read_at: None,
        }
    }

    /// Whether this may be answered at all.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub(crate) fn admit(&mut self, arrival: &Arrival<'_>, now: Instant) -> Result<(), Dropped> {
        // A socket for both protocols shows IPv4 as IPv6.
        let [source, local, destination] =
            [arrival.remote.ip(), arrival.local.ip(), arrival.destination]
                .map(|ip| ip.to_canonical());
        let port = arrival.remote.port();
        let mapped = arrival.destination != destination;
        if port == 0 {
            Err(Dropped::FromNoPort)
        } else if port < 1024 || SERVICES.binary_search(&port).is_ok() {
            Err(Dropped::FromService)
        } else if goes_to_many(source) || source.is_unspecified() {
            Err(Dropped::FromNobody)
        } else if goes_to_many(destination)
            || destination != local
            // Of these the system does not tell where an answer is to come from.
            || (mapped && !self.is_known_own(destination, now))
        {
            Err(Dropped::ToMany)
        } else if self.own_ports.contains(&port)
            // Elsewhere it is a server like this one, which answers too; or chance gave it the port.
            && (port < CLIENTS_FROM || self.is_own(source, local, now))
        {
            Err(Dropped::FromOurselves)
        } else {
            Ok(())
        }
    }

    fn is_own(&mut self, source: IpAddr, local: IpAddr, now: Instant) -> bool {
        source.is_loopback() || source == local || self.is_known_own(source, now)
    }

    /// Whether an interface has this address.
    fn is_known_own(&mut self, ip: IpAddr, now: Instant) -> bool {
        // Whoever forges such datagrams shall not make us ask the system for each of them.
        if self
            .own_read_at
            .is_none_or(|read_at| read_at + OWN_KEPT <= now)
        {
            self.own_read_at = Some(now);
            self.own = own_addresses();
        }
        // All of 127/8 is this machine's, but for the one that stands for all of it.
        let loopback = ip.is_loopback() && ip != IpAddr::from([127, 255, 255, 255]);
        loopback || self.own.contains(&ip)
    }
}

/// Whether a datagram to this address reaches more than one.
fn goes_to_many(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

/// The addresses of this machine; none if the system does not tell.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    addresses.collect()
}

/// Ports from 1024 on of services that answer a datagram they cannot make sense of. Nobody speaks
/// from there who waits for our answer; a forged datagram from there would have two servers talk to
/// each other for ever, or have us take part in flooding somebody. In ascending order, and none of the
/// ports from 32768 on that systems give to clients.
const SERVICES: [u16; 21] = [
    1194,  // OpenVPN
    1434,  // SQL Server's browser
    1604,  // Citrix
    1645,  // RADIUS, older
    1701,  // L2TP
    1812,  // RADIUS
    1900,  // SSDP
    2049,  // NFS
    3283,  // Apple Remote Desktop
    3389,  // RDP
    3478,  // STUN
    3702,  // WS-Discovery
    5060,  // SIP
    5093,  // Sentinel licences
    5351,  // NAT-PMP
    5353,  // mDNS
    5683,  // CoAP
    10001, // Ubiquiti discovery
    11211, // memcached
    27015, // Steam
    27960, // Quake III
];
const CLIENTS_FROM: u16 = 32_768; // where systems begin to give ports to clients
const OWN_KEPT: Duration = Duration::from_secs(1);

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It came from port 0, where no answer arrives.
    FromNoPort,
    /// It came from the port of a service that answers.
    FromService,
    /// It came from a socket of this server.
    FromOurselves,
    /// It came from an address that is nobody's.
    FromNobody,
    /// It was sent to more than one machine.
    ToMany,
    /// The server is stopping.
    Stopping,
    /// The one before is still being answered.
    Busy,
    /// Its host began as many conversations as it may in the time.
    TooOften,
    /// Its host has as many conversations as it may have.
    Refused,
    /// No port can be had for its conversation.
    NoPort,
    /// The answer is more than may be sent to an address that may be forged.
    OverMeasure,
    /// The answer is one more than may be sent in the time.
    OverRate,
    /// What is posted is more than waits for it.
    Behind,
    /// The system does not send the answer.
    Unsendable,
}

/// How many datagrams were dropped, by reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    by_reason: [u64; REASONS.len()],
    state: State,
}

impl Drops {
    /// They are counted in `state` as well.
    pub(crate) fn new(state: State) -> Self {
        Self {
            by_reason: [0; REASONS.len()],
            state,
        }
    }

    /// One was dropped, which came from or was for `peer`.
    pub(crate) fn count(&mut self, reason: Dropped, peer: impl fmt::Display) {
        self.by_reason[reason as usize] += 1;
        self.state.count(Count::Dropped, 1);
        debug!(%peer, "dropped: {reason}");
    }

    /// How many were dropped for this reason.
    #[cfg(test)]
    pub(crate) fn of(&self, reason: Dropped) -> u64 {
        self.by_reason[reason as usize]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_reason.iter().all(|&count| count == 0)
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FromNoPort => "from port 0",
            Self::FromService => "from the port of a service",
            Self::FromOurselves => "from this server, or one like it",
            Self::FromNobody => "from nobody's address",
            Self::ToMany => "sent to many",
            Self::Stopping => "the server is stopping",
            Self::Busy => "the one before is still being answered",
            Self::TooOften => "from a host that comes too often",
            Self::Refused => "refused",
            Self::NoPort => "no port for a conversation",
            Self::OverMeasure => "the answer is over the measure",
            Self::OverRate => "the answer is over the rate",
            Self::Behind => "more is posted than waits for one peer",
            Self::Unsendable => "the answer cannot be sent",
        })
    }
}

/// As in `12 over the measure, 3 sent to many`.
impl fmt::Display for Drops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = REASONS
            .iter()
            .zip(self.by_reason)
            .filter(|(_, count)| 0 < *count);
        for (place, (reason, count)) in counted.enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {reason}")?;
        }
        Ok(())
    }
}

const REASONS: [Dropped; 14] = [
    Dropped::FromNoPort,
    Dropped::FromService,
    Dropped::FromOurselves,
    Dropped::FromNobody,
    Dropped::ToMany,
    Dropped::Stopping,
    Dropped::Busy,
    Dropped::TooOften,
    Dropped::Refused,
    Dropped::NoPort,
    Dropped::OverMeasure,
    Dropped::OverRate,
    Dropped::Behind,
    Dropped::Unsendable,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(remote: &str, local: &str, destination: &str, admitted: Result<(), Dropped>) {
        let arrival = Arrival {
            bytes: b"",
            remote: remote.parse().expect("an address"),
            local: local.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
        };
        let mut guard = Guard::new(vec![1212, 1313, 40001]);
        assert_eq!(guard.admit(&arrival, Instant::now()), admitted);
    }

    #[test]
    fn who_may_be_asked_by_a_forgery_is_not_answered() {
        let from = |remote: &str, admitted| match remote.starts_with('[') {
            true => check(remote, "[2001:db8::1]:1212", "2001:db8::1", admitted),
            false => check(remote, "192.0.2.1:1212", "192.0.2.1", admitted),
        };
        from("192.0.2.7:40000", Ok(()));
        from("192.0.2.7:1024", Ok(()));
        from("192.0.2.7:1212", Err(Dropped::FromOurselves)); // one like us
        from("192.0.2.7:40001", Ok(())); // a client's
        from("[2001:db8::7]:40000", Ok(()));
        from("192.0.2.7:0", Err(Dropped::FromNoPort));
        for port in [
            1, 7, 13, 17, 19, 53, 123, 161, 389, 1023, 1900, 5060, 11211, 27960,
        ] {
            from(&format!("192.0.2.7:{port}"), Err(Dropped::FromService));
            from(&format!("[2001:db8::7]:{port}"), Err(Dropped::FromService));
        }
        for nobody in [
            "224.0.0.1",
            "239.1.2.3",
            "255.255.255.255",
            "0.0.0.0",
            "[ff02::1]",
            "[::]",
        ] {
            from(&format!("{nobody}:40000"), Err(Dropped::FromNobody));
        }
        for own in [
            "192.0.2.1:1212",
            "192.0.2.1:1313",
            "127.0.0.1:1212",
            "127.8.8.8:1313",
            "[::1]:1212",
        ] {
            from(own, Err(Dropped::FromOurselves));
        }
        from("192.0.2.1:40000", Ok(()));
    }

    #[test]
    fn what_is_sent_to_many_is_not_answered() {
        let to = |destination| {
            check(
                "192.0.2.7:40000",
                "192.0.2.1:1212",
                destination,
                Err(Dropped::ToMany),
            );
        };
        for many in ["224.0.0.1", "255.255.255.255", "192.0.2.255"] {
            to(many);
        }
        check(
            "[fe80::7%2]:40000",
            "[fe80::1%2]:1212",
            "ff02::1",
            Err(Dropped::ToMany),
        );
        check("[fe80::7%2]:40000", "[fe80::1%2]:1212", "fe80::1", Ok(()));
    }

    #[test]
    fn ipv4_is_known_behind_ipv6() {
        let from = |remote: &str, local: &str, admitted| {
            let local = format!("::ffff:{local}");
            let remote = format!("[::ffff:{remote}");
            check(&remote, &format!("[{local}]:1212"), &local, admitted);
        };
        from("192.0.2.7]:40000", "127.0.0.1", Ok(()));
        from("127.0.0.2]:1212", "127.0.0.1", Err(Dropped::FromOurselves));
        from("224.0.0.1]:40000", "127.0.0.1", Err(Dropped::FromNobody));
        from("0.0.0.0]:40000", "127.0.0.1", Err(Dropped::FromNobody));
        for many in [
            "255.255.255.255",
            "127.255.255.255",
            "239.1.2.3",
            "192.0.2.255",
        ] {
            from("192.0.2.7]:40000", many, Err(Dropped::ToMany));
        }
    }

    #[test]
    fn every_address_of_this_machine_is_found() {
        assert!(own_addresses().contains(&IpAddr::from([127, 0, 0, 1])));
        assert!(SERVICES.is_sorted());
    }
}
