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
use crate::session::service::{Refusal, Service};
use crate::udp::dedicated_port::{OpenPort, PortTable};
use crate::udp::filter::{Dropped, Drops, Filter};
use crate::udp::loop_detector::{MUTE_TIME, Verdict};
use crate::udp::peer::{Members, Next, PeerKey, UdpPeer, UdpSession};
use crate::udp::recv_batch::Incoming;
use crate::udp::send_batch::SendBatch;

/// All peers with a session, and those that had one recently. When it is full, the peer that was
/// inactive for longest is evicted.
pub(crate) struct PeerTable {
    service: Arc<dyn Service>,
    policy: UdpPolicy,
    rooms: bool, // the service has them
    limits: Limits,
    listener: usize, // the number of the listener, for the service
    filter: Filter,
    pub(crate) admission: Admission,
    host_rate: HostRate,
    refusals: TokenBucket,     // messages of refusals, to any address
    warnings: TokenBucket,     // of loops, which anyone can imitate
    pub(crate) out: SendBatch, // the replies
    peers: HashMap<PeerKey, Box<UdpPeer>>,
    /// Peers by last activity. Entries may be stale: they are re-checked on expiry, not updated per
    /// datagram.
    by_activity: BTreeSet<(Instant, PeerKey)>,
    schedule: Schedule,
    pub(crate) members: Members,
    ports: Option<PortTable>, // with `UdpPolicy::DedicatedPort`
    /// The programs to start. Each needs a [reply](Self::reply) in the end.
    pub(crate) jobs: Vec<Job<PeerKey>>,
    pub(crate) end_at: Option<Instant>, // of the grace period, once the server stops
}

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
}

