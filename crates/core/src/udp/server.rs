//! One socket of datagrams with all its peers, as one task.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use socket2::Socket;
use tracing::{debug, error, warn};

use crate::exec::one_shot::Programs;
use crate::hub::message::Request;
use crate::hub_link::link::{HubLost, Wire};
use crate::limits::admission::Admission;
use crate::limits::limits::Limits;
use crate::limits::stats::State;
use crate::limits::token_bucket::Bucket;
use crate::net::listener::Inlet;
use crate::net::socket_opts::{raise_buffers, tell_destinations};
use crate::peer::Transport;
use crate::reactor::poll::{Interest, earlier};
use crate::reactor::source::{Task, Watched};
use crate::session::config::UdpPolicy;
use crate::session::service::Service;
use crate::sys::mmsg::{BATCH, How, Outgoing, send_many};
use crate::udp::dedicated_port::{NoPorts, PortSource, Ports};
use crate::udp::filter::Dropped;
use crate::udp::filter::{Guard, arrival};
use crate::udp::peer_table::Correspondence;
use crate::udp::recv_batch::Inbox;
use crate::udp::send_batch::Departures;

/// Holds conversations with everybody who sends datagrams to a socket.
///
/// While the system takes no more of what is to be sent, nothing is received.
pub(crate) struct Datagrams {
    socket: Socket,
    local: SocketAddr,
    inbox: Inbox,
    source: SocketAddr, // where what is in it has arrived
    departures: Departures,
    correspondence: Correspondence,
    programs: Option<Programs>, // where they answer
    ports: Option<Ports>,       // where each conversation has its own
    wire: Option<Wire>,         // to the hub, where there is one
    blocked: bool,              // the system takes no more output for now
    warnings: Bucket,           // anyone can bring them about
    is_over: bool,
}

impl Datagrams {
    /// Serves a bound socket, with a wire to the hub where there is one.
    ///
    /// # Errors
    ///
    /// The socket is not one of Internet datagrams, or there is no memory.
    pub(crate) fn new(
        inlet: Inlet,
        service: Arc<dyn Service>,
        limits: &Limits,
        state: State,
        mut wire: Option<Wire>,
    ) -> io::Result<Self> {
        let Inlet {
            socket,
            place,
            ports,
            ..
        } = inlet;
        let local = socket.local_addr()?.as_socket();
        let local = local.ok_or_else(|| io::Error::from(Errno::EAFNOSUPPORT))?;
        tell_destinations(&socket, local.ip())?;
        raise_buffers(&socket);
        wire.iter_mut()
            .for_each(|wire| wire.ask(NOBODY, vec![Request::Depart]));
        let now = Instant::now();
        let guard = Guard::new(ports);
        let admission = Admission::new(limits, state)?;
        let config = service.config(Transport::Datagram);
        let most = config.framing.read_bytes().min(LONGEST);
        let programs = config.exec;
        let own_ports = matches!(config.udp, UdpPolicy::DedicatedPort { .. });
        Ok(Self {
            socket,
            local,
            inbox: Inbox::new(most),
            source: local,
            departures: Departures::default(),
            correspondence: Correspondence::new(service, limits, admission, guard, now).at(place),
            programs: programs.then(|| Programs::new(limits, state)).transpose()?,
            ports: own_ports.then(Ports::new).transpose()?,
            wire,
            blocked: false,
            warnings: Bucket::new(WARNINGS_PER_SECOND, WARNINGS_PER_SECOND, now),
            is_over: false,
        })
    }

