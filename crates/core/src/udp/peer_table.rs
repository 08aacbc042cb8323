//! The peers of one socket of datagrams: datagrams in, datagrams out, with time as data.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use crate::exec::one_shot::Errand;
use crate::hub::message::{Notice, Request};
use crate::limits::admission::Admission;
use crate::limits::host_rate::Pace;
use crate::limits::limits::Limits;
use crate::limits::token_bucket::Bucket;
use crate::peer::Transport;
use crate::reactor::poll::{after, earlier};
use crate::session::close_reason::CloseReason;
use crate::session::config::UdpPolicy;
use crate::session::service::Service;
use crate::udp::dedicated_port::PortSource;
use crate::udp::filter::{Arrival, Guard};
use crate::udp::filter::{Dropped, Drops};
use crate::udp::peer::{Correspondent, Desk, Pair, Turn};
use crate::udp::send_batch::Departures;

/// All peers that are remembered, and whose turn it is when.
pub(crate) struct Correspondence {
    desk: Desk,
    guard: Guard,
    own_ports: Option<OwnPorts>,
    peers: HashMap<Pair, Box<Remembered>>,
    /// Who was heard from when, or since: it is looked up anew when it matters, rather than moved
    /// with every datagram.
    quiet: BTreeSet<(Instant, Pair)>,
    /// Who is to have a turn at a time.
    due: BTreeSet<(Instant, Pair)>,
    /// Who is to have a turn as soon as there is room; some may have been forgotten meanwhile.
    ready: VecDeque<Pair>,
    cut_at: Option<Instant>, // when nobody is waited for any more
}

struct Remembered {
    correspondent: Correspondent,
    quiet: Instant, // as it stands in `quiet`
    due: Option<Instant>,
    is_ready: bool,
}

