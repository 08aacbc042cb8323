//! What is known of one peer of datagrams: its conversation, and what it may be sent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, error};

use crate::exec::one_shot::Errand;
use crate::hub::message::{Notice, Request};
use crate::limits::admission::{Admission, Slot};
use crate::limits::host_rate::Pace;
use crate::limits::limits::Limits;
use crate::limits::stats::Count;
use crate::limits::token_bucket::Bucket;
use crate::peer::{Peer, Transport};
use crate::reactor::alarm::Alarm;
use crate::reactor::poll::{after, earlier};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::service::{Refusal, Service};
use crate::udp::filter::{Dropped, Drops};
use crate::udp::send_batch::Departures;
use crate::udp::validation::Ledger;
use crate::udp::validation::Proof;

/// A peer: where it speaks from, and the address of this machine that it asks.
pub(crate) type Pair = (SocketAddr, SocketAddr);

/// One peer, as long as it is remembered. Its conversation may be over long before that; what it was
/// sent is not forgotten with it.
pub(crate) struct Correspondent {
    pair: Pair,
    ledger: Ledger,
    proof: Proof,
    may_ask: bool, // for the proof: it said something since it was asked
    bucket: Option<Bucket>,
    talk: Option<Talk>,
    running: u32, // programs that are at work for it
    heard: Instant,
}

/// When it is to have another turn, if it is not heard from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    /// It was turned away: no conversation began.
    Away,
    Soon,
    At(Instant),
}

impl Correspondent {
    pub(crate) fn new(pair: Pair, desk: &Desk, now: Instant) -> Self {
        let rate = desk.limits.datagrams_per_second;
        Self {
            pair,
            ledger: Ledger::new(desk.service.config(Transport::Datagram).udp),
            proof: Proof::default(),
            may_ask: false,
            bucket: rate.map(|rate| Bucket::new(rate, rate, now)),
            talk: None,
            running: 0,
            heard: now,
        }
    }

    /// It has shown that its address is its own, and is sent whatever there is for it.
    pub(crate) fn is_shown(&mut self) {
        self.ledger.lift();
        self.bucket = None;
    }

    /// When it was last heard from. While a program is at work for it, it is not silent.
    pub(crate) fn heard(&self, now: Instant) -> Instant {
        if 0 < self.running { now } else { self.heard }
    }

    /// Whether a conversation goes on, or its last words wait.
    pub(crate) fn is_talking(&self) -> bool {
        self.talk.is_some()
    }

    /// When it is to have a turn because of the time.
    pub(crate) fn due_at(&self, limits: &Limits) -> Option<Instant> {
        let wake_at = self.talk.as_ref().and_then(|talk| talk.alarm.at());
        earlier(self.time_up_at(limits), wake_at)
    }

    /// When the time of the conversation is over.
    fn time_up_at(&self, limits: &Limits) -> Option<Instant> {
        let talk = self.talk.as_ref()?;
        let goes_on = talk.connection.ended().is_none();
        let session = limits.session.filter(|_| goes_on)?;
        Some(after(talk.began, session))
    }

    /// It sent one datagram.
    ///
    /// # Errors
    ///
    /// It was to begin a conversation, and its host has as many as it may have.
    pub(crate) fn receive(
        &mut self,
        datagram: &[u8],
        desk: &mut Desk,
        out: &mut Departures,
        now: Instant,
    ) -> Result<Turn, Refusal> {
        self.heard = now;
        self.ledger.received(datagram.len());
        self.may_ask = true;
        if self.proof.is_given_by(datagram) {
            self.ledger.lift();
            return Ok(self.go_on(desk, out, now));
        }
        if self.talk.as_ref().is_some_and(Talk::waits) {
            self.send(desk, out, now); // it may have brought what was missing
        }
        let delivered = match &mut self.talk {
            Some(talk) => talk.receive(datagram),
            None if desk.stopping => Err(Dropped::Stopping),
            None => self.begin(datagram, desk, now)?,
        };
        if let Err(reason) = delivered {
            desk.drops.count(reason, self.pair.0);
            if self.talk.is_none() && self.running == 0 {
                return Ok(Turn::Away);
            }
        }
        Ok(self.send(desk, out, now))
    }

    /// Sends what may be sent now, and ends what is to end.
    pub(crate) fn go_on(&mut self, desk: &mut Desk, out: &mut Departures, now: Instant) -> Turn {
        if self.time_up_at(&desk.limits).is_some_and(|at| at <= now)
            && let Some(talk) = &mut self.talk
        {
            talk.connection.dismiss(CloseReason::TimeUp);
        }
        if let Some(talk) = &mut self.talk {
            talk.alarm.ring(&mut talk.connection, now);
        }
        self.send(desk, out, now)
    }