    /// Receives once more, after everything before is done, at the port of one conversation or where
    /// the server listens; whether anything came.
    fn receive(&mut self, own: Option<SocketAddr>) -> bool {
        let ports = self.ports.as_ref();
        let socket = match own {
            None => Some(&self.socket),
            Some(local) => ports.and_then(|ports| ports.socket(local)),
        };
        let Some(socket) = socket else {
            return false; // it was closed since
        };
        self.source = own.unwrap_or(self.local);
        match self.inbox.fill(socket.as_fd()) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                // Such as that a peer was not there for what was sent to it. Nobody is to be told.
                debug!(local = %self.local, "receive: {error}");
                false
            }
        }
    }

    /// Attends to what came and to who waits for a turn, as long as the system takes what is to be
    /// sent; whether all is done.
    fn advance(&mut self, now: Instant) -> bool {
        for _ in 0..ROUNDS {
            if !self.send() {
                return false;
            }
            self.correspondence.go_on(&mut self.departures, now);
            while !self.departures.is_full()
                && let Some((letter, bytes)) = self.inbox.next()
            {
                if let Some(arrival) = arrival(self.source, &letter, bytes) {
                    if bytes.len() < letter.length && self.warnings.take(now) {
                        let (peer, cut) = (letter.remote, letter.length - bytes.len());
                        let length = letter.length;
                        warn!(%peer, "cut off {cut} bytes of a datagram of {length}");
                    }
                    let out = &mut self.departures;
                    let ports: &mut dyn PortSource = match &mut self.ports {
                        Some(ports) => ports,
                        None => &mut NoPorts,
                    };
                    self.correspondence.receive(&arrival, ports, out, now);
                }
            }
            if let Some(programs) = &mut self.programs {
                let errands = self.correspondence.errands();
                errands.into_iter().for_each(|errand| programs.run(errand));
            }
            self.meet(now);
            if self.departures.is_empty() {
                break;
            }
        }
        self.send() && self.is_idle()
    }

    /// Sends what programs have answered.
    fn attend_programs(&mut self, now: Instant) {
        let answers = self.programs.as_mut().map(|programs| programs.attend(now));
        for (pair, answer) in answers.into_iter().flatten() {
            let out = &mut self.departures;
            self.correspondence.answer(pair, &answer, out, now);
        }
        self.advance(now);
    }

    /// Whether nothing is to be done before something happens.
    fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.departures.is_empty() && !self.correspondence.is_ready()
    }
}

impl Task for Datagrams {
    fn watched(&self) -> Watched<'_> {
        let read = self.is_idle();
        let interest = Interest::In { read, write: !read };
        let programs = self.programs.as_ref();
        let programs = programs.map(|programs| (programs.as_fd(), Interest::READ));
        let wire = self.wire.as_ref().map(|wire| wire.watched(read));
        let ports = self.ports.as_ref().map(|ports| {
            let interest = Interest::In { read, write: false };
            (ports.as_fd(), interest)
        });
        [
            Some((self.socket.as_fd(), interest)),
            programs.or(ports),
            wire,
        ]
    }

    fn deadline(&self) -> Option<Instant> {
        let own = self.correspondence.cut_at();
        let programs = self.programs.as_ref().and_then(Programs::deadline);
        let rooms = self.wire.as_ref().and_then(Wire::deadline);
        let own = earlier(own, self.correspondence.deadline());
        earlier(own, earlier(programs, rooms))
    }

    fn attend(&mut self, place: usize, _: bool, _: &mut [u8], now: Instant) {
        if place == BESIDE && self.ports.is_some() {
            self.attend_ports(now);
            return;
        }
        if place == BESIDE {
            self.attend_programs(now);
            return;
        }
        if place == WIRE {
            self.advance(now);
            return;
        }
        // Asking once more costs less than waiting once more, where much arrives.
        for _ in 0..RECEIVED_AT_ONCE {
            if !self.advance(now) || !self.receive(None) {
                return;
            }
        }
        self.advance(now);
    }

    fn tick(&mut self, now: Instant) {
        self.correspondence.tick(now);
        if self
            .programs
            .as_ref()
            .and_then(Programs::deadline)
            .is_some_and(|at| at <= now)
        {
            self.attend_programs(now);
        }
        if self
            .wire
            .as_ref()
            .and_then(Wire::deadline)
            .is_some_and(|at| at <= now)
        {
            self.wire.iter().for_each(Wire::tick);
        }
        if self.correspondence.is_ready() && !self.blocked {
            self.advance(now);
        }
        let is_cut = self.correspondence.cut_at().is_some_and(|at| at <= now);
        self.is_over |= is_cut;
    }

    fn stop(&mut self, now: Instant) {
        self.correspondence.stop(now);
        if let Some(programs) = &mut self.programs {
            programs.stop(now);
        }
        self.advance(now);
    }

    fn report(&self) {
        self.correspondence.report();
    }

    fn fail(&mut self, error: io::Error) {
        error!(local = %self.local, "datagrams: {error}");
        self.is_over = true;
    }

    fn is_over(&self) -> bool {
        let answered = self.programs.as_ref().is_none_or(Programs::is_empty);
        self.is_over || (answered && self.correspondence.is_over() && self.is_idle())
    }

    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        let drops = self.correspondence.end();
        if !drops.is_empty() {
            debug!(local = %self.local, "dropped in all: {drops}");
        }
        None
    }
}

