//! The peers of one UDP socket, without the socket: datagrams in, datagrams out, time as an argument.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, warn};

use crate::exec::one_shot::Job;
use crate::hub::message::HubMessage;
use crate::limits::admission::Admission;
use crate::limits::host_rate::HostRate;
use crate::limits::limits::Limits;
use crate::limits::stats::Counter;
use crate::limits::token_bucket::TokenBucket;
use crate::peer::{Peer, Transport};
use crate::reactor::poll::{after, earlier};
use crate::session::close_reason::CloseReason;
use crate::session::config::UdpPolicy;
use crate::session::connection::Connection;
use crate::session::framing::Framing;
use crate::session::service::{Refusal, Service};
use crate::udp::dedicated_port::{OpenPort, PortTable};
use crate::udp::filter::{Dropped, Drops, Filter};
use crate::udp::loop_detector::{MUTE_TIME, Verdict};
use crate::udp::peer::{Members, Next, Output, UdpPeer, UdpSession};
use crate::udp::programs::{JobKey, UnverifiedPrograms};
use crate::udp::recv_batch::{Incoming, PeerKey};
use crate::udp::send_batch::SendBatch;
use crate::udp::validation::{QUESTION, Validation};

/// All peers with a session, and those that had one recently. When it is full, the unverified peer
/// that was inactive for longest is evicted. Without one, a new peer has a place only if it is
/// verified itself, which it takes from the verified peer that was inactive for longest; a session
/// with a port of its own, which is a transfer, is not ended for another one.
pub(crate) struct PeerTable {
    service: Arc<dyn Service>,
    rooms: bool, // the service has them
    runs_programs: bool,
    asks: bool, // unverified peers for their code
    limits: Limits,
    listener: usize, // the number of the listener, for the service
    filter: Filter,
    pub(crate) admission: Admission,
    host_rate: HostRate,
    refusals: TokenBucket,     // messages of refusals, to any address
    questions: TokenBucket, // those to peers that are not in the table, which have no limit of their own
    warnings: TokenBucket,  // which anyone can cause
    pub(crate) out: SendBatch, // the replies
    validation: Validation,
    peers: HashMap<PeerKey, Box<UdpPeer>>,
    max_peers: usize,
    max_unverified: usize, // of them
    by_activity: ByActivity,
    schedule: Schedule,
    pub(crate) members: Members,
    ports: Option<PortTable>, // with `UdpPolicy::DedicatedPort`
    /// The programs to start. Each needs a [reply](Self::reply) in the end.
    pub(crate) jobs: Vec<Job<JobKey>>,
    programs: UnverifiedPrograms,
    pub(crate) end_at: Option<Instant>, // of the grace period, once the server stops
}

/// Peers by last activity, the unverified and the verified ones. Entries may be stale: they are
/// re-checked on expiry, not updated per datagram.
#[derive(Default)]
struct ByActivity([BTreeSet<(Instant, PeerKey)>; 2]);

/// Which peers need attention, and when.
#[derive(Default)]
struct Schedule {
    due: BTreeSet<(Instant, PeerKey)>,
    /// Peers to resume as soon as the send batch has room. May contain removed peers.
    ready: VecDeque<PeerKey>,
}

/// Why a peer got no session.
enum NoSession {
    Dropped(Dropped),
    Refused(Refusal),
    /// Too many programs run; a verified peer may start another one.
    Unverified,
}

