//! An exchange among others: its wire to the hub, and its alarm clock.

use std::time::Instant;

use crate::hub::message::{Notice, Request};
use crate::hub_link::link::{HubLost, Link};
use crate::reactor::poll::earlier;
use crate::stream::task::{Exchange, Phase};

impl Exchange {
    /// Passes on what the session wants, and tells it what has happened elsewhere; whether anything
    /// was moved.
    pub(super) fn meet(&mut self, now: Instant) -> bool {
        let mut moved = self.pass_on(now);
        let Some(wire) = &mut self.wire else {
            return false;
        };
        for _ in 0..HEARD_AT_ONCE {
            if !self.connection.wants_room_events() {
                break;
            }
            match wire.next() {
                Ok(None) => break,
                Ok(Some((_, notice))) => {
                    if let Notice::Accepted(_) = notice {
                        self.times.moved(now);
                    }
                    self.connection.room_event(&notice);
                }
                Err(HubLost) => {
                    self.connection.lose_rooms();
                    self.wire = None;
                    return true;
                }
            }
            moved = true;
        }
        moved
    }

    /// Sees to it that what is left to be asked or heard is not forgotten until something else happens.
    pub(super) fn go_on_later(&mut self, now: Instant) {
        self.pass_on(now);
        if self.connection.wants_room_events()
            && let Some(wire) = &self.wire
        {
            wire.rearm(); // if there is more
        }
    }

    /// Passes on what the session wants; whether that was anything.
    fn pass_on(&mut self, now: Instant) -> bool {
        if self.alarm.set(&mut self.connection, now) {
            self.times.moved(now); // it is not the peer who is silent
        }
        let Some(wire) = &mut self.wire else {
            return false;
        };
        let requests = self.connection.take_requests();
        let any = !requests.is_empty();
        wire.send(ALONE, requests);
        any
    }

    /// When something is to be done here because of the time.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let wire = self
            .wire
            .as_ref()
            .filter(|_| self.connection.has_pending_requests());
        earlier(self.alarm.at(), wire.and_then(Link::deadline))
    }

    /// Wakes the session if its time has come, and has the hub see who was waited for too long.
    pub(super) fn ring(&mut self, now: Instant) {
        if let Some(wire) = self
            .wire
            .as_ref()
            .filter(|_| self.connection.has_pending_requests())
        {
            wire.tick();
            self.advance(now);
        }
        if self.alarm.ring(&mut self.connection, now) {
            self.advance(now);
        }
    }

    /// Whether the peer is not read since what it has said is not taken yet where that is to go.
    pub(super) fn is_held_back(&self) -> bool {
        self.connection.has_pending_requests() && !self.input_ended
    }

    /// The conversation has begun, whatever its session has asked for.
    pub(super) fn be_here(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.send(ALONE, vec![Request::Ready]);
        }
    }

    /// It was said and heard what there was to be, in rooms as well.
    pub(super) fn depart(&mut self) {
        if let Some(mut wire) = self.wire.take() {
            wire.send(ALONE, vec![Request::Disconnect]);
        }
    }

    /// Whether more is to be read from the peer, who may make the session ask the hub for more.
    pub(super) fn wants_input(&self) -> bool {
        self.connection.wants_input() && !self.wire.as_ref().is_some_and(Link::is_full)
    }

    /// Whether the session may be told of its rooms. What it may not waits in the hub.
    pub(super) fn wants_news(&self) -> bool {
        matches!(self.phase, Phase::Talking) && self.connection.wants_room_events()
    }
}

const ALONE: u32 = 0; // nobody else is at this end of the wire
const HEARD_AT_ONCE: usize = 256; // then what was said about it is sent