impl PeerTable {
    /// `listener` is the number of the listener that peers arrive at, and `own_ports` are the ports of
    /// all UDP listeners of this server.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        limits: &Limits,
        admission: Admission,
        listener: usize,
        own_ports: Vec<u16>,
        now: Instant,
    ) -> Self {
        let config = service.config(Transport::Datagram);
        let has_rooms = service.rooms().is_some();
        let dedicated = matches!(config.udp, UdpPolicy::DedicatedPort { .. });
        Self {
            service,
            policy: config.udp,
            rooms: has_rooms,
            limits: *limits,
            listener,
            filter: Filter::new(own_ports),
            host_rate: HostRate::new(limits.rate),
            refusals: TokenBucket::per_second(REFUSALS_PER_SECOND, now),
            warnings: TokenBucket::per_second(WARNINGS_PER_SECOND, now),
            out: SendBatch::new(admission.stats()),
            admission,
            peers: HashMap::new(),
            by_activity: BTreeSet::new(),
            schedule: Schedule::default(),
            members: Members::default(),
            ports: dedicated.then(PortTable::default),
            jobs: Vec::new(),
            end_at: None,
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
            return self.out.drops.count(Dropped::NoPort, incoming.remote);
        };
        self.receive_from(key, request, incoming.bytes, now);
        self.release_port(key);
    }

    fn receive_from(&mut self, key: PeerKey, request: PeerKey, datagram: &[u8], now: Instant) {
        let Some(peer) = self.peers.get_mut(&key) else {
            let mut peer = Box::new(UdpPeer::new(key, self.policy, &self.limits, now));
            peer.received(datagram.len(), now);
            return self.open(key, Some(peer), datagram, now);
        };
        if let Some(ports) = &self.ports
            && ports.is_assigned(request)
        {
            peer.lift_limits();
        }
        let verdict = peer.received(datagram.len(), now);
        let out = &mut self.out;
        let next = if peer.verify(datagram) {
            peer.resume(out, now)
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
            return out.drops.count(Dropped::Loop, key.0);
        } else if peer.has_session() {
            peer.deliver(datagram, out, now)
        } else {
            return self.open(key, None, datagram, now);
        };
        self.schedule.settle(peer, next, &mut self.members);
    }

    /// Opens a session with a peer that has none: a `new` one, or the one in the table. A new peer is
    /// added to the table unless the datagram is dropped.
    fn open(&mut self, key: PeerKey, mut new: Option<Box<UdpPeer>>, datagram: &[u8], now: Instant) {
        let opened = self.new_session(key, datagram, now);
        let peer = match &mut new {
            Some(peer) => peer,
            None => self.peers.get_mut(&key).expect("only new peers are absent"),
        };
        let out = &mut self.out;
        let next = match opened {
            Ok(Some(session)) => peer.open(session, datagram, out, now),
            Ok(None) => {
                peer.program_started();
                Next::Idle
            }
            Err(NoSession::Dropped(reason)) => return out.drops.count(reason, key.0),
            Err(NoSession::Refused(refusal)) => {
                return peer.refuse(&refusal, &mut self.refusals, out, now);
            }
        };
        self.schedule.settle(peer, next, &mut self.members);
        if let Some(peer) = new {
            self.make_room(now);
            self.by_activity.insert((peer.listing.active, key));
            self.peers.insert(key, peer);
        }
    }

    /// A session, or `None` if a program is to be run for the datagram.
    fn new_session(
        &mut self,
        key: PeerKey,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Option<UdpSession>, NoSession> {
        if self.is_stopping() {
            return Err(NoSession::Dropped(Dropped::Stopping));
        }
        let peer =
            Peer::new(key.0.into(), key.1.into(), Transport::Datagram).at_listener(self.listener);
        if !self.host_rate.take(peer.remote.host(), now) {
            self.admission.stats().count(Counter::RefusedRate, 1);
            return Err(NoSession::Dropped(Dropped::HostRate));
        }
        let slot = self.admission.admit(&peer);
        let slot = slot.map_err(|limit| NoSession::Refused(Refusal(limit.to_string().into())))?;
        slot.count(Counter::Accepted);
        debug!(%peer, local = %peer.local, "begin");
        let mut connection = Connection::open(&*self.service, &peer, &self.limits);
        if let Some(command) = connection.take_command() {
            if self.limits.max_clients < self.admission.len() {
                return Err(NoSession::Dropped(Dropped::Busy));
            }
            self.jobs.push(Job {
                command,
                datagram: datagram.to_vec(),
                key,
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

    /// Resumes each ready peer once, as long as `out` has room.
    pub(crate) fn resume_ready(&mut self, now: Instant) {
        for _ in 0..self.schedule.ready.len() {
            if self.out.is_full() {
                break;
            }
            let Some(key) = self.schedule.ready.pop_front() else {
                break;
            };
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.listing.ready = false;
                let next = peer.resume(&mut self.out, now);
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
        let idle_at = oldest.map(|(&(active, _), idle)| after(active, idle));
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
        while let Some((active, key)) = self.least_active(now)
            && after(active, idle) <= now
        {
            self.remove(key, CloseReason::IdleTimeout);
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
    pub(crate) fn reply(&mut self, key: PeerKey, output: &[u8], now: Instant) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.reply(output, &mut self.out, now);
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
            let next = peer.deliver_hub_message(message, &mut self.out, now);
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

    /// Evicts the least active peers until there is room for one more.
    fn make_room(&mut self, now: Instant) {
        while self.limits.max_clients <= self.peers.len()
            && let Some((_, key)) = self.least_active(now)
        {
            debug!(peer = %key.0, "evict: inactive for longest");
            self.remove(key, CloseReason::Evicted);
        }
    }

    /// The peer that was inactive for longest, and the time of its last activity. Each stale entry
    /// that this moves costs no more than one datagram that made it stale.
    fn least_active(&mut self, now: Instant) -> Option<(Instant, PeerKey)> {
        loop {
            let &(listed, key) = self.by_activity.first()?;
            let peer = self.peers.get_mut(&key);
            let peer = peer.expect("entries are removed with their peer");
            let active = peer.last_active(now);
            if active == listed {
                return Some((active, key));
            }
            self.by_activity.pop_first();
            self.by_activity.insert((active, key));
            peer.listing.active = active;
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
        self.by_activity.remove(&(peer.listing.active, key));
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
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

#[cfg(test)]
mod tests;