impl Correspondence {
    /// Conversations with `service`.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        limits: &Limits,
        admission: Admission,
        guard: Guard,
        now: Instant,
    ) -> Self {
        let policy = service.config(Transport::Datagram).udp;
        let own_ports = matches!(policy, UdpPolicy::DedicatedPort { .. });
        let desk = Desk {
            service,
            limits: *limits,
            place: 0,
            drops: Drops::new(admission.state()),
            admission,
            pace: Pace::new(limits.rate),
            refusals: Bucket::new(REFUSALS_PER_SECOND, REFUSALS_PER_SECOND, now),
            errands: Vec::new(),
            members: HashMap::new(),
            met: 0,
            asked: Vec::new(),
            stopping: false,
        };
        Self {
            desk,
            guard,
            own_ports: own_ports.then(OwnPorts::default),
            peers: HashMap::new(),
            quiet: BTreeSet::new(),
            due: BTreeSet::new(),
            ready: VecDeque::new(),
            cut_at: None,
        }
    }

    /// The same, at the place of this number.
    pub(crate) fn at(mut self, place: usize) -> Self {
        self.desk.place = place;
        self
    }

    /// One datagram arrived. Afterwards [`out`](Departures) may be full, and is to leave before the
    /// next one is received.
    pub(crate) fn receive(
        &mut self,
        arrival: &Arrival<'_>,
        ports: &mut dyn PortSource,
        out: &mut Departures,
        now: Instant,
    ) {
        if let Err(reason) = self.guard.admit(arrival, now) {
            return self.desk.drops.count(reason, arrival.remote);
        }
        let asked = (arrival.remote, arrival.local);
        let Ok(pair) = self.place(asked, ports) else {
            return self.desk.drops.count(Dropped::NoPort, arrival.remote);
        };
        let is_shown = self.is_shown(asked);
        let Some(known) = self.peers.get_mut(&pair) else {
            self.receive_first(pair, arrival.bytes, out, now);
            return self.let_go(pair, now);
        };
        if is_shown {
            known.correspondent.is_shown();
        }
        let desk = &mut self.desk;
        match known.correspondent.receive(arrival.bytes, desk, out, now) {
            Ok(turn) => {
                let due = known.correspondent.due_at(&desk.limits);
                let is_timed = due.is_some_and(|at| known.due.is_none_or(|due| at < due));
                if !matches!(turn, Turn::None | Turn::Away) || is_timed {
                    self.settle(pair, turn);
                }
            }
            Err(refusal) => known.correspondent.refuse(&refusal, desk, out, now),
        }
        self.let_go(pair, now);
    }

    /// Gives a turn to each of those who wait for room, as long as there is some.
    pub(crate) fn go_on(&mut self, out: &mut Departures, now: Instant) {
        for _ in 0..self.ready.len() {
            if out.is_full() {
                break;
            }
            let Some(pair) = self.ready.pop_front() else {
                break;
            };
            if let Some(known) = self.peers.get_mut(&pair) {
                known.is_ready = false;
                let turn = known.correspondent.go_on(&mut self.desk, out, now);
                self.settle(pair, turn);
                self.let_go(pair, now);
            }
        }
    }

    /// Whether somebody waits for room.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When it is to be told the time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let quiet = self.quiet.first().zip(self.desk.limits.idle);
        let idle_at = quiet.map(|(&(heard, _), idle)| after(heard, idle));
        let due = self.due.first().map(|&(due, _)| due);
        earlier(self.cut_at, earlier(idle_at, due))
    }

    /// Forgets who was not heard from for too long, and finds out whose turn has come.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(&(due, pair)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let known = self.peers.get_mut(&pair);
            let known = known.expect("who is forgotten has no turn");
            known.due = None;
            self.settle(pair, Turn::Soon);
        }
        let Some(idle) = self.desk.limits.idle else {
            return;
        };
        while let Some((heard, pair)) = self.quietest(now)
            && after(heard, idle) <= now
        {
            self.forget(pair, CloseReason::Idle, now);
        }
    }

    /// The server is stopping: no conversation begins any more, and those that go on have their
    /// last words.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.desk.stopping = true;
        self.cut_at
            .get_or_insert(after(now, self.desk.limits.grace));
        let talking = self.peers.iter_mut();
        let talking = talking.filter(|(_, known)| known.correspondent.is_talking());
        let pairs: Vec<Pair> = talking
            .map(|(&pair, known)| {
                known.correspondent.stop();
                pair
            })
            .collect();
        for pair in pairs {
            self.settle(pair, Turn::Soon);
        }
    }

    /// Tells of each conversation.
    pub(crate) fn report(&self) {
        self.desk.admission.tell();
    }

    /// Whether nobody is to be heard or told anything any more, as of the last [`tick`](Self::tick).
    pub(crate) fn is_over(&self) -> bool {
        let mut known = self.peers.values();
        self.desk.stopping && !known.any(|known| known.correspondent.is_talking())
    }

    /// When nobody is waited for any more, since the server is stopping.
    pub(crate) fn cut_at(&self) -> Option<Instant> {
        self.cut_at
    }

    /// Ends what goes on; says what was dropped in all.
    pub(crate) fn end(mut self) -> Drops {
        let now = Instant::now();
        for known in self.peers.values_mut() {
            known
                .correspondent
                .end(CloseReason::Cut, &mut self.desk, now);
        }
        self.desk.drops
    }

    /// The programs that are to run, each once.
    pub(crate) fn errands(&mut self) -> Vec<Errand> {
        std::mem::take(&mut self.desk.errands)
    }

    /// A program has answered a datagram of this peer.
    pub(crate) fn answer(&mut self, pair: Pair, bytes: &[u8], out: &mut Departures, now: Instant) {
        // Who was forgotten meanwhile is not answered.
        if let Some(known) = self.peers.get_mut(&pair) {
            known.correspondent.answer(bytes, &mut self.desk, out, now);
        }
    }

    pub(crate) fn drops(&mut self) -> &mut Drops {
        &mut self.desk.drops
    }

    fn receive_first(&mut self, pair: Pair, datagram: &[u8], out: &mut Departures, now: Instant) {
        let desk = &mut self.desk;
        let mut correspondent = Correspondent::new(pair, desk, now);
        match correspondent.receive(datagram, desk, out, now) {
            Err(refusal) => correspondent.refuse(&refusal, desk, out, now), // and forgotten
            Ok(Turn::Away) => (), // and nothing was sent that would have to be remembered
            Ok(turn) => {
                self.make_room(now);
                self.quiet.insert((now, pair));
                let known = Remembered {
                    correspondent,
                    quiet: now,
                    due: None,
                    is_ready: false,
                };
                self.peers.insert(pair, Box::new(known));
                self.settle(pair, turn);
            }
        }
    }

    /// Lets a peer have its next turn.
    fn settle(&mut self, pair: Pair, turn: Turn) {
        let Some(known) = self.peers.get_mut(&pair) else {
            return;
        };
        let mut due = known.correspondent.due_at(&self.desk.limits);
        match turn {
            Turn::None | Turn::Away => (),
            Turn::At(at) => due = earlier(due, Some(at)),
            Turn::Soon if known.is_ready => (),
            Turn::Soon => {
                known.is_ready = true;
                self.ready.push_back(pair);
                return; // the rest is seen to afterwards
            }
        }
        if let Some(at) = due
            && known.due.is_none_or(|due| at < due)
        {
            if let Some(due) = known.due.replace(at) {
                self.due.remove(&(due, pair));
            }
            self.due.insert((at, pair));
        }
    }
}