impl PeerTable {
    /// `listener` is the number of the listener that peers arrive at.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        limits: &Limits,
        admission: Admission,
        listener: usize,
        filter: Filter,
        now: Instant,
    ) -> Self {
        let config = service.config(Transport::Datagram);
        let has_rooms = service.rooms().is_some();
        let dedicated = matches!(config.udp, UdpPolicy::DedicatedPort { .. });
        Self {
            service,
            rooms: has_rooms,
            runs_programs: config.exec,
            asks: config.framing == Framing::Line || has_rooms || config.exec,
            limits: *limits,
            listener,
            filter,
            host_rate: HostRate::new(limits.rate),
            refusals: TokenBucket::per_second(REFUSALS_PER_SECOND, now),
            questions: TokenBucket::per_second(QUESTIONS_PER_SECOND, now),
            warnings: TokenBucket::per_second(WARNINGS_PER_SECOND, now),
            out: SendBatch::new(admission.stats()),
            admission,
            validation: Validation::new(config.udp, limits.max_clients, now),
            peers: HashMap::new(),
            max_peers: limits.max_clients,
            max_unverified: usize::MAX,
            by_activity: ByActivity::default(),
            schedule: Schedule::default(),
            members: Members::default(),
            ports: dedicated.then(PortTable::default),
            jobs: Vec::new(),
            programs: UnverifiedPrograms::new(limits),
            end_at: None,
        }
    }

    /// This many descriptors may be open. Sessions with ports of their own need some each, so there are
    /// no more of them, and few with unverified peers: a flood of forged datagrams leaves descriptors
    /// for the others.
    pub(crate) fn limit_descriptors(&mut self, limit: usize) {
        if self.ports.is_some() {
            let sessions = limit.saturating_sub(RESERVED_DESCRIPTORS) / DESCRIPTORS_PER_SESSION;
            self.max_peers = self.max_peers.min(sessions.max(1));
            self.max_unverified = self.max_peers.div_ceil(4).min(MAX_UNVERIFIED);
        }
    }

    /// Handles a received datagram. Afterwards `out` may be full, and is to be sent before the next
    /// call. `open_port` is called only for a service with [`UdpPolicy::DedicatedPort`].
    pub(crate) fn receive(
        &mut self,
        incoming: &Incoming<'_>,
        open_port: OpenPort<'_>,
        now: Instant,
    ) {
        if let Err(reason) = self.filter.check(incoming, now) {
            return self.out.drops.count(reason, incoming.remote);
        }
        let request = (incoming.remote, incoming.local);
        let key = match &mut self.ports {
            None => Ok(request),
            Some(ports) => ports.resolve(request, open_port),
        };
        let Ok(key) = key else {
            // There is one for the next datagram.
            if let Some((_, key)) = self.least_active(false, now) {
                self.remove(key, CloseReason::Evicted);
            }
            return self.out.drops.count(Dropped::NoPort, incoming.remote);
        };
        self.receive_from(key, request, incoming.bytes, now);
        self.release_port(key);
    }

    fn receive_from(&mut self, key: PeerKey, request: PeerKey, datagram: &[u8], now: Instant) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return self.receive_first(key, datagram, now);
        };
        if let Some(ports) = &self.ports
            && ports.is_assigned(request)
        {
            peer.lift_limits(&mut self.validation);
        }
        let verdict = peer.received(datagram.len(), &mut self.validation, now);
        let verified =
            !peer.is_verified && self.asks && self.validation.verify(key, peer.host, datagram, now);
        if verified {
            peer.verify(&mut self.validation);
        }
        self.by_activity.relist(peer);
        let mut out = Output {
            batch: &mut self.out,
            validation: &mut self.validation,
            now,
        };
        let next = if verified {
            peer.resume(&mut out)
        } else if verdict != Verdict::Deliver {
            if let Verdict::BeginMute(count) = verdict
                && self.warnings.take(now)
            {
                warn!(
                    peer = %key.0,
                    "ignored for {} s: it may be a server that answers this one, after {count} \
                     datagrams in each direction without a pause (--datagram-rate none allows it)",
                    MUTE_TIME.as_secs()
                );
            }
            return self.out.drops.count(Dropped::Loop, key.0);
        } else if peer.has_session() {
            peer.deliver(datagram, &mut out)
        } else {
            return self.open(key, None, datagram, now);
        };
        self.schedule.settle(peer, next, &mut self.members);
    }

    /// Handles a datagram from a peer that is not in the table.
    fn receive_first(&mut self, key: PeerKey, mut datagram: &[u8], now: Instant) {
        let is_trusted = self.filter.is_trusted(key.0.ip(), now);
        let mut peer = Box::new(UdpPeer::new(key, is_trusted, &self.limits, now));
        peer.received(datagram.len(), &mut self.validation, now);
        if !is_trusted && self.asks && self.validation.verify(key, peer.host, datagram, now) {
            // It was asked before; its code is no message.
            peer.verify(&mut self.validation);
            datagram = b"";
            if self.runs_programs && self.has_place(true) {
                return self.add(peer, now);
            }
        }
        if self.has_place(peer.is_verified) {
            return self.open(key, Some(peer), datagram, now);
        }
        // Another server must not answer a question by its own, and so on without end.
        let asks = self.asks
            && self.ports.is_none()
            && !self.is_stopping()
            && !datagram.starts_with(QUESTION.as_bytes())
            && self.questions.take(now);
        let mut out = Output {
            batch: &mut self.out,
            validation: &mut self.validation,
            now,
        };
        if !asks || !peer.send_question("\n", &mut out) {
            self.out.drops.count(Dropped::Full, key.0);
        }
    }

    /// Opens a session with a peer that has none: a `new` one, or the one in the table. A new peer is
    /// added to the table unless the datagram is dropped.
    fn open(&mut self, key: PeerKey, mut new: Option<Box<UdpPeer>>, datagram: &[u8], now: Instant) {
        let known = new.as_ref().or_else(|| self.peers.get(&key));
        let is_verified = known.is_some_and(|peer| peer.is_verified);
        let opened = self.new_session(key, is_verified, datagram, now);
        let peer = match &mut new {
            Some(peer) => peer,
            None => self.peers.get_mut(&key).expect("only new peers are absent"),
        };
        let mut out = Output {
            batch: &mut self.out,
            validation: &mut self.validation,
            now,
        };
        let next = match opened {
            Ok(Some(session)) => peer.open(session, datagram, &mut out),
            Ok(None) => {
                peer.program_started();
                Next::Idle
            }
            Err(NoSession::Dropped(reason)) => return self.out.drops.count(reason, key.0),
            Err(NoSession::Refused(refusal)) => {
                return peer.refuse(&refusal, &mut self.refusals, &mut out);
            }
            Err(NoSession::Unverified) => {
                out.batch.drops.count(Dropped::Programs, key.0);
                if self.warnings.take(now) {
                    warn!(peer = %key.0, "no program is started: {}", Dropped::Programs);
                }
                peer.send_question("\n", &mut out);
                Next::Idle
            }
        };
        self.schedule.settle(peer, next, &mut self.members);
        if let Some(peer) = new {
            self.add(peer, now);
        }
    }

    /// Adds a new peer, for which there [is a place](Self::has_place).
    fn add(&mut self, mut peer: Box<UdpPeer>, now: Instant) {
        self.make_room(peer.is_verified, now);
        peer.listing.counted = !peer.is_verified && self.validation.peer_added(peer.host);
        self.by_activity.insert(&mut peer);
        self.peers.insert(peer.key, peer);
    }

    /// A session, or `None` if a program is to be run for the datagram.
    fn new_session(
        &mut self,
        key: PeerKey,
        is_verified: bool,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Option<UdpSession>, NoSession> {
        if self.is_stopping() {
            return Err(NoSession::Dropped(Dropped::Stopping));
        }
        let peer =
            Peer::new(key.0.into(), key.1.into(), Transport::Datagram).at_listener(self.listener);
        let peer = peer.in_trusted_network(self.filter.is_in_trusted_network(key.0.ip()));
        if !self.host_rate.take(peer.remote.host(), now) {
            self.admission.stats().count(Counter::RefusedRate, 1);
            return Err(NoSession::Dropped(Dropped::HostRate));
        }
        let slot = self.admission.admit(&peer);
        let slot = slot.map_err(|limit| NoSession::Refused(Refusal(limit.to_string().into())))?;
        let mut connection = Connection::open(&*self.service, &peer, &self.limits);
        let command = connection.take_command();
        if command.is_some() {
            if self.limits.max_clients < self.admission.len() {
                return Err(NoSession::Dropped(Dropped::Busy));
            }
            if !is_verified && !self.programs.start(key) {
                return Err(NoSession::Unverified);
            }
        }
        slot.count(Counter::Accepted);
        debug!(%peer, local = %peer.local, "begin");
        if let Some(command) = command {
            self.jobs.push(Job {
                command,
                datagram: datagram.to_vec(),
                key: JobKey {
                    peer: key,
                    is_unverified: !is_verified,
                },
                peer,
                slot,
            });
            return Ok(None);
        }
        let member = self.rooms.then(|| self.members.add(key));
        let limits = &self.limits;
        let session = UdpSession::new(connection, peer, slot, member, limits, now);
        Ok(Some(session))
    }

    /// Resumes each ready peer once, at most this many, as long as `out` has room.
    pub(crate) fn resume_ready(&mut self, max: usize, now: Instant) {
        for _ in 0..self.schedule.ready.len().min(max) {
            if self.out.is_full() {
                break;
            }
            let Some(key) = self.schedule.ready.pop_front() else {
                break;
            };
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.listing.ready = false;
                let next = peer.resume(&mut Output {
                    batch: &mut self.out,
                    validation: &mut self.validation,
                    now,
                });
                self.schedule.settle(peer, next, &mut self.members);
                self.release_port(key);
            }
        }
    }

    /// Whether there is a peer to [resume](Self::resume_ready).
    pub(crate) fn is_ready(&self) -> bool {
        !self.schedule.ready.is_empty()
    }

    /// When to call [`tick`](Self::tick).
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let oldest = self.by_activity.first().zip(self.limits.idle_timeout);
        let idle_at = oldest.map(|(active, idle)| after(active, idle));
        let due = self.schedule.due.first().map(|&(due, _)| due);
        earlier(self.end_at, earlier(idle_at, due))
    }

    /// Removes idle peers, and makes those ready whose timers have expired.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(&(due, key)) = self.schedule.due.first()
            && due <= now
        {
            let peer = self.peers.get_mut(&key);
            let peer = peer.expect("entries are removed with their peer");
            self.schedule.remove_due(peer);
            self.schedule.make_ready(peer);
        }
        let Some(idle) = self.limits.idle_timeout else {
            return;
        };
        for verified in [false, true] {
            while let Some((active, key)) = self.least_active(verified, now)
                && after(active, idle) <= now
            {
                self.remove(key, CloseReason::IdleTimeout);
            }
        }
    }

    /// The server stops: notifies each session, and opens no new ones.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.end_at
            .get_or_insert(after(now, self.limits.grace_period));
        for peer in self.peers.values_mut() {
            if peer.stop() {
                self.schedule.make_ready(peer);
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.end_at.is_some()
    }

    /// Whether the server stops and all sessions have ended.
    pub(crate) fn is_done(&self) -> bool {
        let mut peers = self.peers.values();
        self.is_stopping() && !peers.any(|peer| peer.has_session())
    }

    /// Ends the remaining sessions and returns what was dropped in total.
    pub(crate) fn finish(mut self) -> Drops {
        for peer in self.peers.values_mut() {
            peer.evict(CloseReason::Aborted, &mut self.members);
        }
        self.out.drops
    }

    /// Sends the output of a program that has ended, unless its peer was evicted.
    pub(crate) fn reply(&mut self, job: JobKey, output: &[u8], now: Instant) {
        if job.is_unverified {
            self.programs.end(job.peer);
        }
        if let Some(peer) = self.peers.get_mut(&job.peer) {
            peer.reply(
                output,
                &mut Output {
                    batch: &mut self.out,
                    validation: &mut self.validation,
                    now,
                },
            );
        }
    }

    /// The dedicated ports that are no longer needed once `out` is sent.
    pub(crate) fn take_closed_ports(&mut self) -> Vec<SocketAddr> {
        let ports = self.ports.as_mut();
        ports.map(PortTable::take_closed).unwrap_or_default()
    }

    /// Delivers a message of the hub to a member, unless its session has ended.
    pub(crate) fn deliver_hub_message(&mut self, member: u32, message: &HubMessage, now: Instant) {
        if let Some(key) = self.members.get(member)
            && let Some(peer) = self.peers.get_mut(&key)
        {
            let mut out = Output {
                batch: &mut self.out,
                validation: &mut self.validation,
                now,
            };
            let next = peer.deliver_hub_message(message, &mut out);
            self.schedule.settle(peer, next, &mut self.members);
        }
    }

    /// The hub has ended: ends the rooms of all sessions and stops.
    pub(crate) fn lose_rooms(&mut self, now: Instant) {
        for key in self.members.keys() {
            if let Some(peer) = self.peers.get_mut(key) {
                peer.lose_rooms();
                self.schedule.make_ready(peer);
            }
        }
        self.stop(now);
    }

    /// Whether there is a place for a new peer, or another one can be evicted for it.
    fn has_place(&self, is_verified: bool) -> bool {
        self.peers.len() < self.max_peers
            || !self.by_activity.of(false).is_empty()
            || (is_verified && self.ports.is_none())
    }

    /// Whether a peer has to be evicted for a new one.
    fn is_full(&self, is_verified: bool) -> bool {
        let unverified = self.by_activity.of(false).len();
        self.max_peers <= self.peers.len() || (!is_verified && self.max_unverified <= unverified)
    }

    /// Evicts the least active peers until there is room for one more.
    fn make_room(&mut self, is_verified: bool, now: Instant) {
        while self.is_full(is_verified)
            && let Some((_, key)) = self
                .least_active(false, now)
                .or_else(|| self.least_active(true, now))
        {
            debug!(peer = %key.0, "evict: inactive for longest");
            self.remove(key, CloseReason::Evicted);
        }
    }

    /// The peer, unverified or verified, that was inactive for longest, and the time of its last
    /// activity. Each stale entry that this moves costs no more than one datagram that made it stale.
    fn least_active(&mut self, verified: bool, now: Instant) -> Option<(Instant, PeerKey)> {
        loop {
            let &(listed, key) = self.by_activity.of(verified).first()?;
            let peer = self.peers.get_mut(&key);
            let peer = peer.expect("entries are removed with their peer");
            let active = peer.last_active(now);
            if active == listed {
                return Some((active, key));
            }
            self.by_activity.remove(peer);
            peer.listing.active = active;
            self.by_activity.insert(peer);
        }
    }

    fn remove(&mut self, key: PeerKey, reason: CloseReason) {
        let Entry::Occupied(peer) = self.peers.entry(key) else {
            return;
        };
        let mut peer = peer.remove();
        peer.evict(reason, &mut self.members);
        if let Some(ports) = &mut self.ports {
            ports.release(key);
        }
        if peer.listing.counted {
            self.validation.peer_removed(peer.host);
        }
        self.by_activity.remove(&peer);
        self.schedule.remove_due(&mut peer);
    }

    /// Closes the dedicated port of a peer without a session and removes the peer.
    fn release_port(&mut self, key: PeerKey) {
        let Some(ports) = &mut self.ports else {
            return;
        };
        match self.peers.get(&key) {
            Some(peer) if peer.has_session() => (),
            Some(_) => self.remove(key, CloseReason::Closed),
            None => ports.release(key),
        }
    }
}

