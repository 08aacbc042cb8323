//! Drives several sessions that share rooms, without sockets or a clock.

use std::collections::BTreeMap;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::hub::Hub;
use crate::hub::message::Request;
use crate::hub::types::MemberId;
use crate::limits::limits::Limits;
use crate::peer::{Address, Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::connection::{Connection, room_kinds};
use crate::session::service::Service;
use crate::testing::stream::take_output;

/// The peers of one service, which meet in its rooms.
///
/// Each peer is a number; peer 7 is 192.0.2.7:40000. Every call returns once all its consequences
/// have happened, except that nothing is sent to a peer that has
/// [stopped reading](Self::stop_reading). The example of [`RoomService`](crate::RoomService) shows a
/// test.
///
/// # Panics
///
/// Every method that takes the number of a peer panics if that peer has never connected, except
/// those that connect it.
pub struct RoomDriver {
    service: Arc<dyn Service>,
    limits: Limits,
    hub: Hub<()>,
    peers: BTreeMap<u8, DrivenPeer>,
    now: Instant,
}

struct DrivenPeer {
    connection: Connection,
    member: Option<MemberId>, // until it has departed
    received: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
    reads: bool,
    timer: Option<Instant>,
    line_timer: Option<Instant>,
}

impl RoomDriver {
    /// A service without peers.
    #[must_use]
    pub fn new(service: Arc<dyn Service>, limits: Limits) -> Self {
        Self {
            hub: Hub::new(room_kinds(Arc::clone(&service))),
            service,
            limits,
            peers: BTreeMap::new(),
            now: Instant::now(),
        }
    }

    /// A peer connects by a stream.
    pub fn connect(&mut self, peer: u8) {
        self.open(peer, Transport::Stream);
    }

    /// A peer sends its first datagram.
    pub fn connect_datagram(&mut self, peer: u8, datagram: &[u8]) {
        self.open(peer, Transport::Datagram);
        self.send(peer, datagram);
    }

    /// A peer sends these bytes, or this datagram.
    pub fn send(&mut self, peer: u8, bytes: &[u8]) {
        let peer = self.peer(peer);
        peer.line_timer = None;
        peer.connection.receive(bytes);
        self.settle();
    }

    /// A peer closes its sending side.
    pub fn end_input(&mut self, peer: u8) {
        self.peer(peer).connection.end_input();
        self.settle();
    }

    /// The process of a session is killed.
    pub fn kill(&mut self, peer: u8) {
        let member = self.peer(peer).member.take();
        self.peers.remove(&peer);
        member.inspect(|&member| self.hub.disconnect(member));
        self.settle();
    }

    /// A peer stops reading: nothing is sent to it from now on.
    pub fn stop_reading(&mut self, peer: u8) {
        self.peer(peer).reads = false;
    }

    /// A peer reads again.
    pub fn resume_reading(&mut self, peer: u8) {
        self.peer(peer).reads = true;
        self.settle();
    }

    /// Time passes; timers and line timeouts expire in their order.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some((at, peer)) = self.next_timer().filter(|&(at, _)| at <= until) {
            self.set_time(at);
            let peer = self.peer(peer);
            if peer.timer == Some(at) {
                peer.timer = None;
                peer.connection.timer_expired();
            } else {
                peer.line_timer = None;
                peer.connection.line_timeout_expired();
            }
            self.settle();
        }
        self.set_time(until);
    }

    /// The server shuts down.
    pub fn shut_down(&mut self) {
        let peers = self.peers.values_mut();
        peers.for_each(|peer| peer.connection.shut_down());
        self.settle();
    }

    /// The bytes that a peer received since the last call, datagrams concatenated.
    pub fn received(&mut self, peer: u8) -> Vec<u8> {
        mem::take(&mut self.peer(peer).received)
    }

    /// The datagrams that a peer received since the last call.
    pub fn received_datagrams(&mut self, peer: u8) -> Vec<Vec<u8>> {
        mem::take(&mut self.peer(peer).datagrams)
    }

    /// Whether the server reads from this peer now.
    pub fn wants_input(&mut self, peer: u8) -> bool {
        self.peer(peer).connection.wants_input()
    }

    /// Why the session of a peer ended, once everything was sent.
    pub fn close_reason(&mut self, peer: u8) -> Option<&CloseReason> {
        let connection = &self.peer(peer).connection;
        connection.close_reason().filter(|_| connection.is_done())
    }

    fn peer(&mut self, number: u8) -> &mut DrivenPeer {
        let peer = self.peers.get_mut(&number);
        peer.unwrap_or_else(|| panic!("peer {number} is not connected"))
    }

    fn open(&mut self, number: u8, transport: Transport) {
        let address = |ip, port| Address::from(SocketAddr::from((ip, port)));
        let (remote, local) = ([192, 0, 2, number], [198, 51, 100, 1]);
        let peer = Peer::new(address(remote, 40_000), address(local, 1212), transport);
        let mut peer = DrivenPeer {
            connection: Connection::open(&*self.service, &peer, &self.limits),
            member: Some(self.hub.connect(())),
            received: Vec::new(),
            datagrams: Vec::new(),
            reads: true,
            timer: None,
            line_timer: None,
        };
        peer.step(&mut self.hub, self.now);
        peer.member
            .inspect(|&id| self.hub.request(id, Request::Ready));
        let replaced = self.peers.insert(number, peer);
        if let Some(member) = replaced.and_then(|peer| peer.member) {
            self.hub.disconnect(member);
        }
        self.settle();
    }

    fn set_time(&mut self, now: Instant) {
        self.now = now;
        self.hub.at(now).tick();
        self.settle();
    }

    fn next_timer(&self) -> Option<(Instant, u8)> {
        let peers = self.peers.iter();
        let timers = peers.flat_map(|(&number, peer)| {
            let timers = [peer.timer, peer.line_timer].into_iter().flatten();
            timers.map(move |at| (at, number))
        });
        timers.min()
    }

    /// Moves bytes and room messages until nothing moves.
    fn settle(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for peer in self.peers.values_mut() {
                moved |= peer.step(&mut self.hub, self.now);
            }
        }
        self.hub.take_ready();
    }
}

impl DrivenPeer {
    /// Moves what can be moved; whether anything was.
    fn step(&mut self, hub: &mut Hub<()>, now: Instant) -> bool {
        let mut moved = false;
        while self.reads && self.take_output() {
            moved = true;
        }
        if let Some(after) = self.connection.take_timer() {
            self.timer = Some(now + after);
        }
        let silence = self.connection.line_timeout();
        self.line_timer = silence.map(|silence| self.line_timer.unwrap_or(now + silence));
        let Some(member) = self.member else {
            return moved;
        };
        for request in self.connection.take_requests() {
            hub.request(member, request);
            moved = true;
        }
        while self.connection.wants_room_events()
            && let Some(message) = hub.next(member)
        {
            self.connection.room_event(&message);
            moved = true;
        }
        if self.connection.is_done() {
            hub.request(member, Request::Disconnect);
            self.member = None;
            moved = true;
        }
        moved
    }

    fn take_output(&mut self) -> bool {
        if let Some(datagram) = self.connection.datagram() {
            self.received.extend_from_slice(datagram);
            self.datagrams.push(datagram.to_vec());
            self.connection.datagram_sent();
            return true;
        }
        take_output(&mut self.connection, usize::MAX, &mut self.received)
    }
}
