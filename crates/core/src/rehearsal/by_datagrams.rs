//! Conversations with several peers by datagrams, without a socket.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admission::Admission;
use crate::correspondence::Correspondence;
use crate::departures::Departures;
use crate::guard::{Arrival, Guard};
use crate::limits::Limits;
use crate::service::Service;

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
/// The server is 198.51.100.1:1212. It may not send a peer more than the service
/// [says](Service::over_datagrams), whatever the peer says:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use switchboard_core::{Datagram, Error, Flow, Limits, Outbox, Peer, Refusal, Service, Session};
/// use switchboard_core::rehearse_datagrams;
///
/// struct Shout;
///
/// impl Service for Shout {
///     fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
///         Ok(Box::new(Self))
///     }
/// }
///
/// impl Session for Shout {
///     fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
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
    let local = SocketAddr::from(([198, 51, 100, 1], 1212));
    let guard = Guard::new(vec![local.port()]);
    let admission = Admission::uncounted(limits);
    let mut correspondence = Correspondence::new(service, limits, admission, guard, now);
    let mut heard = Vec::new();
    for Datagram { wait, peer, bytes } in said {
        now += wait;
        correspondence.tick(now);
        hear(&mut correspondence, Departures::default(), now, &mut heard);
        let arrival = Arrival {
            bytes,
            remote: SocketAddr::from(([192, 0, 2, peer], 40_000)),
            local,
            destination: local.ip(),
        };
        let mut out = Departures::default();
        correspondence.receive(&arrival, &mut out, now);
        hear(&mut correspondence, out, now, &mut heard);
    }
    correspondence.stop(now);
    hear(&mut correspondence, Departures::default(), now, &mut heard);
    heard
}

/// Takes what is sent until nobody waits for a turn.
fn hear(
    correspondence: &mut Correspondence,
    mut out: Departures,
    now: Instant,
    heard: &mut Vec<(u8, Vec<u8>)>,
) {
    loop {
        for (departure, bytes) in out.waiting() {
            let IpAddr::V4(to) = departure.to.ip() else {
                unreachable!("only those are answered who spoke")
            };
            heard.push((to.octets()[3], bytes.to_vec()));
        }
        let count = out.waiting().len();
        out.left(count);
        if !correspondence.is_ready() {
            return;
        }
        correspondence.go_on(&mut out, now);
    }
}
