//! One UDP peer: what may be sent to its address, and its session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::hub::message::{HubMessage, Request};
use crate::hub::types::RoomEvent;
use crate::limits::admission::Slot;
use crate::limits::deadlines::Timer;
use crate::limits::limits::Limits;
use crate::limits::stats::Counter;
use crate::limits::token_bucket::TokenBucket;
use crate::peer::Peer;
use crate::reactor::poll::{after, earlier};
use crate::session::close_reason::CloseReason;
use crate::session::config::UdpPolicy;
use crate::session::connection::Connection;
use crate::session::service::Refusal;
use crate::udp::filter::Dropped;
use crate::udp::loop_detector::{LoopDetector, Verdict};
use crate::udp::send_batch::SendBatch;
use crate::udp::validation::{AmplificationLimit, Challenge};

/// What identifies a peer: its address, and the address of this machine that it sends to.
pub(crate) type PeerKey = (SocketAddr, SocketAddr);

/// A peer in the peer table. It outlives its session, so that the limits on what is sent to it do
/// not start anew.
pub(crate) struct UdpPeer {
    pub(crate) key: PeerKey,
    limit: AmplificationLimit,
    challenge: Challenge,
    may_challenge: bool,         // a datagram came since the last challenge
    bucket: Option<TokenBucket>, // limits the datagrams sent to it
    loop_detector: Option<LoopDetector>, // unless its address is verified, or there is no rate limit
    session: Option<UdpSession>,
    programs: u32, // running for it
    last_datagram: Instant,
    /// Maintained by the peer table.
    pub(crate) listing: Listing,
}

/// The entries of a peer in the queues of the peer table.
pub(crate) struct Listing {
    /// The time under which it is listed by activity.
    pub(crate) active: Instant,
    /// The time under which it is listed as due.
    pub(crate) due: Option<Instant>,
    /// Whether it is listed as ready.
    pub(crate) ready: bool,
}

/// When a peer needs attention if no datagram comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Only when its timers expire.
    Idle,
    /// As soon as the send batch has room.
    Ready,
    /// When the rate limit allows the next datagram.
    At(Instant),
    /// Now: its session is done and has to be [closed](UdpPeer::close).
    Close,
}

impl UdpPeer {
    pub(crate) fn new(key: PeerKey, policy: UdpPolicy, limits: &Limits, now: Instant) -> Self {
        let rate = limits.datagrams_per_second;
        Self {
            key,
            limit: AmplificationLimit::new(policy),
            challenge: Challenge::default(),
            may_challenge: false,
            bucket: rate.map(|rate| TokenBucket::per_second(rate, now)),
            loop_detector: rate.map(|_| LoopDetector::new(key.0.port(), now)),
            session: None,
            programs: 0,
            last_datagram: now,
            listing: Listing {
                active: now,
                due: None,
                ready: false,
            },
        }
    }

    /// Whether it has a session, perhaps one that has ended and still has datagrams to send.
    pub(crate) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// When it was last active. While a program runs for it, that is now.
    pub(crate) fn last_active(&self, now: Instant) -> Instant {
        if 0 < self.programs {
            now
        } else {
            self.last_datagram
        }
    }