const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0"); // they are sent to anyone

impl Correspondence {
    /// Forgets those who were silent for longest, until one more can be remembered.
    pub(super) fn make_room(&mut self, now: Instant) {
        while self.desk.limits.clients <= self.peers.len()
            && let Some((_, pair)) = self.quietest(now)
        {
            debug!(peer = %pair.0, "silent for longest: makes room");
            self.forget(pair, CloseReason::Cut, now);
        }
    }

    /// Who was silent for longest, and since when. Each look that finds somebody at a wrong place
    /// was paid for by a datagram that came since.
    pub(super) fn quietest(&mut self, now: Instant) -> Option<(Instant, Pair)> {
        loop {
            let &(stood, pair) = self.quiet.first()?;
            let known = self.peers.get_mut(&pair);
            let known = known.expect("who is forgotten is not looked for");
            let heard = known.correspondent.heard(now);
            if heard == stood {
                return Some((heard, pair));
            }
            self.quiet.pop_first();
            self.quiet.insert((heard, pair));
            known.quiet = heard;
        }
    }

    pub(super) fn forget(&mut self, pair: Pair, ended: CloseReason, now: Instant) {
        let Entry::Occupied(known) = self.peers.entry(pair) else {
            return;
        };
        let mut known = known.remove();
        known.correspondent.end(ended, &mut self.desk, now);
        self.close_port(pair);
        self.quiet.remove(&(known.quiet, pair));
        if let Some(due) = known.due {
            self.due.remove(&(due, pair));
        }
    }
}

impl Correspondence {
    /// What sessions ask of the hub, each by the number of its member, in order and once.
    pub(crate) fn asked(&mut self) -> Vec<(u32, Request)> {
        std::mem::take(&mut self.desk.asked)
    }

    /// The hub tells a member something. Who has ended meanwhile does not hear it.
    pub(crate) fn hear(
        &mut self,
        member: u32,
        notice: &Notice,
        out: &mut Departures,
        now: Instant,
    ) {
        if let Some(&pair) = self.desk.members.get(&member)
            && let Some(known) = self.peers.get_mut(&pair)
        {
            let turn = known.correspondent.hear(notice, &mut self.desk, out, now);
            self.settle(pair, turn);
        }
    }

    /// The hub is gone: everybody is told, and no conversation begins any more.
    pub(crate) fn lose_rooms(&mut self, now: Instant) {
        let pairs: Vec<Pair> = self.desk.members.values().copied().collect();
        for pair in pairs {
            if let Some(known) = self.peers.get_mut(&pair) {
                known.correspondent.lose_rooms();
                self.settle(pair, Turn::Soon);
            }
        }
        self.stop(now);
    }
}

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
mod tests;

#[cfg(test)]
mod tests_of_own_ports {
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
