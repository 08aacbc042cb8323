//! One conversation on its stream: moves the bytes that can be moved, keeps the deadlines, and
//! closes politely.

mod in_rooms;
mod opening;
mod sending;

use std::cell::Cell;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::exec::supervisor::{self, Given};
use crate::hub_link::link::Link;
use crate::limits::admission::Slot;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::alarm::Alarm;
use crate::reactor::poll::earlier;
use crate::reactor::source::{Task, Watched};
use crate::reactor::times::Times;
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;

pub(crate) use opening::BUSY;

/// A connection on its stream, from the greeting to the polite close.
pub(crate) struct Exchange {
    stream: Stream,
    peer: Peer,
    slot: Option<Slot>,
    connection: Connection,
    wire: Option<Link>, // to the hub, until it has departed from there
    alarm: Alarm,
    times: Times,
    phase: Phase,
    blocked: bool, // the stream takes no more output for now
    input_ended: bool,
    received: u64,
    sent: u64,
}

enum Phase {
    Talking,
    /// All is sent, and the peer knows that no more follows. Closing with input unread would make
    /// the system reset the connection, and the peer could lose the last words; so what still comes
    /// is read and forgotten until the peer ends its side or falls silent.
    Leaving {
        silent_at: Instant,
    },
    /// Nothing more happens. What cut the connection short is here, if anything did.
    Over(Option<CloseReason>),
}

impl Exchange {
    /// Logs how it went; says why it ended, and what is to take over.
    pub(crate) fn finish(mut self) -> (CloseReason, Option<(Given, Command)>) {
        self.depart();
        if self.connection.is_aborted() {
            self.stream.reset(); // or what has arrived would look like the whole
        }
        let program = self.connection.take_command();
        let ended = match (self.phase, self.connection.into_close_reason()) {
            (
                Phase::Over(Some(cut_short)),
                CloseReason::Closed
                | CloseReason::PeerClosed
                | CloseReason::Shutdown
                | CloseReason::Aborted
                | CloseReason::HandedOver,
            ) => cut_short,
            (_, own) => own, // its failure matters more than how its peer took it
        };
        if let (CloseReason::HandedOver, Some(command)) = (&ended, program) {
            let given = Given {
                stream: self.stream,
                peer: self.peer,
                slot: self.slot,
                limits: self.times.limits(),
                counted: Cell::default(),
            };
            return (ended, Some((given, *command)));
        }
        ended.record(&self.peer, self.slot.as_ref(), self.received, self.sent);
        (ended, None)
    }

    /// When the conversation is to be ended from here, unless it ends before.
    fn dismiss_at(&self) -> Option<Instant> {
        if self.connection.close_reason().is_some() {
            return None;
        }
        if self.is_held_back() {
            return self.times.session_at(); // it is not the peer who is silent
        }
        self.times.dismiss_at(0 < self.connection.messages())
    }

    /// When the last words have waited for too long without a byte that could be sent.
    fn stalled_at(&self) -> Option<Instant> {
        let ended = self.connection.close_reason().is_some();
        ended.then(|| self.times.stalled_at())
    }

    fn receive(&mut self, buffer: &mut [u8], now: Instant) {
        let most = self.connection.read_bytes().min(buffer.len());
        let buffer = &mut buffer[..most];
        match self.stream.receive_some(buffer) {
            Ok(None) => (),
            Ok(Some(0)) => {
                self.input_ended = true;
                self.times.moved(now);
                self.connection.end_input();
            }
            Ok(Some(count)) => {
                let messages = self.connection.messages();
                self.count(count as u64, 0);
                self.connection.receive(&buffer[..count]);
                if messages < self.connection.messages() {
                    self.times.moved(now);
                }
            }
            Err(error) => return self.lose(Some(error)),
        }
        self.advance(now);
    }

