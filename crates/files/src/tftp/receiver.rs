//! The receiving side of a transfer.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::tftp::dally::Dally;
use crate::tftp::error::TransferError;
use crate::tftp::options::Negotiated;
use crate::tftp::packet::Packet;
use crate::tftp::retransmit::RetransmitTimer;
use crate::tftp::transfer::{Step, Transfer};

/// Receives a file, a window of blocks at a time.
///
/// It acknowledges at the end of a window, once where a block is missing, and on a timeout. The last
/// block is acknowledged by [`finish`](Self::finish), after the file was stored. Blocks that arrive
/// early are kept, since the missing one may only be late, or be the only one lost.
///
/// Some senders count from 65535 to 1, not to 0. That is followed where it is certain. Where it could
/// also be a lost block, the transfer fails in the end.
#[derive(Debug)]
pub struct Receiver<W> {
    sink: W,
    block_bytes: usize,
    window: u64,
    // Block numbers count from 1 and do not wrap around here.
    received: u64,                 // all blocks up to this one
    early: BTreeMap<u64, Vec<u8>>, // some blocks behind it, at most a window and one
    after_max: AfterMax,
    acks_of_max: u32,        // acknowledgements of block 65535 that were sent
    acked: Option<u64>,      // by the last acknowledgement
    window_ended: bool,      // with the last block that arrived
    gap_reported: bool,      // the next block was requested
    due: bool,               // an acknowledgement
    is_waiting: bool,        // no new block since the last acknowledgement
    timed: Option<Duration>, // when that was sent, if it was not a retransmission
    has_repeated: bool,
    bytes: u64,
    packet: Vec<u8>, // before the first block: the response to the request
    timer: RetransmitTimer,
}

impl<W: Write> Receiver<W> {
    /// Receives into `sink`. Until the first block arrives, it sends `option_ack` (an encoded packet),
    /// or else an acknowledgement of block 0.
    pub fn new(
        sink: W,
        negotiated: &Negotiated,
        option_ack: Option<Vec<u8>>,
        now: Duration,
    ) -> Self {
        let timer = RetransmitTimer::of_server(negotiated, option_ack.is_some(), now);
        Self::with_timer(sink, negotiated, option_ack, timer)
    }

    pub(super) fn with_timer(
        sink: W,
        negotiated: &Negotiated,
        option_ack: Option<Vec<u8>>,
        timer: RetransmitTimer,
    ) -> Self {
        Self {
            sink,
            block_bytes: negotiated.block_bytes.into(),
            window: negotiated.window.max(1).into(),
            received: 0,
            early: BTreeMap::new(),
            after_max: AfterMax::Unknown,
            acks_of_max: 0,
            acked: None,
            window_ended: false,
            gap_reported: false,
            due: true,
            is_waiting: true,
            timed: None,
            has_repeated: false,
            bytes: 0,
            packet: option_ack.unwrap_or_else(|| Packet::Ack(0).to_bytes()),
            timer,
        }
    }

    /// The address of the request is not forged: whatever it does not answer is repeated.
    pub fn trust_peer(&mut self) {
        self.timer.trust_peer();
    }

    /// Whether a packet was retransmitted, arrived twice or was missing.
    #[must_use]
    pub fn has_repeated(&self) -> bool {
        self.has_repeated
    }

    /// Returns the sink, and what acknowledges the last block, for as long as `linger`.
    pub fn finish(self, linger: Duration, now: Duration) -> (W, Dally) {
        let dally = Dally::new(self.after_max.number(self.received), now + linger);
        (self.sink, dally)
    }

    fn on_data(&mut self, block: u16, bytes: &[u8], now: Duration) -> Result<Step, TransferError> {
        if self.block_bytes < bytes.len() {
            return Err(TransferError::Protocol("a block is longer than negotiated"));
        }
        self.follow_numbers(block)?;
        let mut step = Step::Continue;
        match self.after_max.distance(self.received, block) {
            1 => step = self.take(bytes, now)?,
            0 => {
                // The peer retransmits, so it missed the acknowledgement.
                self.due |= self.window_ended;
                self.has_repeated = true;
            }
            // One more than a window: after a timeout, some clients advance by one block.
            ahead if ahead <= self.window + 1 => self.keep(self.received + ahead, bytes, now),
            _ => (), // an old block
        }
        // What follows the last block is not part of the file.
        while step == Step::Continue
            && let Some(bytes) = self.early.remove(&(self.received + 1))
        {
            step = self.take(&bytes, now)?;
        }
        Ok(step)
    }

    /// Finds out which number follows 65535. `block` is what arrives.
    fn follow_numbers(&mut self, block: u16) -> Result<(), TransferError> {
        let is_open = self.after_max == AfterMax::Unknown && self.received == MAX_NUMBER;
        let ahead = u64::from(block) + 1; // if 0 comes first
        if !is_open || block == u16::MAX || self.window + 1 < ahead {
            return Ok(());
        }
        if block == 0 {
            self.after_max = AfterMax::Zero;
        } else if self.window == 1 && self.acks_of_max != 1 {
            // Some senders skip a block when an acknowledgement is repeated.
            return Err(TransferError::Protocol(NO_ZERO));
        } else if self.acks_of_max == 1 && ahead == self.window + 1 {
            // The last block of a window from 1 on.
            self.after_max = AfterMax::One;
            let early = std::mem::take(&mut self.early).into_iter();
            self.early = early.map(|(block, bytes)| (block - 1, bytes)).collect();
        }
        Ok(())
    }

