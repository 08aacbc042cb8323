//! One UDP peer: what may be sent to its address, and its session.

use std::collections::HashMap;
use std::time::Instant;

use tracing::warn;

use crate::hub::message::{HubMessage, Request};
use crate::hub::types::RoomEvent;
use crate::limits::admission::Slot;
use crate::limits::deadlines::Timer;
use crate::limits::limits::Limits;
use crate::limits::stats::Counter;
use crate::limits::token_bucket::TokenBucket;
use crate::peer::{Address, Host, Peer};
use crate::reactor::poll::{after, earlier};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::service::Refusal;
use crate::udp::filter::Dropped;
use crate::udp::loop_detector::{LoopDetector, Verdict};
use crate::udp::recv_batch::PeerKey;
use crate::udp::send_batch::SendBatch;
use crate::udp::validation::Validation;

/// Where the datagrams for a peer go, and what limits them.
pub(crate) struct Output<'a> {
    pub(crate) batch: &'a mut SendBatch,
    pub(crate) validation: &'a mut Validation,
    pub(crate) now: Instant,
}

/// A peer in the peer table. It outlives its session, so that it stays verified, and its rate limit
/// does not start anew.
pub(crate) struct UdpPeer {
    pub(crate) key: PeerKey,
    pub(crate) host: Host,
    /// Whether it receives at its address: it has shown this, or the address cannot be forged. Then
    /// there is no amplification limit.
    pub(crate) is_verified: bool,
    unanswered: u64,                     // bytes received, less those sent
    sent_unverified: u64,                // bytes
    asked: bool,                         // for its code, in the beginning
    may_ask: bool,                       // a datagram came since it was asked
    is_reported: bool,                   // that something was not sent to it
    bucket: Option<TokenBucket>,         // limits the datagrams sent to it
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
    /// Whether it is listed there among the verified peers.
    pub(crate) verified: bool,
    /// Whether it counts for its host.
    pub(crate) counted: bool,
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
    pub(crate) fn new(key: PeerKey, is_verified: bool, limits: &Limits, now: Instant) -> Self {
        let rate = limits.datagrams_per_second;
        Self {
            key,
            host: Address::from(key.0).host(),
            is_verified,
            unanswered: 0,
            sent_unverified: 0,
            asked: false,
            may_ask: false,
            is_reported: false,
            bucket: rate.map(|rate| TokenBucket::per_second(rate, now)),
            loop_detector: rate.map(|_| LoopDetector::new(key.0.port(), now)),
            session: None,
            programs: 0,
            last_datagram: now,
            listing: Listing {
                active: now,
                verified: is_verified,
                counted: false,
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

    /// The peer has sent to its dedicated port: neither the amplification limit nor the rate limit
    /// applies any more.
    pub(crate) fn lift_limits(&mut self, validation: &mut Validation) {
        self.verify(validation);
        self.bucket = None;
    }

    /// The peer has shown that it receives at its address. What was sent to it does not count for its
    /// host any more, which may have other peers.
    pub(crate) fn verify(&mut self, validation: &mut Validation) {
        self.is_verified = true;
        self.loop_detector = None; // no server shows this
        validation.refund(self.host, std::mem::take(&mut self.sent_unverified));
        if std::mem::take(&mut self.listing.counted) {
            validation.peer_removed(self.host);
        }
        if let Some(session) = &mut self.session {
            session.connection.set_verified();
        }
    }

    /// Counts a datagram of this length, and returns whether to deliver it. To be called for each
    /// datagram, before anything else.
    pub(crate) fn received(
        &mut self,
        bytes: usize,
        validation: &mut Validation,
        now: Instant,
    ) -> Verdict {
        self.last_datagram = now;
        self.may_ask = true;
        if !self.is_verified {
            self.unanswered = self
                .unanswered
                .saturating_add((bytes + LINE_END_BYTES) as u64);
            validation.received(self.host, bytes, now);
        }
        let detector = self.loop_detector.as_mut();
        detector.map_or(Verdict::Deliver, |detector| detector.received(now))
    }

    /// Opens the session with the datagram that it begins with.
    pub(crate) fn open(
        &mut self,
        session: UdpSession,
        datagram: &[u8],
        out: &mut Output<'_>,
    ) -> Next {
        let session = self.session.insert(session);
        if !session.receive_first(datagram) {
            out.batch.drops.count(Dropped::Busy, self.key.0);
        }
        // It joined a room to receive: it is asked before the first message of another member.
        let receives = session.member.is_some() && is_blank(datagram) && !session.has_queued();
        if receives && !self.is_verified {
            self.ask(out);
        }
        self.send(out)
    }

    /// Delivers a datagram to the session and sends the reply.
    pub(crate) fn deliver(&mut self, datagram: &[u8], out: &mut Output<'_>) -> Next {
        if self.session.as_ref().is_some_and(UdpSession::has_queued) {
            self.send(out); // the datagram may have raised the amplification limit
        }
        if let Some(session) = &mut self.session
            && !session.receive(datagram)
        {
            out.batch.drops.count(Dropped::Busy, self.key.0);
        }
        self.send(out)
    }

    /// Handles expired timers and sends what is queued.
    pub(crate) fn resume(&mut self, out: &mut Output<'_>) -> Next {
        let now = out.now;
        if let Some(session) = &mut self.session {
            if session.timeout_at().is_some_and(|at| at <= now) {
                session.connection.close(CloseReason::SessionTimeout);
            }
            if session.timer.take_expired(now) {
                session.connection.timer_expired();
            }
        }
        self.send(out)
    }

    /// Delivers a message of the hub to the session. A room post that exceeds the outbox is dropped,
    /// like the datagram that it would have become.
    pub(crate) fn deliver_hub_message(
        &mut self,
        message: &HubMessage,
        out: &mut Output<'_>,
    ) -> Next {
        if let Some(session) = &mut self.session {
            let is_post = matches!(message, HubMessage::Event(RoomEvent::Post { .. }));
            if is_post && !session.connection.wants_room_events() {
                out.batch.drops.count(Dropped::QueueFull, self.key.0);
            } else {
                session.connection.room_event(message);
            }
        }
        self.send(out)
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
        out: &mut Output<'_>,
    ) {
        let line = format!("{}\n", refusal.0);
        if self.may_send(line.len(), out) && rate.take(out.now) {
            self.push(line.as_bytes(), out);
        } else {
            out.batch.drops.count(Dropped::Refused, self.key.0);
        }
    }

    /// Counts a program that runs for it, until its [reply](Self::reply).
    pub(crate) fn program_started(&mut self) {
        self.programs += 1;
    }

    /// Sends the output of a program that has ended, if there is any and the limits allow it.
    pub(crate) fn reply(&mut self, output: &[u8], out: &mut Output<'_>) {
        // The peer may have been evicted and added again meanwhile.
        self.programs = self.programs.saturating_sub(1);
        if output.is_empty() {
            return;
        }
        if !self.may_send(output.len(), out) {
            self.report(output.len(), out);
            out.batch
                .drops
                .count(Dropped::AmplificationLimit, self.key.0);
        } else if self
            .bucket
            .as_mut()
            .is_some_and(|bucket| !bucket.take(out.now))
        {
            out.batch.drops.count(Dropped::RateLimit, self.key.0);
        } else {
            out.batch
                .drops
                .stats
                .count(Counter::Sent, output.len() as u64);
            self.push(output, out);
        }
    }

    /// Sends what the session has queued, lets it continue where that makes room, and sets its timer.
    fn send(&mut self, out: &mut Output<'_>) -> Next {
        let next = self.send_queued(out);
        if let Some(session) = &mut self.session
            && let Some(delay) = session.connection.take_timer()
        {
            session.timer.set(delay, out.now);
        }
        next
    }

    fn send_queued(&mut self, out: &mut Output<'_>) -> Next {
        let (remote, local) = self.key;
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(session) = &mut self.session else {
                return Next::Idle;
            };
            let connection = &session.connection;
            session.delays |= connection.waits_for_writable();
            let Some(bytes) = connection.datagram().map(<[u8]>::len) else {
                session.delays = false;
                return if connection.is_done() {
                    Next::Close
                } else {
                    Next::Idle
                };
            };
            if out.batch.is_full() {
                return Next::Ready;
            }
            let allowed = self.check_limit(bytes, out);
            let Some(session) = self.session.as_mut().filter(|_| allowed != Allowed::Later) else {
                return Next::Idle;
            };
            if allowed == Allowed::Never {
                out.batch.drops.count(Dropped::AmplificationLimit, remote);
            } else if self
                .bucket
                .as_mut()
                .is_some_and(|bucket| !bucket.take(out.now))
            {
                if let Some(bucket) = self.bucket.filter(|_| session.delays) {
                    return Next::At(bucket.next());
                }
                out.batch.drops.count(Dropped::RateLimit, remote);
            } else if let Some(datagram) = session.connection.datagram() {
                session.sent += bytes as u64;
                session.slot.count_bytes(0, bytes as u64);
                self.loop_detector.iter_mut().for_each(LoopDetector::sent);
                if !self.is_verified {
                    self.unanswered = self.unanswered.saturating_sub(bytes as u64);
                    self.sent_unverified += bytes as u64;
                    out.validation.sent(self.host, bytes);
                }
                out.batch.push(local, remote, datagram);
            }
            session.connection.datagram_sent();
        }
        Next::Ready
    }

    /// Whether the next datagram of the session may be sent. An unverified peer that is to get more
    /// than it sent is asked for its code before, once. Later it is asked only where the amplification
    /// limit is reached.
    fn check_limit(&mut self, bytes: usize, out: &mut Output<'_>) -> Allowed {
        let Some(session) = self.session.as_ref().filter(|_| !self.is_verified) else {
            return Allowed::Now;
        };
        let goes_on = session.connection.close_reason().is_none();
        let waits = session.connection.line_end().is_some() || session.delays;
        if !session.stopping {
            if self.asked && !self.may_ask {
                return Allowed::Later; // it has not answered yet
            }
            if goes_on && !self.asked && self.unanswered < bytes as u64 && self.ask(out) {
                return Allowed::Later;
            }
        }
        if out.validation.allows(self.host, bytes) {
            return Allowed::Now;
        }
        if self
            .session
            .as_ref()
            .is_some_and(|session| session.stopping)
        {
            return Allowed::Never;
        }
        self.report(bytes, out);
        if self.ask(out) || waits {
            Allowed::Later
        } else {
            Allowed::Never
        }
    }

    /// Asks the peer for its code, if it can read the question, has sent something since the last one,
    /// and the amplification limit allows it. Returns whether it was asked.
    pub(crate) fn ask(&mut self, out: &mut Output<'_>) -> bool {
        let line_end = self.session.as_ref().and_then(UdpSession::line_end);
        line_end.is_some_and(|line_end| self.send_question(line_end, out))
    }

    /// The same for a peer that can read the question, with this line end.
    pub(crate) fn send_question(&mut self, line_end: &str, out: &mut Output<'_>) -> bool {
        let question = out.validation.question(self.key, line_end, out.now);
        let asks = self.may_ask && out.validation.allows(self.host, question.len());
        if asks {
            self.push(question.as_bytes(), out);
            (self.asked, self.may_ask) = (true, false);
        }
        asks
    }

    /// Logs the first time that something is not sent to the peer because it is not verified.
    fn report(&mut self, bytes: usize, out: &mut Output<'_>) {
        if !self.is_reported && out.validation.may_warn(out.now) {
            self.is_reported = true;
            let peer = self.key.0;
            let ip = peer.ip().to_canonical();
            warn!(%peer, "not sent: {bytes} bytes to an unverified address (--trust-network {ip} allows it)");
        }
    }

    /// Sends a datagram that the amplification limit allows.
    fn push(&mut self, datagram: &[u8], out: &mut Output<'_>) {
        let (remote, local) = self.key;
        if !self.is_verified {
            self.sent_unverified += datagram.len() as u64;
            out.validation.sent(self.host, datagram.len());
        }
        self.loop_detector.iter_mut().for_each(LoopDetector::sent);
        out.batch.push(local, remote, datagram);
    }

    fn may_send(&self, bytes: usize, out: &mut Output<'_>) -> bool {
        self.is_verified || out.validation.allows(self.host, bytes)
    }
}

/// Whether the amplification limit allows a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Now,
    /// Perhaps after the next datagram from the peer.
    Later,
    Never,
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

    /// The line end of a question; `None` if the peer may not be able to read one.
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
        if is_blank(datagram) && self.has_queued() {
            return true;
        }
        if !self.connection.waits_for_writable() {
            self.connection.discard_output();
        }
        self.receive(datagram)
    }
}

fn is_blank(datagram: &[u8]) -> bool {
    datagram.iter().all(u8::is_ascii_whitespace)
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
const LINE_END_BYTES: usize = 2; // an answer may have one where the datagram had none
