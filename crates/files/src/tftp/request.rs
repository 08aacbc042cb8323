//! The client's request, until the server answers.

use std::io::{Read, Write};
use std::time::Duration;

use crate::tftp::error::TransferError;
use crate::tftp::options::{Negotiated, Options};
use crate::tftp::packet::{Packet, Request, RequestKind};
use crate::tftp::receiver::Receiver;
use crate::tftp::retransmit::RetransmitTimer;
use crate::tftp::sender::Sender;
use crate::tftp::transfer::{Step, Transfer};

/// Sends a request until it is answered; then it becomes a [`Sender`] or [`Receiver`].
#[derive(Debug)]
pub struct Requester {
    packet: Vec<u8>,
    kind: RequestKind,
    options: Options,
    due: bool,
    sent: Option<Duration>, // if it was sent only once
    negotiated: Negotiated,
    timer: RetransmitTimer,
}

impl Requester {
    /// Sends this request.
    #[must_use]
    pub fn new(request: &Request<'_>, now: Duration) -> Self {
        let mut timer = RetransmitTimer::new(now);
        timer.double(); // an inetd may have to start the server first
        Self {
            packet: Packet::Request(request.clone()).to_bytes(),
            kind: request.kind,
            options: request.options,
            due: true,
            sent: None,
            negotiated: Negotiated::default(),
            timer,
        }
    }

    /// Sends the file from `source`, with the negotiated options.
    pub fn into_sender<R: Read>(self, source: R, now: Duration) -> Sender<R> {
        let timer = self.timer.negotiated(self.negotiated.timeout);
        Sender::with_timer(source, &self.negotiated, None, timer, now)
    }

    /// Receives the file into `sink`, with the negotiated options.
    pub fn into_receiver<W: Write>(self, sink: W) -> Receiver<W> {
        let timer = self.timer.negotiated(self.negotiated.timeout);
        Receiver::with_timer(sink, &self.negotiated, None, timer)
    }

    /// The negotiated options, once the request is answered.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        self.negotiated
    }
}

/// Processes packets from any port of the server. [`Step::Done`] means that the packet answers the
/// request; then call [`into_sender`](Requester::into_sender) or
/// [`into_receiver`](Requester::into_receiver) for a transfer with that port. A receiver must process
/// this packet as well: it may be the first block.
impl Transfer for Requester {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        match (packet, self.kind) {
            (Packet::OptionAck(options), _) => self.negotiated = self.options.accept(options)?,
            (Packet::Data { block: 1, .. }, RequestKind::Read)
            | (Packet::Ack(0), RequestKind::Write) => (),
            (Packet::Error { code, message }, _) => {
                return Err(TransferError::peer(*code, message));
            }
            _ => return Err(TransferError::Protocol("unexpected answer to a request")),
        }
        let round_trip = self.sent.map(|sent| now.saturating_sub(sent));
        self.timer.progress(round_trip, now);
        Ok(Step::Done)
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        self.due |= self.timer.has_expired(now)?;
        Ok(Step::Continue)
    }

    fn deadline(&self) -> Duration {
        self.timer.deadline()
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError> {
        if !std::mem::take(&mut self.due) {
            return Ok(None);
        }
        self.sent = (!self.timer.has_retried()).then_some(now);
        self.timer.sent(now);
        Ok(Some(&self.packet))
    }
}
