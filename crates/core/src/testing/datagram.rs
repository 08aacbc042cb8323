//! Conversations with several peers by datagrams, without a socket.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::admission::Admission;
use crate::limits::limits::Limits;
use crate::session::service::Service;
use crate::udp::dedicated_port::PortSource;
use crate::udp::filter::{Arrival, Guard};
use crate::udp::peer_table::Correspondence;
use crate::udp::send_batch::Departures;

/// One datagram that arrives in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// So much time passes before.
    pub wait: Duration,
    /// The peer who sends it: 192.0.2.`peer`:40000.
    pub peer: u8,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// Says all of `said` to `service`, then stops; returns every datagram that is sent, with the peer
/// it is sent to.
///
/// The server is 198.51.100.1:1212; a peer speaks to where it was last answered from, if that is a
/// port of its conversation. It may not send a peer more than the service
/// [says](Service::over_datagrams), whatever the peer says:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use switchboard_core::{Flow, Limits, Outbox, Peer, Refusal, Result, Service, Session};
/// use switchboard_core::testing::Datagram;
/// use switchboard_core::testing::rehearse_datagrams;
///
/// struct Shout;
///
/// impl Service for Shout {
///     fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
///         Ok(Box::new(Self))
///     }
/// }
///
/// impl Session for Shout {
///     fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
///         out.send(&[line, b"!"].concat());
///         Ok(Flow::Continue)
///     }
/// }
///
/// let one = Datagram { wait: Duration::ZERO, peer: 1, bytes: b"one\n" };
/// let two = Datagram { wait: Duration::ZERO, peer: 2, bytes: b"two" };
/// let heard = rehearse_datagrams(Arc::new(Shout), [one, two], &Limits::default());
/// assert_eq!(heard, [(1, b"one!\n".to_vec()), (2, b"two!\n".to_vec())]);
/// ```
#[must_use]
pub fn rehearse_datagrams<'a>(
    service: Arc<dyn Service>,
    said: impl IntoIterator<Item = Datagram<'a>>,
    limits: &Limits,
) -> Vec<(u8, Vec<u8>)> {
    let mut now = Instant::now();
    let guard = Guard::new(vec![LISTENS_AT.port()]);
    let admission = Admission::uncounted(limits);
    let mut stage = Stage {
        correspondence: Correspondence::new(service, limits, admission, guard, now),
        heard: Vec::new(),
        answers_from: HashMap::new(),
    };
    let mut ports = Numbers(OWN_PORTS_FROM);
    for Datagram { wait, peer, bytes } in said {
        let until = now + wait;
        while let Some(at) = stage.correspondence.deadline().filter(|&at| at <= until) {
            now = now.max(at);
            stage.correspondence.tick(now);
            stage.hear(Departures::default(), now);
        }
        now = until;
        let local = stage.answers_from.get(&peer).copied();
        let local = local.unwrap_or(LISTENS_AT);
        let arrival = Arrival {
            bytes,
            remote: SocketAddr::from(([192, 0, 2, peer], 40_000)),
            local,
            destination: local.ip(),
        };
        let mut out = Departures::default();
        let correspondence = &mut stage.correspondence;
        correspondence.receive(&arrival, &mut ports, &mut out, now);
        stage.hear(out, now);
    }
    stage.correspondence.stop(now);
    stage.hear(Departures::default(), now);
    stage.heard
}

/// A rehearsal that goes on.
struct Stage {
    correspondence: Correspondence,
    heard: Vec<(u8, Vec<u8>)>,
    /// Where each peer was last answered from, which is where it speaks to.
    answers_from: HashMap<u8, SocketAddr>,
}

impl Stage {
    /// Takes what is sent until nobody waits for a turn.
    fn hear(&mut self, mut out: Departures, now: Instant) {
        loop {
            for (departure, bytes) in out.waiting() {
                let IpAddr::V4(to) = departure.to.ip() else {
                    unreachable!("only those are answered who spoke")
                };
                let peer = to.octets()[3];
                self.heard.push((peer, bytes.to_vec()));
                self.answers_from.insert(peer, departure.from);
            }
            let count = out.waiting().len();
            out.left(count);
            let closed = self.correspondence.closed_ports();
            self.answers_from.retain(|_, from| !closed.contains(from));
            if !self.correspondence.is_ready() {
                return;
            }
            self.correspondence.go_on(&mut out, now);
        }
    }
}

/// Ports of their own that nobody has to open.
struct Numbers(u16);

impl PortSource for Numbers {
    fn open(&mut self, asked: SocketAddr) -> io::Result<SocketAddr> {
        self.0 = self.0.checked_add(1).ok_or(io::ErrorKind::AddrInUse)?;
        Ok(SocketAddr::new(asked.ip(), self.0))
    }
}

const LISTENS_AT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 1212);
const OWN_PORTS_FROM: u16 = 50_000;
