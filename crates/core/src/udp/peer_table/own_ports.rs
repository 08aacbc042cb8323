//! Peers of a service each of whose conversations has a port of its own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::session::close_reason::CloseReason;
use crate::udp::dedicated_port::PortSource;
use crate::udp::peer::Pair;
use crate::udp::peer_table::Correspondence;

/// Whose port is whose.
#[derive(Default)]
pub(super) struct OwnPorts {
    /// Who asked at the port where the server listens, and where its conversation is.
    by_asked: HashMap<Pair, SocketAddr>,
    /// The ports that were opened, and for whom.
    by_local: HashMap<SocketAddr, Pair>,
    closed: Vec<SocketAddr>,
}

impl Correspondence {
    /// The pair whose conversation a datagram belongs to that arrived so. Whoever asks for the first
    /// time is given a port. Who says something to the port of somebody else is answered from there.
    ///
    /// # Errors
    ///
    /// No port can be had.
    pub(super) fn place(&mut self, asked: Pair, ports: &mut dyn PortSource) -> io::Result<Pair> {
        let (remote, local) = asked;
        let Some(own) = &mut self.own_ports else {
            return Ok(asked);
        };
        if own.by_local.contains_key(&local) {
            return Ok(asked);
        }
        if let Some(&local) = own.by_asked.get(&asked) {
            return Ok((remote, local));
        }
        let local = ports.open(local)?;
        own.by_asked.insert(asked, local);
        own.by_local.insert(local, asked);
        Ok((remote, local))
    }

    /// Whether it has shown that its address is its own: it knows the port that it was given.
    pub(super) fn is_shown(&self, (remote, local): Pair) -> bool {
        let own = self.own_ports.as_ref();
        let owner = own.and_then(|own| own.by_local.get(&local));
        owner.is_some_and(|owner| owner.0 == remote)
    }

    /// Forgets a peer that has a port of its own, once its conversation is over.
    pub(super) fn let_go(&mut self, pair: Pair, now: Instant) {
        if self.own_ports.is_none() {
            return;
        }
        match self.peers.get(&pair) {
            Some(known) if known.correspondent.is_talking() => (),
            Some(_) => self.forget(pair, CloseReason::Closed, now),
            None => self.close_port(pair),
        }
    }

    /// Closes the port of a peer, if it has one.
    pub(super) fn close_port(&mut self, (remote, local): Pair) {
        if let Some(own) = &mut self.own_ports
            && let Some(asked) = own.by_local.get(&local).copied()
            && asked.0 == remote
        {
            own.by_local.remove(&local);
            own.by_asked.remove(&asked);
            own.closed.push(local);
        }
    }

    /// The ports that are not needed any more, each once. What was sent from them may wait still.
    pub(crate) fn closed_ports(&mut self) -> Vec<SocketAddr> {
        let own = self.own_ports.as_mut();
        own.map(|own| std::mem::take(&mut own.closed))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use super::*;
    use crate::limits::admission::Admission;
    use crate::limits::limits::Limits;
    use crate::peer::{Peer, Transport};

    use crate::session::config::{Config, UdpPolicy};
    use crate::session::outbox::Outbox;
    use crate::session::service::{Flow, Refusal, Result, Service, Session};
    use crate::udp::filter::{Arrival, Guard};
    use crate::udp::send_batch::Departures;

    /// Says everything back, and closes at `bye`. Before a peer is known, it is sent ten bytes.
    struct Parrot;

    impl Service for Parrot {
        fn config(&self, _: Transport) -> Config {
            Config::bytes().udp(UdpPolicy::DedicatedPort {
                bytes: 10,
                reason: "a test",
            })
        }

        fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
            Ok(Box::new(Self))
        }
    }