    /// When one of its timers expires.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let session = self.session.as_ref()?;
        earlier(session.timeout_at(), session.timer.deadline())
    }

    /// Its address is verified: neither the amplification limit nor the rate limit applies any more.
    pub(crate) fn lift_limits(&mut self) {
        self.limit.lift();
        self.bucket = None;
        self.loop_detector = None;
        if let Some(session) = &mut self.session {
            session.connection.set_verified();
        }
    }

    /// Counts a datagram of this length, and returns whether to deliver it. To be called for each
    /// datagram, before anything else.
    pub(crate) fn received(&mut self, bytes: usize, now: Instant) -> Verdict {
        self.last_datagram = now;
        self.limit.received(bytes);
        self.may_challenge = true;
        let detector = self.loop_detector.as_mut();
        detector.map_or(Verdict::Deliver, |detector| detector.received(now))
    }

    /// Whether the datagram is the code of the challenge. Then the amplification limit is lifted.
    pub(crate) fn verify(&mut self, datagram: &[u8]) -> bool {
        let verified = self.challenge.verify(datagram);
        if verified {
            self.limit.lift();
            self.loop_detector = None; // no server returns the code alone
            if let Some(session) = &mut self.session {
                session.connection.set_verified();
            }
        }
        verified
    }

    /// Opens the session with the datagram that it begins with.
    pub(crate) fn open(
        &mut self,
        session: UdpSession,
        datagram: &[u8],
        out: &mut SendBatch,
        now: Instant,
    ) -> Next {
        let session = self.session.insert(session);
        if !session.receive_first(datagram) {
            out.drops.count(Dropped::Busy, self.key.0);
        }
        self.send(out, now)
    }

    /// Delivers a datagram to the session and sends the reply.
    pub(crate) fn deliver(&mut self, datagram: &[u8], out: &mut SendBatch, now: Instant) -> Next {
        if self.session.as_ref().is_some_and(UdpSession::has_queued) {
            self.send(out, now); // the datagram may have raised the amplification limit
        }
        if let Some(session) = &mut self.session
            && !session.receive(datagram)
        {
            out.drops.count(Dropped::Busy, self.key.0);
        }
        self.send(out, now)
    }

    /// Handles expired timers and sends what is queued.
    pub(crate) fn resume(&mut self, out: &mut SendBatch, now: Instant) -> Next {
        if let Some(session) = &mut self.session {
            if session.timeout_at().is_some_and(|at| at <= now) {
                session.connection.close(CloseReason::SessionTimeout);
            }
            if session.timer.take_expired(now) {
                session.connection.timer_expired();
            }
        }
        self.send(out, now)
    }

    /// Delivers a message of the hub to the session. A room post that exceeds the outbox is dropped,
    /// like the datagram that it would have become.
    pub(crate) fn deliver_hub_message(
        &mut self,
        message: &HubMessage,
        out: &mut SendBatch,
        now: Instant,
    ) -> Next {
        if let Some(session) = &mut self.session {
            let is_post = matches!(message, HubMessage::Event(RoomEvent::Post { .. }));
            if is_post && !session.connection.wants_room_events() {
                out.drops.count(Dropped::QueueFull, self.key.0);
            } else {
                session.connection.room_event(message);
            }
        }
        self.send(out, now)
    }

    /// Ends the session's rooms: the hub has ended.
    pub(crate) fn lose_rooms(&mut self) {
        if let Some(session) = &mut self.session {
            session.connection.lose_rooms();
        }
    }

    /// Notifies the session that the server stops; returns whether there is one.
    pub(crate) fn stop(&mut self) -> bool {
        if let Some(session) = &mut self.session {
            session.stopping = true;
            session.connection.shut_down();
        }
        self.has_session()
    }

    /// Ends the session for this reason, without a message to the peer, which may be long gone.
    pub(crate) fn evict(&mut self, reason: CloseReason, members: &mut Members) {
        if let Some(session) = &mut self.session {
            session.connection.close(reason);
        }
        self.close(members);
    }

    /// Removes and logs the session, which leaves its rooms.
    pub(crate) fn close(&mut self, members: &mut Members) {
        self.collect_requests(members);
        let Some(session) = self.session.take() else {
            return;
        };
        if let Some(member) = session.member {
            members.remove(member);
        }
        let reason = session.connection.into_close_reason();
        let (received, sent) = (session.received, session.sent);
        reason.record(&session.peer, Some(&session.slot), received, sent);
    }

    /// Queues what the session requests of the hub.
    pub(crate) fn collect_requests(&mut self, members: &mut Members) {
        if let Some(session) = &mut self.session
            && let Some(member) = session.member
        {
            let requests = session.connection.take_requests().into_iter();
            let requests = requests.map(|request| (member, request));
            members.requests.extend(requests);
        }
    }

    /// Sends the message of a refusal, if the limits allow it.
    pub(crate) fn refuse(
        &mut self,
        refusal: &Refusal,
        rate: &mut TokenBucket,
        out: &mut SendBatch,
        now: Instant,
    ) {
        let line = format!("{}\n", refusal.0);
        if self.limit.allows(line.len()) && rate.take(now) {
            self.push(line.as_bytes(), out);
        } else {
            out.drops.count(Dropped::Refused, self.key.0);
        }
    }

    /// Counts a program that runs for it, until its [reply](Self::reply).
    pub(crate) fn program_started(&mut self) {
        self.programs += 1;
    }

    /// Sends the output of a program that has ended, if there is any and the limits allow it.
    pub(crate) fn reply(&mut self, output: &[u8], out: &mut SendBatch, now: Instant) {
        self.programs -= 1;
        if output.is_empty() {
            return;
        }
        if !self.limit.allows(output.len()) {
            out.drops.count(Dropped::AmplificationLimit, self.key.0);
        } else if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            out.drops.count(Dropped::RateLimit, self.key.0);
        } else {
            out.drops.stats.count(Counter::Sent, output.len() as u64);
            self.push(output, out);
        }
    }

    /// Sends what the session has queued, lets it continue where that makes room, and sets its timer.
    fn send(&mut self, out: &mut SendBatch, now: Instant) -> Next {
        let next = self.send_queued(out, now);
        if let Some(session) = &mut self.session
            && let Some(delay) = session.connection.take_timer()
        {
            session.timer.set(delay, now);
        }
        next
    }

    fn send_queued(&mut self, out: &mut SendBatch, now: Instant) -> Next {
        let (remote, local) = self.key;
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(session) = &mut self.session else {
                return Next::Idle;
            };
            let connection = &mut session.connection;
            session.delays |= connection.waits_for_writable();
            let Some(datagram) = connection.datagram() else {
                session.delays = false;
                return if connection.is_done() {
                    Next::Close
                } else {
                    Next::Idle
                };
            };
            if out.is_full() {
                return Next::Ready;
            }
            let by_line = connection.line_end().is_some();
            // Room posts exceed the limit soon, since they are not replies to the peer.
            let can_challenge = by_line || session.member.is_some();
            let reserve = if can_challenge {
                Challenge::MAX_BYTES
            } else {
                0
            };
            if !self.limit.allows(datagram.len() + reserve) {
                if !session.stopping && (by_line || session.delays) {
                    self.send_challenge(out);
                    return Next::Idle;
                }
                out.drops.count(Dropped::AmplificationLimit, remote);
                connection.datagram_sent();
                if can_challenge && !session.stopping {
                    self.send_challenge(out);
                }
                continue;
            }
            if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
                if let Some(bucket) = self.bucket.filter(|_| session.delays) {
                    return Next::At(bucket.next());
                }
                out.drops.count(Dropped::RateLimit, remote);
            } else {
                let bytes = datagram.len() as u64;
                session.sent += bytes;
                session.slot.count_bytes(0, bytes);
                self.limit.sent(datagram.len());
                self.loop_detector.iter_mut().for_each(LoopDetector::sent);
                out.push(local, remote, datagram);
            }
            connection.datagram_sent();
        }
        Next::Ready
    }

    /// Sends the challenge, if the peer can answer it and has sent something since the last one.
    fn send_challenge(&mut self, out: &mut SendBatch) {
        let line_end = self.session.as_ref().and_then(UdpSession::line_end);
        if let Some(line_end) = line_end
            && std::mem::take(&mut self.may_challenge)
            && let Some(message) = self.challenge.message(line_end)
            && self.limit.allows(message.len())
        {
            self.push(message.as_bytes(), out);
        }
    }

    /// Sends a datagram that the amplification limit allows.
    fn push(&mut self, datagram: &[u8], out: &mut SendBatch) {
        let (remote, local) = self.key;
        self.limit.sent(datagram.len());
        self.loop_detector.iter_mut().for_each(LoopDetector::sent);
        out.push(local, remote, datagram);
    }
}

