//! Conversations of several peers that meet in rooms, without a socket or a clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::hub::{Hub, MemberId};
use crate::hub::message::Request;
use crate::limits::limits::Limits;
use crate::peer::{Address, Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::rooms::room_kinds;
use crate::session::service::Service;

/// Peers of one service who meet in its rooms.
///
/// Each is a number; peer 7 is 192.0.2.7:40000. After each thing that happens, everything that
/// follows from it has happened too, except that nothing is sent to a peer that
/// [does not listen](Self::ignore).
///
/// ```
/// use std::sync::Arc;
///
/// use switchboard_core::testing::Gathering;
/// use switchboard_core::{
///     Flow, Limits, Outbox, Peer, Refusal, Result, RoomEvent, RoomService, Rooms, Session,
/// };
///
/// struct Relay;
///
/// impl RoomService for Relay {
///     fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
///         Ok(Box::new(Relaying(rooms)))
///     }
/// }
///
/// struct Relaying(Rooms);
///
/// impl Session for Relaying {
///     fn on_open(&mut self, out: &mut Outbox) -> Result {
///         self.0.join(out, "all", "member");
///         Ok(Flow::Continue)
///     }
///     fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
///         self.0.post(out, "all", line);
///         Ok(Flow::Continue)
///     }
///     fn on_room_event(&mut self, heard: &RoomEvent<'_>, out: &mut Outbox) -> Result {
///         if let RoomEvent::Post { bytes, .. } = heard {
///             out.send(bytes);
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// let mut gathering = Gathering::new(Arc::new(Relay), Limits::default());
/// gathering.come(1);
/// gathering.come(2);
/// gathering.say(1, b"Good evening.\n");
/// assert_eq!(gathering.heard(2), b"Good evening.\n");
/// assert_eq!(gathering.heard(1), b"");
/// ```
pub struct Gathering {
    service: Arc<dyn Service>,
    limits: Limits,
    hub: Hub,
    peers: BTreeMap<u8, Attendance>,
    began: Instant,
    time: Duration, // since then
}

/// One peer.
struct Attendance {
    connection: Connection,
    member: Option<MemberId>, // until it has departed
    heard: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
    listens: bool,
    wake_at: Option<Duration>,
}

impl Gathering {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(service: Arc<dyn Service>, limits: Limits) -> Self {
        Self {
            hub: Hub::new(room_kinds(Arc::clone(&service))),
            service,
            limits,
            peers: BTreeMap::new(),
            began: Instant::now(),
            time: Duration::ZERO,
        }
    }

    /// A peer connects, by a stream.
    pub fn come(&mut self, who: u8) {
        self.arrive(who, Transport::Stream);
    }

    /// A peer that speaks in datagrams says something for the first time.
    pub fn come_by_datagram(&mut self, who: u8, datagram: &[u8]) {
        self.arrive(who, Transport::Datagram);
        self.say(who, datagram);
    }

    /// A peer sends these bytes, or this datagram.
    ///
    /// # Panics
    ///
    /// The peer has never come. So do all others that are about a peer.
    pub fn say(&mut self, who: u8, bytes: &[u8]) {
        self.peer(who).connection.receive(bytes);
        self.settle();
    }

    /// A peer ends its side.
    pub fn hang_up(&mut self, who: u8) {
        self.peer(who).connection.end_input();
        self.settle();
    }

    /// A peer's process is gone, without a word.
    pub fn vanish(&mut self, who: u8) {
        let member = self.peer(who).member.take();
        self.peers.remove(&who);
        member.inspect(|&member| self.hub.lose(member));
        self.settle();
    }

    /// A peer takes nothing of what is sent to it, from now on.
    pub fn ignore(&mut self, who: u8) {
        self.peer(who).listens = false;
    }

    /// A peer takes what is sent to it again.
    pub fn listen(&mut self, who: u8) {
        self.peer(who).listens = true;
        self.settle();
    }

    /// Time passes; sessions are woken in their order.
    pub fn pass(&mut self, time: Duration) {
        let until = self.time + time;
        while let Some((at, who)) = self.next_wake().filter(|&(at, _)| at <= until) {
            self.at(at);
            let peer = self.peer(who);
            peer.wake_at = None;
            peer.connection.wake();
            self.settle();
        }
        self.at(until);
    }

    /// The server stops.
    pub fn stop(&mut self) {
        self.peers
            .values_mut()
            .for_each(|peer| peer.connection.stop());
        self.settle();
    }

    /// What a peer has heard since this was last asked. Datagrams are here one after the other.
    pub fn heard(&mut self, who: u8) -> Vec<u8> {
        std::mem::take(&mut self.peer(who).heard)
    }

    /// The datagrams that a peer was sent since this was last asked.
    pub fn datagrams(&mut self, who: u8) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.peer(who).datagrams)
    }

    /// Whether more would be read from this peer now.
    pub fn is_heard(&mut self, who: u8) -> bool {
        self.peer(who).connection.wants_input()
    }

    /// How the conversation with a peer ended, if it has, and everything was sent.
    pub fn ended(&mut self, who: u8) -> Option<&CloseReason> {
        let connection = &self.peer(who).connection;
        connection.ended().filter(|_| connection.is_done())
    }

    fn peer(&mut self, who: u8) -> &mut Attendance {
        let peer = self.peers.get_mut(&who);
        peer.unwrap_or_else(|| panic!("peer {who} is not there"))
    }

    fn arrive(&mut self, who: u8, transport: Transport) {
        let address = |ip, port| Address::from(SocketAddr::from((ip, port)));
        let (remote, local) = ([192, 0, 2, who], [198, 51, 100, 1]);
        let peer = Peer::new(address(remote, 40_000), address(local, 1212), transport);
        let mut attendance = Attendance {
            connection: Connection::open(&*self.service, &peer, &self.limits),
            member: Some(self.hub.enter()),
            heard: Vec::new(),
            datagrams: Vec::new(),
            listens: true,
            wake_at: None,
        };
        attendance.go_on(&mut self.hub, self.time);
        attendance
            .member
            .inspect(|&id| self.hub.ask(id, Request::Here));
        let before = self.peers.insert(who, attendance);
        if let Some(member) = before.and_then(|before| before.member) {
            self.hub.lose(member);
        }
        self.settle();
    }

    /// It is so long since it began.
    fn at(&mut self, time: Duration) {
        self.time = time;
        self.hub.at(self.began + time).tick();
        self.settle();
    }

    fn next_wake(&self) -> Option<(Duration, u8)> {
        let peers = self.peers.iter();
        peers
            .filter_map(|(&who, peer)| Some((peer.wake_at?, who)))
            .min()
    }

    /// Lets everything happen that follows.
    fn settle(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for peer in self.peers.values_mut() {
                moved |= peer.go_on(&mut self.hub, self.time);
            }
        }
        self.hub.take_stirred();
    }
}

impl Attendance {
    /// Moves what can be moved; whether anything was.
    fn go_on(&mut self, hub: &mut Hub, time: Duration) -> bool {
        let mut moved = false;
        while self.listens && self.take_output() {
            moved = true;
        }
        if let Some(after) = self.connection.take_wake() {
            self.wake_at = Some(time + after);
        }
        let Some(member) = self.member else {
            return moved;
        };
        for request in self.connection.take_requests() {
            hub.ask(member, request);
            moved = true;
        }
        while self.connection.wants_news()
            && let Some(notice) = hub.next(member)
        {
            self.connection.hear(&notice);
            moved = true;
        }
        if self.connection.is_done() {
            hub.ask(member, Request::Depart);
            self.member = None;
            moved = true;
        }
        moved
    }

    fn take_output(&mut self) -> bool {
        if let Some(datagram) = self.connection.datagram() {
            self.heard.extend_from_slice(datagram);
            self.datagrams.push(datagram.to_vec());
            self.connection.datagram_sent();
            return true;
        }
        self.connection.load_file();
        let count = self.connection.output().len();
        self.heard.extend_from_slice(self.connection.output());
        self.connection.sent(count);
        0 < count
    }
}
