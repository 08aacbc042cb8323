//! A client, until the server has answered its request.

use std::io::{Read, Write};
use std::time::Duration;

use crate::tftp::error::{Failure, Step};
use crate::tftp::options::{Options, Terms};
use crate::tftp::packet::{Packet, Request, Wish};
use crate::tftp::receiver::Receiving;
use crate::tftp::retransmit::{Due, Timer};
use crate::tftp::sender::Sending;

/// Sends a request until it is answered; then it becomes the transfer.
#[derive(Debug)]
pub struct Asking {
    packet: Vec<u8>,
    wish: Wish,
    asked: Options,
    due: bool,
    timed: Option<Duration>, // when it was sent, if that was once
    terms: Terms,
    timer: Timer,
}

impl Asking {
    /// Asks for this.
    #[must_use]
    pub fn new(request: &Request<'_>, now: Duration) -> Self {
        let mut timer = Timer::new(now);
        timer.wait_longer(); // a server may have to be started first
        Self {
            packet: Packet::Request(request.clone()).to_bytes(),
            wish: request.wish,
            asked: request.options,
            due: true,
            timed: None,
            terms: Terms::default(),
            timer,
        }
    }

    /// A packet came, from whatever port of the server. [`Step::Done`] if it answers the request: now
    /// it is time for [`sending`](Self::sending) or [`receiving`](Self::receiving), to and from that
    /// port. The packet may be the first of the file, and has to be given to that as well.
    ///
    /// # Errors
    ///
    /// The server refuses, or answers something else.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, Failure> {
        match (packet, self.wish) {
            (Packet::Agreement(agreed), _) => self.terms = self.asked.accept(agreed)?,
            (Packet::Data { block: 1, .. }, Wish::Get) | (Packet::Ack(0), Wish::Put) => (),
            (Packet::Error { code, words }, _) => return Err(Failure::told(*code, words)),
            _ => return Err(Failure::Broken("that is no answer to a request")),
        }
        let trip = self.timed.map(|sent| now.saturating_sub(sent));
        self.timer.progress(trip, now);
        Ok(Step::Done)
    }

    /// Sends the file, as it was agreed.
    pub fn sending<R: Read>(self, source: R, now: Duration) -> Sending<R> {
        let timer = self.timer.agreed(self.terms.timeout);
        Sending::with(source, &self.terms, None, timer, now)
    }

    /// Receives the file, as it was agreed.
    pub fn receiving<W: Write>(self, sink: W) -> Receiving<W> {
        let timer = self.timer.agreed(self.terms.timeout);
        Receiving::with(sink, &self.terms, Packet::Ack(0).to_bytes(), timer)
    }

    /// The time may have come.
    ///
    /// # Errors
    ///
    /// The server was silent for too long.
    pub fn on_time(&mut self, now: Duration) -> Result<Step, Failure> {
        match self.timer.check(now) {
            Due::Nothing => (),
            Due::Again => self.due = true,
            Due::Over => return Err(Failure::Silent),
        }
        Ok(Step::Going)
    }

    /// When it is to be told of the time.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.timer.due()
    }

    /// What is to be sent, to the port where requests go.
    pub fn next_packet(&mut self, now: Duration) -> Option<&[u8]> {
        std::mem::take(&mut self.due).then(|| {
            self.timed = (!self.timer.has_waited()).then_some(now);
            self.timer.restart(now);
            &*self.packet
        })
    }

    /// What was agreed to, once it was answered.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }
}
