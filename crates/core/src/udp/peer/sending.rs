//! What is sent to one peer of datagrams, as far as it may be.

use std::time::Instant;

use crate::udp::dropped::Dropped;
use crate::udp::peer::{Correspondent, Desk, Turn};
use crate::udp::send_batch::Departures;
use crate::udp::validation::Proof;

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
            talk.paced |= talk.connection.waits_for_writable();
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
            let by_line = talk.connection.is_line_framed();
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