    /// Tells it that there is no conversation, if words are not too much.
    pub(crate) fn refuse(
        &mut self,
        refusal: &Refusal,
        desk: &mut Desk,
        out: &mut Departures,
        now: Instant,
    ) {
        let line = format!("{}\n", refusal.0);
        if self.ledger.allows(line.len()) && desk.refusals.take(now) {
            self.ledger.sent(line.len());
            out.push(self.pair.1, self.pair.0, line.as_bytes());
        } else {
            desk.drops.count(Dropped::Refused, self.pair.0);
        }
    }

    /// The server is stopping: the session may say its last words.
    pub(crate) fn stop(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.connection.stop();
        }
    }

    /// Ends the conversation without words, if one goes on; it may be long that nobody is there.
    pub(crate) fn end(&mut self, ended: CloseReason, desk: &mut Desk, now: Instant) {
        if let Some(mut talk) = self.talk.take() {
            talk.connection.dismiss(ended);
            talk.end(desk, now);
        }
    }

    /// Begins a conversation with this datagram, or says why it was dropped.
    fn begin(
        &mut self,
        first: &[u8],
        desk: &mut Desk,
        now: Instant,
    ) -> Result<Result<(), Dropped>, Refusal> {
        let peer = Peer::new(self.pair.0.into(), self.pair.1.into(), Transport::Datagram);
        let peer = peer.at(desk.place);
        if !desk.pace.may_begin(peer.remote.host(), now) {
            desk.admission.state().count(Count::RefusedRate, 1);
            return Ok(Err(Dropped::TooOften));
        }
        let slot = desk.admission.admit(&peer)?;
        slot.count(Count::Accepted);
        debug!(%peer, local = %peer.local, "begin");
        let mut connection = Connection::open(&*desk.service, &peer, &desk.limits);
        if let Some(command) = connection.take_program() {
            if desk.limits.clients < desk.admission.len() {
                return Ok(Err(Dropped::Busy)); // so many run already
            }
            self.running += 1;
            desk.errands.push(Errand {
                command,
                datagram: first.to_vec(),
                pair: self.pair,
                peer,
                slot,
            });
            return Ok(Ok(()));
        }
        let talk = self.talk.insert(Talk {
            connection,
            peer,
            slot,
            member: desk.meet(self.pair),
            alarm: Alarm::default(),
            began: now,
            paced: false,
            received: 0,
            sent: 0,
        });
        Ok(talk.receive_first(first))
    }

    /// A program has ended. Sends what it answered, if that is anything and may be sent.
    pub(crate) fn answer(
        &mut self,
        answer: &[u8],
        desk: &mut Desk,
        out: &mut Departures,
        now: Instant,
    ) {
        self.running -= 1;
        if answer.is_empty() {
            return;
        }
        if !self.ledger.allows(answer.len()) {
            desk.drops.count(Dropped::OverMeasure, self.pair.0);
        } else if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            desk.drops.count(Dropped::OverRate, self.pair.0);
        } else {
            self.ledger.sent(answer.len());
            desk.admission
                .state()
                .count(Count::Sent, answer.len() as u64);
            out.push(self.pair.1, self.pair.0, answer);
        }
    }
}

/// What it needs to serve any of them.
pub(crate) struct Desk {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    pub(crate) place: usize, // where the server listens
    pub(crate) admission: Admission,
    pub(crate) pace: Pace,
    pub(crate) refusals: Bucket,
    pub(crate) drops: Drops,
    pub(crate) errands: Vec<Errand>, // programs that are to run
    pub(crate) members: HashMap<u32, Pair>, // of rooms, by their numbers
    pub(crate) met: u32,
    pub(crate) asked: Vec<(u32, Request)>, // of the hub
    pub(crate) stopping: bool,
}

impl Desk {
    /// The number of one more member, where the service has rooms.
    pub(super) fn meet(&mut self, pair: Pair) -> Option<u32> {
        if self.service.rooms().is_none() {
            return None;
        }
        self.met = self.met.wrapping_add(1);
        self.members.insert(self.met, pair);
        Some(self.met)
    }
}

