//! A client, until the server has answered its request.

use std::io::{Read, Write};
use std::time::Duration;

use crate::tftp::error::{Step, TransferError};
use crate::tftp::options::{Negotiated, Options};
use crate::tftp::packet::{Packet, Request, RequestKind};
use crate::tftp::receiver::Receiver;
use crate::tftp::retransmit::{Due, RetransmitTimer};
use crate::tftp::sender::Sender;

/// Sends a request until it is answered; then it becomes the transfer.
#[derive(Debug)]
pub struct Requester {
    packet: Vec<u8>,
    kind: RequestKind,
    asked: Options,
    due: bool,
    timed: Option<Duration>, // when it was sent, if that was once
    negotiated: Negotiated,
    timer: RetransmitTimer,
}

impl Requester {
    /// Asks for this.
    #[must_use]
    pub fn new(request: &Request<'_>, now: Duration) -> Self {
        let mut timer = RetransmitTimer::new(now);
        timer.wait_longer(); // a server may have to be started first
        Self {
            packet: Packet::Request(request.clone()).to_bytes(),
            kind: request.kind,
            asked: request.options,
            due: true,
            timed: None,
            negotiated: Negotiated::default(),
            timer,
        }
    }

    /// A packet came, from whatever port of the server. [`Step::Done`] if it answers the request: now
    /// it is time for [`sender`](Self::sender) or [`receiver`](Self::receiver), to and from that
    /// port. The packet may be the first of the file, and has to be given to that as well.
    ///
    /// # Errors
    ///
    /// The server refuses, or answers something else.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        match (packet, self.kind) {
            (Packet::OptionAck(agreed), _) => self.negotiated = self.asked.accept(agreed)?,
            (Packet::Data { block: 1, .. }, RequestKind::Read)
            | (Packet::Ack(0), RequestKind::Write) => (),
            (Packet::Error { code, words }, _) => return Err(TransferError::told(*code, words)),
            _ => return Err(TransferError::Protocol("that is no answer to a request")),
        }
        let trip = self.timed.map(|sent| now.saturating_sub(sent));
        self.timer.progress(trip, now);
        Ok(Step::Done)
    }

    /// Sends the file, as it was agreed.
    pub fn sender<R: Read>(self, source: R, now: Duration) -> Sender<R> {
        let timer = self.timer.agreed(self.negotiated.timeout);
        Sender::with(source, &self.negotiated, None, timer, now)
    }

    /// Receives the file, as it was agreed.
    pub fn receiver<W: Write>(self, sink: W) -> Receiver<W> {
        let timer = self.timer.agreed(self.negotiated.timeout);
        Receiver::with(sink, &self.negotiated, Packet::Ack(0).to_bytes(), timer)
    }

    /// The time may have come.
    ///
    /// # Errors
    ///
    /// The server was silent for too long.
    pub fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        match self.timer.check(now) {
            Due::Nothing => (),
            Due::Again => self.due = true,
            Due::Over => return Err(TransferError::Timeout),
        }
        Ok(Step::Continue)
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
    pub fn negotiated(&self) -> Negotiated {
        self.negotiated
    }
}