impl ByActivity {
    fn of(&self, verified: bool) -> &BTreeSet<(Instant, PeerKey)> {
        &self.0[usize::from(verified)]
    }

    fn insert(&mut self, peer: &mut UdpPeer) {
        peer.listing.verified = peer.is_verified;
        let entry = (peer.listing.active, peer.key);
        self.0[usize::from(peer.is_verified)].insert(entry);
    }

    fn remove(&mut self, peer: &UdpPeer) {
        let entry = (peer.listing.active, peer.key);
        self.0[usize::from(peer.listing.verified)].remove(&entry);
    }

    /// Moves a peer that was verified since it was inserted.
    fn relist(&mut self, peer: &mut UdpPeer) {
        if peer.listing.verified != peer.is_verified {
            self.remove(peer);
            self.insert(peer);
        }
    }

    /// The time of the first entry.
    fn first(&self) -> Option<Instant> {
        let first = self.0.iter().filter_map(BTreeSet::first);
        first.map(|&(active, _)| active).min()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.iter().map(BTreeSet::len).sum()
    }
}

impl Schedule {
    /// Collects the requests of a session that was called, and lists its peer for what is next.
    fn settle(&mut self, peer: &mut UdpPeer, next: Next, members: &mut Members) {
        peer.collect_requests(members);
        let mut due = peer.due_at();
        match next {
            Next::Idle => (),
            Next::At(at) => due = earlier(due, Some(at)),
            Next::Close => return peer.close(members),
            Next::Ready => return self.make_ready(peer), // its timers are checked then
        }
        if let Some(at) = due
            && peer.listing.due.is_none_or(|due| at < due)
        {
            self.remove_due(peer);
            peer.listing.due = Some(at);
            self.due.insert((at, peer.key));
        }
    }

    fn make_ready(&mut self, peer: &mut UdpPeer) {
        if !std::mem::replace(&mut peer.listing.ready, true) {
            self.ready.push_back(peer.key);
        }
    }

    fn remove_due(&mut self, peer: &mut UdpPeer) {
        if let Some(due) = peer.listing.due.take() {
            self.due.remove(&(due, peer.key));
        }
    }
}

const WARNINGS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).expect("1 is not 0");
const MAX_UNVERIFIED: usize = 128; // with ports of their own
const DESCRIPTORS_PER_SESSION: usize = 3; // the port, a file, and another one while it is opened
const RESERVED_DESCRIPTORS: usize = 128; // those of the server, and of sessions that end with a batch
const QUESTIONS_PER_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("100 is not 0");
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

#[cfg(test)]
mod tests;