/// One conversation with a peer of datagrams.
pub(super) struct Talk {
    pub(super) connection: Connection,
    pub(super) peer: Peer,
    pub(super) slot: Slot,
    pub(super) member: Option<u32>, // of rooms
    pub(super) alarm: Alarm,
    pub(super) began: Instant,
    pub(super) paced: bool, // what waits is to wait its turn, since the session has more to send
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Talk {
    pub(super) fn waits(&self) -> bool {
        self.connection.datagram().is_some()
    }

    /// Delivers a datagram, or says why it was dropped.
    pub(super) fn receive(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        self.received += datagram.len() as u64;
        self.slot.moved(datagram.len() as u64, 0);
        let delivered = self.connection.receive_datagram(datagram);
        if delivered {
            Ok(())
        } else {
            Err(Dropped::Busy)
        }
    }

    /// What opens the conversation is a knock if it is blank, and answered by the greeting. If it
    /// is not, it is to be answered itself, and the greeting would come between.
    pub(super) fn receive_first(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        if self.connection.ended().is_some() {
            return Ok(()); // all is said to it already
        }
        let blank = datagram.iter().all(u8::is_ascii_whitespace);
        if blank && self.waits() {
            return Ok(());
        }
        if !self.connection.has_more() {
            self.connection.unsay();
        }
        self.receive(datagram)
    }

    /// Passes on what the session wants of its rooms and of the clock.
    pub(super) fn pass_on(&mut self, desk: &mut Desk, now: Instant) {
        self.alarm.set(&mut self.connection, now);
        if let Some(member) = self.member {
            let requests = self.connection.take_requests().into_iter();
            desk.asked.extend(requests.map(|request| (member, request)));
        }
    }

    /// Logs how it went; what was asked of rooms is passed on.
    pub(super) fn end(mut self, desk: &mut Desk, now: Instant) {
        self.pass_on(desk, now);
        if let Some(member) = self.member {
            desk.members.remove(&member);
            desk.asked.push((member, Request::Depart));
        }
        let (peer, received, sent) = (self.peer, self.received, self.sent);
        let ended = self.connection.into_ended();
        if let CloseReason::Refused(_) = ended {
            self.slot.count(Count::RefusedService);
        }
        if ended.is_failure() {
            self.slot.count(Count::Failed);
            error!(%peer, received, sent, "end: {ended}");
        } else {
            debug!(%peer, received, sent, "end: {ended}");
        }
    }
}

impl Correspondent {
    /// Sends what waits, as far as there is room and measure, lets the session go on, and passes on
    /// what it wants.
    pub(super) fn send(&mut self, desk: &mut Desk, out: &mut Departures, now: Instant) -> Turn {
        let turn = self.send_some(desk, out, now);
        if let Some(talk) = &mut self.talk {
            talk.pass_on(desk, now);
        }
        turn
    }

    fn send_some(&mut self, desk: &mut Desk, out: &mut Departures, now: Instant) -> Turn {
        for _ in 0..SENT_AT_ONCE {
            let Some(talk) = &mut self.talk else {
                return Turn::None;
            };
            talk.paced |= talk.connection.has_more();
            let Some(datagram) = talk.connection.datagram() else {
                talk.paced = false;
                if talk.connection.is_done()
                    && let Some(talk) = self.talk.take()
                {
                    talk.end(desk, now);
                }
                return Turn::None;
            };
            if out.is_full() {
                return Turn::Soon;
            }
            let by_line = talk.connection.is_by_line();
            // What others post is no answer, and soon more than what the peer has said.
            let asks = by_line || talk.member.is_some();
            let reserve = if asks { Proof::MOST_BYTES } else { 0 };
            if !self.ledger.allows(datagram.len() + reserve) {
                if !desk.stopping && (by_line || talk.paced) {
                    self.ask(out);
                    return Turn::None; // until it says something
                }
                desk.drops.count(Dropped::OverMeasure, self.pair.0);
                talk.connection.datagram_sent();
                if asks && !desk.stopping {
                    self.ask(out);
                }
                continue;
            } else if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
                if let Some(bucket) = self.bucket.filter(|_| talk.paced) {
                    return Turn::At(bucket.next());
                }
                desk.drops.count(Dropped::OverRate, self.pair.0);
            } else {
                self.ledger.sent(datagram.len());
                talk.sent += datagram.len() as u64;
                talk.slot.moved(0, datagram.len() as u64);
                out.push(self.pair.1, self.pair.0, datagram);
            }
            talk.connection.datagram_sent();
        }
        Turn::Soon
    }

    /// Asks for the proof that its address is its own, where that can be given and was not asked for
    /// since it last said something.
    fn ask(&mut self, out: &mut Departures) {
        let line_end = self
            .talk
            .as_ref()
            .and_then(|talk| talk.connection.line_end().or(talk.member.map(|_| "\n")));
        if let Some(line_end) = line_end
            && std::mem::take(&mut self.may_ask)
            && let Some(challenge) = self.proof.challenge(line_end)
            && self.ledger.allows(challenge.len())
        {
            self.ledger.sent(challenge.len());
            out.push(self.pair.1, self.pair.0, challenge.as_bytes());
        }
    }
}

const SENT_AT_ONCE: usize = 16; // then the others have their turn

impl Correspondent {
    /// The hub tells its session something. A post for which there is no room is dropped, as the
    /// datagram that it would have become.
    pub(crate) fn hear(
        &mut self,
        notice: &Notice,
        desk: &mut Desk,
        out: &mut Departures,
        now: Instant,
    ) -> Turn {
        if let Some(talk) = &mut self.talk {
            if matches!(notice, Notice::Post { .. }) && !talk.connection.wants_news() {
                desk.drops.count(Dropped::Behind, self.pair.0);
            } else {
                talk.connection.hear(notice);
            }
        }
        self.send(desk, out, now)
    }

    /// The hub is gone.
    pub(crate) fn lose_rooms(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.connection.lose_rooms();
        }
    }
}