/// The session of a UDP peer.
pub(crate) struct UdpSession {
    connection: Connection,
    peer: Peer,
    slot: Slot,
    member: Option<u32>, // its number, where the service has rooms
    timer: Timer,
    timeout_at: Option<Instant>, // of the whole session
    /// Whether a datagram above the rate limit is delayed rather than dropped: it is of a session
    /// that returned `WhenWritable`.
    delays: bool,
    stopping: bool, // the server is
    received: u64,
    sent: u64,
}

impl UdpSession {
    pub(crate) fn new(
        connection: Connection,
        peer: Peer,
        slot: Slot,
        member: Option<u32>,
        limits: &Limits,
        now: Instant,
    ) -> Self {
        Self {
            connection,
            peer,
            slot,
            member,
            timer: Timer::default(),
            timeout_at: limits.session_timeout.map(|session| after(now, session)),
            delays: false,
            stopping: false,
            received: 0,
            sent: 0,
        }
    }

    /// When the session is to be ended, unless it has ended.
    fn timeout_at(&self) -> Option<Instant> {
        self.timeout_at
            .filter(|_| self.connection.close_reason().is_none())
    }

    fn has_queued(&self) -> bool {
        self.connection.datagram().is_some()
    }

    /// The line end of a challenge; `None` if the peer may not be able to read one.
    fn line_end(&self) -> Option<&'static str> {
        let line_end = self.connection.line_end();
        line_end.or(self.member.map(|_| "\n"))
    }

    /// Delivers a datagram. Returns whether the session takes input now.
    fn receive(&mut self, datagram: &[u8]) -> bool {
        self.received += datagram.len() as u64;
        self.slot.count_bytes(datagram.len() as u64, 0);
        self.connection.receive_datagram(datagram)
    }

    /// Delivers the datagram that the session began with. A blank one is answered by the greeting;
    /// any other is a message, and its reply replaces the greeting.
    fn receive_first(&mut self, datagram: &[u8]) -> bool {
        if self.connection.close_reason().is_some() {
            return true; // the greeting was everything
        }
        let blank = datagram.iter().all(u8::is_ascii_whitespace);
        if blank && self.has_queued() {
            return true;
        }
        if !self.connection.waits_for_writable() {
            self.connection.discard_output();
        }
        self.receive(datagram)
    }
}

/// The sessions of one socket as members of rooms, and their requests to the hub.
#[derive(Default)]
pub(crate) struct Members {
    keys: HashMap<u32, PeerKey>,
    last: u32, // the number of the newest member
    requests: Vec<(u32, Request)>,
}

impl Members {
    /// Adds a member and returns its number, from 1 on.
    pub(crate) fn add(&mut self, key: PeerKey) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.keys.insert(self.last, key);
        self.last
    }

    fn remove(&mut self, member: u32) {
        self.keys.remove(&member);
        self.requests.push((member, Request::Disconnect));
    }

    pub(crate) fn get(&self, member: u32) -> Option<PeerKey> {
        self.keys.get(&member).copied()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &PeerKey> {
        self.keys.values()
    }

    /// The requests since the last call, each with the number of its member, in order.
    pub(crate) fn take_requests(&mut self) -> Vec<(u32, Request)> {
        std::mem::take(&mut self.requests)
    }
}

const DATAGRAMS_PER_TURN: usize = 16; // then other peers have their turn