    /// Keeps a block that arrived before the next one. If several overtook that, or the window ends,
    /// it is lost and not only late.
    fn keep(&mut self, block: u64, bytes: &[u8], now: Duration) {
        let is_end = self.window_end() <= block || bytes.len() < self.block_bytes;
        self.early.entry(block).or_insert_with(|| bytes.to_vec());
        if is_end || MAX_OVERTAKING <= self.early.len() {
            self.due |= !self.gap_reported;
            self.gap_reported = true;
        }
        self.has_repeated = true;
        self.timer.stop_yielding(now);
    }

    /// Writes the next block.
    fn take(&mut self, bytes: &[u8], now: Duration) -> Result<Step, TransferError> {
        self.sink.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.received += 1;
        // A peer that sends single blocks retransmits them by itself.
        if self.window <= 1 {
            self.timer.double();
        }
        if std::mem::take(&mut self.is_waiting) {
            let is_old = |sent: &Duration| self.gap_reported && self.timer.is_too_soon(*sent, now);
            let sent = self.timed.take().filter(|sent| !is_old(sent));
            let round_trip = sent.map(|sent| now.saturating_sub(sent));
            self.timer.progress(round_trip, now);
        } else {
            self.timer.advance(now);
        }
        self.gap_reported = false;
        self.window_ended = self.window_end() <= self.received;
        self.due = self.window_ended;
        if bytes.len() < self.block_bytes {
            self.sink.flush()?;
            return Ok(Step::Done);
        }
        Ok(Step::Continue)
    }

    /// Replaces a timeout where the sender seems to count from 65535 to 1.
    fn explain(&self, error: TransferError) -> TransferError {
        let is_at_max = self.after_max == AfterMax::Unknown && self.received == MAX_NUMBER;
        match error {
            TransferError::Timeout if is_at_max && !self.early.is_empty() => {
                TransferError::Protocol(NO_ZERO)
            }
            error => error,
        }
    }

    /// The last block before the peer waits for an acknowledgement.
    fn window_end(&self) -> u64 {
        self.acked.unwrap_or(0) + self.window
    }
}

/// The number that follows 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterMax {
    Unknown, // taken for 0
    Zero,
    One,
}

impl AfterMax {
    /// The number of this block, which counts from 1 and does not wrap around.
    fn number(self, block: u64) -> u16 {
        match self {
            Self::One if 0 < block => ((block - 1) % MAX_NUMBER + 1) as u16,
            _ => block as u16,
        }
    }

    /// How many blocks the one of this number is behind `received`.
    fn distance(self, received: u64, number: u16) -> u64 {
        let from = self.number(received);
        match self {
            Self::One if number == 0 => u64::MAX, // never sent
            Self::One => (u64::from(number) + MAX_NUMBER - u64::from(from)) % MAX_NUMBER,
            Self::Unknown | Self::Zero => number.wrapping_sub(from).into(),
        }
    }
}

/// After [`Step::Done`], the whole file was written and only [`finish`](Receiver::finish) is left.
impl<W: Write> Transfer for Receiver<W> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        match packet {
            Packet::Data { block, bytes } => {
                let step = self.on_data(*block, bytes, now)?;
                if step == Step::Done {
                    return Ok(step);
                }
            }
            Packet::Error { code, message } => return Err(TransferError::peer(*code, message)),
            // Our acknowledgement of the options was lost.
            Packet::OptionAck(_) if self.received == 0 => self.due = true,
            _ => (),
        }
        let patience = self.timer.check_patience(now);
        patience.map_err(|error| self.explain(error))?;
        Ok(Step::Continue)
    }

    fn on_request(&mut self, now: Duration) {
        self.due |= self.received == 0 && self.timer.should_answer_again(now);
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        let has_expired = self.timer.has_expired(now);
        if has_expired.map_err(|error| self.explain(error))? {
            self.due |= self.timer.may_repeat_answer();
            self.has_repeated = true;
        }
        Ok(Step::Continue)
    }

    fn deadline(&self) -> Duration {
        self.timer.deadline()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError> {
        if !std::mem::take(&mut self.due) {
            return Ok(None);
        }
        // The request for a missing block is answered by other blocks than the acknowledgement before.
        let is_new = self.acked != Some(self.received) || self.gap_reported;
        self.timed = (is_new && !self.timer.has_retried()).then_some(now);
        self.acked = Some(self.received);
        self.acks_of_max += u32::from(self.received == MAX_NUMBER);
        self.is_waiting = true;
        self.timer.sent(now);
        // Any block shows that the option acknowledgement arrived.
        if 0 < self.received || !self.early.is_empty() {
            self.packet.clear();
            let number = self.after_max.number(self.received);
            Packet::Ack(number).write(&mut self.packet);
        }
        Ok(Some(&self.packet))
    }
}

const MAX_OVERTAKING: usize = 3; // as in TCP
const MAX_NUMBER: u64 = 65_535; // of a block
const NO_ZERO: &str = "no block 0 after 65535";
