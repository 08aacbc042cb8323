//! The side that wants the file.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::tftp::dally::Dally;
use crate::tftp::error::{Step, TransferError};
use crate::tftp::options::Negotiated;
use crate::tftp::packet::Packet;
use crate::tftp::retransmit::{Due, RetransmitTimer};

/// Receives a file, a window of blocks at a time.
///
/// What came is acknowledged at the end of a window, where a block is missing (once), and when no
/// more comes for too long. The last block is not: that is for [`finish`](Self::finish), when the
/// file is where it is to be. Blocks that come too early are kept: the missing one may only be late,
/// or be the only one.
#[derive(Debug)]
pub struct Receiver<W> {
    sink: W,
    block_bytes: usize,
    window: u64,
    // Blocks are counted from 1 and do not go round here.
    received: u64,                 // all up to this one
    early: BTreeMap<u64, Vec<u8>>, // some of those of a window behind it
    said: Option<u64>,             // what was acknowledged last
    window_ended: bool,            // with the block that came last
    gap_said: bool,                // that the next one is missing
    due: bool,                     // something is to be said now
    waits: bool,                   // nothing new came since that
    timed: Option<Duration>,       // when that was said, if for the first time
    repeated: bool,                // something was said again, or missing
    bytes: u64,
    packet: Vec<u8>, // the opening, until the first block is here
    timer: RetransmitTimer,
}

impl<W: Write> Receiver<W> {
    /// Writes to `sink`, and says until the first block comes what was `agreed`, or else that block 0
    /// was received.
    pub fn new(sink: W, negotiated: &Negotiated, agreed: Option<Vec<u8>>, now: Duration) -> Self {
        let timer = RetransmitTimer::new(now).agreed(negotiated.timeout);
        match agreed {
            // Who asked says it again by itself; some clients fail if they are answered twice.
            Some(agreed) => Self::with(sink, negotiated, agreed, timer.giving_way_first()),
            None => Self::with(sink, negotiated, Packet::Ack(0).to_bytes(), timer),
        }
    }

    pub(super) fn with(
        sink: W,
        negotiated: &Negotiated,
        opening: Vec<u8>,
        timer: RetransmitTimer,
    ) -> Self {
        Self {
            sink,
            block_bytes: negotiated.block_bytes.into(),
            window: negotiated.window.max(1).into(),
            received: 0,
            early: BTreeMap::new(),
            said: None,
            window_ended: false,
            gap_said: false,
            due: true,
            waits: true,
            timed: None,
            repeated: false,
            bytes: 0,
            packet: opening,
            timer: timer.giving_way(),
        }
    }

    /// A packet came. [`Step::Done`] if all of the file has come and was written; then there is
    /// nothing to do but [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// The peer gives up, sends what makes no sense, or its file cannot be written.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        match packet {
            Packet::Data { block, bytes } => self.on_data(*block, bytes, now),
            Packet::Error { code, words } => Err(TransferError::told(*code, words)),
            Packet::OptionAck(_) if self.received == 0 => {
                self.due = true; // what we said to that was lost
                Ok(Step::Continue)
            }
            _ => Ok(Step::Continue),
        }
    }

    /// The time may have come.
    ///
    /// # Errors
    ///
    /// The peer was silent for too long.
    pub fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        match self.timer.check(now) {
            Due::Nothing => (),
            Due::Again => {
                self.due = true;
                self.repeated = true;
            }
            Due::Over => return Err(TransferError::Timeout),
        }
        Ok(Step::Continue)
    }

    /// The request came again. While nothing else did, the answer is due, as if its time had come.
    pub fn on_request(&mut self, now: Duration) {
        if self.received == 0 {
            self.timer.hurry(now);
        }
    }

    /// When it is to be told of the time.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.timer.due()
    }

    /// Whether anything was said again, came again, or was missing.
    #[must_use]
    pub fn has_repeated(&self) -> bool {
        self.repeated
    }

    /// So many bytes have come.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is to be sent.
    pub fn next_packet(&mut self, now: Duration) -> Option<&[u8]> {
        if !std::mem::take(&mut self.due) {
            return None;
        }
        // That the next one is missing is asked for by what has come since the last answer.
        let is_new = self.said != Some(self.received) || self.gap_said;
        self.timed = (is_new && !self.timer.has_waited()).then_some(now);
        self.said = Some(self.received);
        self.waits = true;
        self.timer.restart(now);
        // What was agreed has arrived, if any block has.
        if 0 < self.received || !self.early.is_empty() {
            self.packet.clear();
            Packet::Ack(self.received as u16).write(&mut self.packet);
        }
        Some(&self.packet)
    }

    /// What was written to, and who tells the peer that it has got there, for so long.
    pub fn finish(self, linger: Duration, now: Duration) -> (W, Dally) {
        let dally = Dally::new(self.received, now + linger);
        (self.sink, dally)
    }

    fn on_data(&mut self, block: u16, bytes: &[u8], now: Duration) -> Result<Step, TransferError> {
        if self.block_bytes < bytes.len() {
            return Err(TransferError::Protocol("a block is longer than was agreed"));
        }
        match u64::from(block.wrapping_sub(self.received as u16)) {
            1 => {
                let mut step = self.take(bytes, now)?;
                // What comes behind the end is no part of the file.
                while step == Step::Continue
                    && let Some(bytes) = self.early.remove(&(self.received + 1))
                {
                    step = self.take(&bytes, now)?;
                }
                return Ok(step);
            }
            0 => {
                // It was sent again, so what was said about it was lost.
                self.due |= self.window_ended;
                self.repeated = true;
            }
            // One more than a window: some clients go on by a block when their time is over.
            ahead if ahead <= self.window + 1 => self.keep(self.received + ahead, bytes, now),
            _ => (), // an old one
        }
        Ok(Step::Continue)
    }

    /// Keeps a block that came before the next one. That is missing, and not only late, if several
    /// overtook it or no more come.
    fn keep(&mut self, block: u64, bytes: &[u8], now: Duration) {
        let is_end = self.window_end() <= block || bytes.len() < self.block_bytes;
        self.early.entry(block).or_insert_with(|| bytes.to_vec());
        if is_end || OVERTAKING <= self.early.len() {
            self.due |= !self.gap_said;
            self.gap_said = true;
        }
        self.repeated = true;
        self.timer.hasten(now);
    }

    /// Takes the next block.
    fn take(&mut self, bytes: &[u8], now: Duration) -> Result<Step, TransferError> {
        self.sink.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.received += 1;
        // Who sends single blocks sends them again when the time is over.
        if self.window <= 1 {
            self.timer.wait_longer();
        }
        if std::mem::take(&mut self.waits) {
            let late = |said: &Duration| self.gap_said && self.timer.is_too_soon(*said, now);
            let said = self.timed.take().filter(|said| !late(said));
            let trip = said.map(|said| now.saturating_sub(said));
            self.timer.progress(trip, now);
        } else {
            self.timer.advance(now);
        }
        self.gap_said = false;
        self.window_ended = self.window_end() <= self.received;
        self.due = self.window_ended;
        if bytes.len() < self.block_bytes {
            self.sink.flush()?;
            return Ok(Step::Done);
        }
        Ok(Step::Continue)
    }

    /// The last block that comes before an answer is waited for.
    fn window_end(&self) -> u64 {
        self.said.unwrap_or(0) + self.window
    }
}

const OVERTAKING: usize = 3; // as TCP has it