    impl Session for Parrot {
        fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
            out.send(message);
            Ok(match message {
                b"bye" => Flow::Close,
                _ => Flow::Continue,
            })
        }
    }

    /// So many ports are left.
    struct Few(u16);

    impl PortSource for Few {
        fn open(&mut self, asked: SocketAddr) -> io::Result<SocketAddr> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::AddrInUse)?;
            Ok(SocketAddr::new(asked.ip(), 50_000 + self.0))
        }
    }

    struct Post {
        correspondence: Correspondence,
        ports: Few,
        now: Instant,
    }

    impl Post {
        fn new(ports: u16) -> Self {
            let now = Instant::now();
            let limits = Limits {
                datagrams_per_second: NonZeroU32::new(1),
                ..Limits::default()
            };
            let admission = Admission::uncounted(&limits);
            let guard = Guard::new(vec![1212]);
            Self {
                correspondence: Correspondence::new(
                    Arc::new(Parrot),
                    &limits,
                    admission,
                    guard,
                    now,
                ),
                ports: Few(ports),
                now,
            }
        }

        /// What is answered to a peer that says something to a port, each with the port it is from.
        fn say(&mut self, peer: u8, port: u16, said: &[u8]) -> Vec<(u16, String)> {
            let local = SocketAddr::from(([198, 51, 100, 1], port));
            let arrival = Arrival {
                bytes: said,
                remote: SocketAddr::from(([192, 0, 2, peer], 40_000)),
                local,
                destination: local.ip(),
            };
            let mut out = Departures::default();
            let now = self.now;
            self.correspondence
                .receive(&arrival, &mut self.ports, &mut out, now);
            let waiting = out.waiting().map(|(departure, bytes)| {
                assert_eq!(departure.to, arrival.remote);
                let words = String::from_utf8_lossy(bytes).into_owned();
                (departure.from.port(), words)
            });
            waiting.collect()
        }

        fn closed(&mut self) -> Vec<u16> {
            let closed = self.correspondence.closed_ports();
            closed.iter().map(SocketAddr::port).collect()
        }
    }

    fn from(port: u16, words: &str) -> Vec<(u16, String)> {
        vec![(port, words.to_owned())]
    }

    #[test]
    fn each_conversation_has_a_port_of_its_own() {
        let mut post = Post::new(9);
        assert_eq!(post.say(1, 1212, b"one"), from(50_008, "one"));
        assert_eq!(post.say(2, 1212, b"two"), from(50_007, "two"));
        assert_eq!(post.say(1, 50_008, b"more"), from(50_008, "more"));
        assert_eq!(post.say(1, 1212, b"again"), from(50_008, "again"));
        assert_eq!(post.say(1, 50_008, b"bye"), from(50_008, "bye"));
        assert_eq!(post.closed(), [50_008]);
        assert_eq!(post.say(1, 1212, b"new"), from(50_006, "new"));
        assert!(post.closed().is_empty());
    }

    #[test]
    fn who_knows_the_port_is_sent_any_number() {
        let mut post = Post::new(9);
        assert_eq!(post.say(1, 1212, b"0123456789").len(), 1);
        assert_eq!(post.say(1, 1212, b"x").len(), 0, "over the measure");
        for _ in 0..100 {
            assert_eq!(post.say(1, 50_008, &[b'x'; 1000]).len(), 1);
        }
    }

    #[test]
    fn a_stranger_at_a_port_disturbs_nobody() {
        let mut post = Post::new(9);
        post.say(1, 1212, b"one");
        assert_eq!(post.say(2, 50_008, b"hm?"), from(50_008, "hm?"));
        assert_eq!(post.say(2, 50_008, b"longer than ten").len(), 0);
        post.now += std::time::Duration::from_secs(10);
        assert_eq!(post.say(2, 50_008, b"bye"), from(50_008, "bye"));
        assert!(post.closed().is_empty());
        assert_eq!(post.say(1, 50_008, b"more"), from(50_008, "more"));
    }

    #[test]
    fn without_a_port_there_is_no_conversation() {
        let mut post = Post::new(1);
        assert_eq!(post.say(1, 1212, b"one"), from(50_000, "one"));
        assert_eq!(post.say(2, 1212, b"two"), []);
        post.correspondence.stop(post.now);
        post.correspondence
            .go_on(&mut Departures::default(), post.now);
        assert_eq!(post.closed(), [50_000], "it had its last words");
    }
}
