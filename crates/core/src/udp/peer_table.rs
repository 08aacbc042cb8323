//! The peers of one socket of datagrams: datagrams in, datagrams out, with time as data.

mod in_rooms;
mod memory;
mod own_ports;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use crate::exec::one_shot::Errand;
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
use crate::udp::dropped::{Dropped, Drops};
use crate::udp::filter::{Arrival, Guard};
use crate::udp::peer::{Correspondent, Desk, Pair, Turn};
use crate::udp::send_batch::Departures;

use own_ports::OwnPorts;

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
            self.forget(pair, CloseReason::IdleTimeout, now);
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
                .end(CloseReason::Aborted, &mut self.desk, now);
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

#[cfg(test)]
mod tests;
