//! Drives the datagram server with several peers, without a socket.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::admission::Admission;
use crate::limits::limits::Limits;
use crate::session::service::Service;
use crate::udp::filter::Filter;
use crate::udp::peer_table::PeerTable;
use crate::udp::recv_batch::Incoming;

/// One datagram for [`drive_datagrams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The time that passes before it arrives.
    pub wait: Duration,
    /// The peer that sends it: 192.0.2.`peer`:40000.
    pub peer: u8,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// Sends every datagram of `input` to `service`, then shuts the server down. Returns each datagram
/// sent, with the number of the peer it is sent to.
///
/// The server is 198.51.100.1:1212. A peer sends to the port that last answered it, as long as its
/// session has that port. The amplification limit of [`UdpPolicy`](crate::UdpPolicy) applies:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use switchboard_core::testing::{Datagram, drive_datagrams};
/// use switchboard_core::{Flow, Limits, Outbox, service_fn};
///
/// let shout = service_fn(|line: &[u8], out: &mut Outbox| {
///     out.send(&[line, b"!"].concat());
///     Ok(Flow::Continue)
/// });
/// let one = Datagram { wait: Duration::ZERO, peer: 1, bytes: b"one\n" };
/// let two = Datagram { wait: Duration::ZERO, peer: 2, bytes: b"two" };
/// let output = drive_datagrams(Arc::new(shout), [one, two], &Limits::default());
/// assert_eq!(output, [(1, b"one!\n".to_vec()), (2, b"two!\n".to_vec())]);
/// ```
#[must_use]
pub fn drive_datagrams<'a>(
    service: Arc<dyn Service>,
    input: impl IntoIterator<Item = Datagram<'a>>,
    limits: &Limits,
) -> Vec<(u8, Vec<u8>)> {
    let mut now = Instant::now();
    let admission = Admission::uncounted(limits);
    let filter = Filter::without_interfaces(vec![LISTENS_AT.port()], Vec::new());
    let mut driver = Driver {
        peers: PeerTable::new(service, limits, admission, 0, filter, now),
        sent: Vec::new(),
        answered_from: HashMap::new(),
    };
    let mut last_port = DEDICATED_PORTS_FROM;
    let mut open_port = |listener: SocketAddr| {
        last_port = last_port.checked_add(1).ok_or(io::ErrorKind::AddrInUse)?;
        Ok(SocketAddr::new(listener.ip(), last_port))
    };
    for Datagram { wait, peer, bytes } in input {
        let until = now + wait;
        while let Some(at) = driver.peers.deadline().filter(|&at| at <= until) {
            now = now.max(at);
            driver.peers.tick(now);
            driver.take_output(now);
        }
        now = until;
        let local = driver.answered_from.get(&peer).copied();
        let local = local.unwrap_or(LISTENS_AT);
        let incoming = Incoming {
            bytes,
            remote: SocketAddr::from(([192, 0, 2, peer], 40_000)),
            local,
            destination: local.ip(),
        };
        driver.peers.receive(&incoming, &mut open_port, now);
        driver.take_output(now);
    }
    driver.peers.stop(now);
    driver.take_output(now);
    driver.sent
}

struct Driver {
    peers: PeerTable,
    sent: Vec<(u8, Vec<u8>)>,
    /// The address that last answered each peer, to which it sends.
    answered_from: HashMap<u8, SocketAddr>,
}

impl Driver {
    /// Takes all output, until no session has more.
    fn take_output(&mut self, now: Instant) {
        loop {
            let out = &mut self.peers.out;
            for (queued, bytes) in out.queued() {
                let IpAddr::V4(to) = queued.to.ip() else {
                    unreachable!("all peers have IPv4 addresses")
                };
                let peer = to.octets()[3];
                self.sent.push((peer, bytes.to_vec()));
                self.answered_from.insert(peer, queued.from);
            }
            let count = out.queued().len();
            out.remove(count);
            let closed = self.peers.take_closed_ports();
            self.answered_from.retain(|_, from| !closed.contains(from));
            if !self.peers.is_ready() {
                return;
            }
            self.peers.resume_ready(usize::MAX, now);
        }
    }
}

const LISTENS_AT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 1212);
const DEDICATED_PORTS_FROM: u16 = 50_000;