    /// Sends what waits and can be sent, and hears what there is to be heard; once everything is
    /// done, begins to leave.
    fn advance(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Talking) {
            return;
        }
        for _ in 0..SENT_AT_ONCE {
            let heard = self.meet(now);
            match self.send(now) {
                Ok(sent) if sent || heard => (),
                Ok(_) => break,
                Err(error) => return self.lose(Some(error)),
            }
        }
        self.go_on_later(now);
        self.blocked = self.connection.has_output();
        if self.connection.is_aborted() && self.connection.is_done() {
            self.phase = Phase::Over(None); // without a polite end
            return;
        }
        if self.connection.is_done() {
            if matches!(
                self.connection.close_reason(),
                Some(CloseReason::HandedOver)
            ) {
                self.phase = Phase::Over(None); // the stream goes on
                return;
            }
            self.depart();
            self.times.end_within_grace(now);
            let silent_at = now + SILENCE;
            self.phase = match self.stream.end_output() {
                Ok(true) if !self.input_ended => Phase::Leaving { silent_at },
                _ => Phase::Over(None),
            };
        }
    }

    fn lose(&mut self, error: Option<io::Error>) {
        let ended = error.map_or(CloseReason::PeerClosed, CloseReason::ConnectionLost);
        self.phase = Phase::Over(Some(ended));
    }
}

impl Task for Exchange {
    fn watched(&self) -> Watched<'_> {
        let (read, write) = match self.phase {
            Phase::Talking => (self.wants_input(), self.blocked),
            Phase::Leaving { .. } | Phase::Over(_) => (true, false),
        };
        let mut watched = self.stream.watched(read, write);
        let wire = self.wire.as_ref();
        watched[WIRE] = wire.map(|wire| wire.watched(self.wants_news()));
        watched
    }

    fn deadline(&self) -> Option<Instant> {
        let other = match self.phase {
            Phase::Talking => {
                let ending = earlier(self.dismiss_at(), self.stalled_at());
                earlier(ending, self.due_at())
            }
            Phase::Leaving { silent_at } => Some(silent_at),
            Phase::Over(_) => None,
        };
        earlier(self.times.cut_at(), other)
    }

    fn attend(&mut self, place: usize, broken: bool, buffer: &mut [u8], now: Instant) {
        match self.phase {
            // Where output has a place of its own, nobody reads it any more.
            Phase::Talking if place == WIRE => self.advance(now),
            Phase::Talking if broken && place == OUTPUT => self.lose(None),
            Phase::Talking if self.wants_input() => self.receive(buffer, now),
            Phase::Talking if broken => self.lose(self.stream.take_error()),
            Phase::Talking => self.advance(now),
            Phase::Leaving { .. } if place == WIRE => (),
            Phase::Leaving { .. } if self.stream.discard() => {
                self.phase = Phase::Leaving {
                    silent_at: now + SILENCE, // it is not silent
                };
            }
            Phase::Leaving { .. } => self.phase = Phase::Over(None),
            Phase::Over(_) => (),
        }
    }

    fn tick(&mut self, now: Instant) {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Leaving { silent_at }
                if is_past(earlier(self.times.cut_at(), Some(silent_at))) =>
            {
                self.phase = Phase::Over(None);
            }
            Phase::Talking if is_past(earlier(self.times.cut_at(), self.stalled_at())) => {
                self.phase = Phase::Over(Some(CloseReason::Aborted));
            }
            Phase::Talking if is_past(self.dismiss_at()) => {
                let time_up = is_past(self.times.session_at());
                self.connection.close(if time_up {
                    CloseReason::SessionTimeout
                } else {
                    CloseReason::IdleTimeout
                });
                self.times.end_within_grace(now);
                self.advance(now);
            }
            Phase::Talking => self.ring(now),
            Phase::Leaving { .. } | Phase::Over(_) => (),
        }
    }

    fn stop(&mut self, now: Instant) {
        self.connection.shut_down();
        self.times.end_within_grace(now);
        self.advance(now);
    }

    fn fail(&mut self, error: io::Error) {
        self.phase = Phase::Over(Some(CloseReason::ConnectionLost(error)));
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        let (_, given) = self.finish();
        given.map(|(given, command)| supervisor::give(given, command))
    }
}

const OUTPUT: usize = 1; // its place, see `Stream::watched`
const WIRE: usize = 2; // its place, which a stream leaves free
const SENT_AT_ONCE: usize = 16; // a session without end must not keep its driver from the rest
// Longer than most round trips: hardly anything can be on its way any more.
const SILENCE: Duration = Duration::from_millis(500);