const BESIDE: usize = 1; // the place of programs among what is watched, or of ports
const WIRE: usize = 2; // and its
const NOBODY: u32 = 0; // peers are members from 1 on
const LONGEST: usize = 65_535; // no datagram is longer
const ROUNDS: usize = 16; // sessions without end must not keep the driver from the rest
const RECEIVED_AT_ONCE: usize = 16; // nor must a flood
const WARNINGS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

impl Datagrams {
    /// Passes on what sessions ask of the hub, and tells them what it says, as long as there is room
    /// for what they say to that.
    pub(super) fn meet(&mut self, now: Instant) {
        let Some(wire) = &mut self.wire else { return };
        loop {
            for (member, request) in self.correspondence.asked() {
                wire.ask(member, vec![request]);
            }
            if self.departures.is_full() {
                return wire.insist();
            }
            let out = &mut self.departures;
            match wire.next() {
                Ok(None) => return,
                Ok(Some((member, notice))) => {
                    self.correspondence.hear(member, &notice, out, now);
                }
                Err(HubLost) => {
                    self.wire = None;
                    return self.correspondence.lose_rooms(now);
                }
            }
        }
    }
}

impl Datagrams {
    /// Sends what waits; whether the system took all of it.
    pub(super) fn send(&mut self) -> bool {
        let mut cut = true; // by the system, which spares it most of the work
        self.blocked = false;
        while let Some(from) = self.departures.next_from() {
            let own = self.ports.as_ref().and_then(|ports| ports.socket(from));
            let sent = match own {
                Some(socket) if cut => self.send_runs(socket, from),
                Some(socket) => {
                    let run = self.departures.runs().next().map_or(1, |run| run.count);
                    self.send_each(socket, run, |_| How::Plainly)
                }
                None if self.local.ip().is_unspecified() => {
                    self.send_each(&self.socket, BATCH, How::From)
                }
                None => self.send_each(&self.socket, BATCH, |_| How::Plainly),
            };
            match sent {
                Ok(count) => self.departures.left(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && own.is_none() => {
                    self.blocked = true;
                    return false;
                }
                // Such as that they are too long for the way there, which cuts a single one as well.
                Err(_) if cut && own.is_some() => {
                    cut = false;
                    continue;
                }
                Err(error) => self.drop_first(&error),
            }
            cut = true;
        }
        if let Some(ports) = &mut self.ports {
            let closed = self.correspondence.closed_ports();
            closed.into_iter().for_each(|local| ports.close(local));
        }
        true
    }

    /// Sends the next datagrams, `most` of them, each by itself; says how many.
    fn send_each(
        &self,
        socket: &Socket,
        most: usize,
        how: impl Fn(SocketAddr) -> How,
    ) -> io::Result<usize> {
        let waiting = self.departures.waiting().take(most);
        let outgoing = waiting.map(|(departure, bytes)| Outgoing {
            bytes,
            to: departure.to,
            how: how(departure.from),
        });
        send_many(socket.as_fd(), outgoing)
    }

    /// Sends the next datagrams from one port, in runs; says how many.
    fn send_runs(&self, socket: &Socket, from: SocketAddr) -> io::Result<usize> {
        let runs = || self.departures.runs().take_while(|run| run.from == from);
        let outgoing = runs().map(|run| Outgoing {
            bytes: run.bytes,
            to: run.to,
            how: match u16::try_from(run.each) {
                Ok(each) if 1 < run.count => How::Cut(each),
                _ => How::Plainly,
            },
        });
        let sent = send_many(socket.as_fd(), outgoing)?;
        Ok(runs().take(sent).map(|run| run.count).sum())
    }

    /// The first that waits cannot be sent. The error is about that one, and would come again.
    fn drop_first(&mut self, error: &io::Error) {
        if let Some((departure, bytes)) = self.departures.waiting().next() {
            debug!(peer = %departure.to, bytes = bytes.len(), "send: {error}");
            let drops = self.correspondence.drops();
            drops.count(Dropped::Unsendable, departure.to);
        }
        self.departures.left(1);
    }

    /// Attends to what has arrived at the ports of single conversations.
    pub(super) fn attend_ports(&mut self, now: Instant) {
        for local in self.ports.iter().flat_map(Ports::ready).collect::<Vec<_>>() {
            for _ in 0..RECEIVED_AT_ONCE {
                if !self.advance(now) {
                    return;
                }
                if !self.receive(Some(local)) {
                    break;
                }
            }
        }
        self.advance(now);
    }
}

#[cfg(test)]
mod tests;
