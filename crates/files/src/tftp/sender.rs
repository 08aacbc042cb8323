//! The side that has the file.

use std::io::{self, Read};
use std::time::Duration;

use crate::tftp::error::{Step, TransferError};
use crate::tftp::options::Negotiated;
use crate::tftp::packet::Packet;
use crate::tftp::retransmit::{Due, RetransmitTimer, Timed};

/// Sends a file, a window of blocks at a time.
///
/// Blocks are sent again when the time for an answer is over, or when the peer acknowledges less than
/// was sent, which says that it has not got the next one; and for each of its places once. So what
/// the network duplicates is not sent twice. With windows of one block only the time counts.
#[derive(Debug)]
pub struct Sender<R> {
    source: R,
    block_bytes: usize,
    window: u64,
    opening: bool, // was not acknowledged yet; it is in `packet`
    opening_due: bool,
    buffer: Vec<u8>, // what was read and is not acknowledged is from `start` to `end`
    start: usize,
    end: usize,
    // Blocks are counted from 1 and do not go round here.
    acked: u64,
    next: u64,              // to be sent
    sent: u64,              // were sent, at least once
    last: Option<u64>,      // as soon as the end of the file was read
    went_back: Option<u64>, // when so many were acknowledged
    began: Duration,        // when the block after `acked` was sent
    timed: Option<Timed>,
    unclear: u64, // an answer to a block up to this one may be to what was sent before
    acked_bytes: u64,
    packet: Vec<u8>,
    timer: RetransmitTimer,
}

impl<R: Read> Sender<R> {
    /// Sends what `source` has; before it the packet `opening`, until block 0 is acknowledged.
    ///
    /// All that fits into a window is read at once.
    pub fn new(
        source: R,
        negotiated: &Negotiated,
        opening: Option<Vec<u8>>,
        now: Duration,
    ) -> Self {
        let timer = RetransmitTimer::new(now).agreed(negotiated.timeout);
        let timer = match opening {
            // Who asked says it again by itself; some clients fail if they are answered twice.
            Some(_) => timer.giving_way_first(),
            None => timer,
        };
        Self::with(source, negotiated, opening, timer, now)
    }

    pub(super) fn with(
        source: R,
        negotiated: &Negotiated,
        opening: Option<Vec<u8>>,
        timer: RetransmitTimer,
        now: Duration,
    ) -> Self {
        let mut sender = Self {
            source,
            block_bytes: negotiated.block_bytes.into(),
            window: negotiated.window.max(1).into(),
            opening: opening.is_some(),
            opening_due: opening.is_some(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            acked: 0,
            next: 1,
            sent: 0,
            last: None,
            went_back: None,
            began: now,
            timed: None,
            unclear: 0,
            acked_bytes: 0,
            packet: opening.unwrap_or_default(),
            timer: timer.giving_way(),
        };
        if !sender.opening {
            sender.begin();
        }
        sender
    }

    /// Whatever was to be agreed is: now the blocks.
    fn begin(&mut self) {
        self.opening = false;
        // Who receives a window knows where something is missing, and should be the first to say.
        if 1 < self.window {
            self.timer.wait_longer();
        }
    }

    /// A packet came. [`Step::Done`] if the peer has got all of the file.
    ///
    /// # Errors
    ///
    /// The peer gives up.
    pub fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        match packet {
            Packet::Ack(block) => Ok(self.on_ack(*block, now)),
            Packet::Error { code, words } => Err(TransferError::told(*code, words)),
            _ => Ok(Step::Continue), // late, or a mistake of somebody
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
            Due::Again if self.opening => self.opening_due = true,
            Due::Again => {
                self.go_back();
                self.unclear = self.sent;
            }
            Due::Over => return Err(TransferError::Timeout),
        }
        Ok(Step::Continue)
    }

    /// The request came again. While nothing else did, the answer is due, as if its time had come.
    pub fn on_request(&mut self, now: Duration) {
        if self.is_unheard() {
            self.timer.hurry(now);
        }
    }

    /// When it is to be told of the time.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.timer.due()
    }

    /// Whether all was sent and only the last answer is missing. It may be that it never comes.
    #[must_use]
    pub fn is_all_sent(&self) -> bool {
        self.last.is_some_and(|last| last <= self.sent)
    }

    /// Whether the peer has not answered at all.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        !self.timer.is_answered()
    }

    /// So many bytes were acknowledged.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.acked_bytes
    }

    /// What is to be sent.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_packet(&mut self, now: Duration) -> io::Result<Option<&[u8]>> {
        if self.opening {
            if !std::mem::take(&mut self.opening_due) {
                return Ok(None);
            }
            let first = !self.timer.has_waited();
            self.timed = first.then_some(Timed::new(0, now));
            self.timer.restart(now);
            return Ok(Some(&self.packet));
        }
        let block = self.next;
        if self.acked + self.window < block || self.last.is_some_and(|last| last < block) {
            return Ok(None);
        }
        let ahead = self.bytes_in(block - self.acked - 1);
        if self.last.is_none() && self.end - self.start < ahead + self.block_bytes {
            self.fill()?;
        }
        let from = self.start + ahead;
        let bytes = &self.buffer[from..self.end.min(from + self.block_bytes)];
        self.packet.clear();
        let number = block as u16; // which goes round
        Packet::Data {
            block: number,
            bytes,
        }
        .write(&mut self.packet);
        self.note_sent(block, now);
        Ok(Some(&self.packet))
    }

    fn on_ack(&mut self, block: u16, now: Duration) -> Step {
        if self.opening {
            if block == 0 {
                self.begin();
                let trip = self.trip(0, now);
                self.timer.progress(trip, now);
            }
            return Step::Continue;
        }
        let more = u64::from(block.wrapping_sub(self.acked as u16));
        if self.sent - self.acked < more {
            return Step::Continue; // an old one
        }
        if more == 0 {
            if 1 < self.window && self.acked + 1 < self.next && self.is_news(now) {
                self.go_back();
            }
            return Step::Continue;
        }
        let trip = self.trip(self.acked + more, now);
        self.timer.progress(trip, now);
        let bytes = self.bytes_in(more).min(self.end - self.start);
        self.start += bytes;
        self.acked_bytes += bytes as u64;
        self.acked += more;
        self.next = self.next.max(self.acked + 1);
        if self.last == Some(self.acked) {
            return Step::Done;
        }
        if self.acked + 1 < self.next {
            self.go_back();
        }
        Step::Continue
    }

    /// Whether that nothing more was received is an answer to what was sent last. What is said twice
    /// comes sooner, and so does what was said to blocks before.
    fn is_news(&self, now: Duration) -> bool {
        if self.went_back == Some(self.acked) {
            self.timer.is_late(self.began, now)
        } else {
            !self.timer.is_too_soon(self.began, now)
        }
    }

    /// Sends again all that was not acknowledged, since the peer says that it has not got it. So it
    /// is what is sent now that it will answer.
    fn go_back(&mut self) {
        self.next = self.acked + 1;
        self.went_back = Some(self.acked);
        self.timed = None;
        self.unclear = self.acked;
    }

    /// This block is sent now.
    fn note_sent(&mut self, block: u64, now: Duration) {
        if self.timed.is_none() && self.unclear < block {
            self.timed = Some(Timed {
                again: block <= self.sent,
                ..Timed::new(block, now)
            });
        }
        if block == self.acked + 1 {
            self.began = now;
        }
        self.sent = self.sent.max(block);
        self.next = block + 1;
        self.timer.restart(now);
    }

    /// How long the answer to the block that was timed took, if it is among those up to `block`.
    fn trip(&mut self, block: u64, now: Duration) -> Option<Duration> {
        let timed = self.timed.take_if(|timed| timed.block <= block)?;
        if timed.again && self.timer.is_too_soon(timed.sent, now) {
            return None; // the first was late, and not lost
        }
        Some(now.saturating_sub(timed.sent))
    }

    /// Reads what is missing in a window that begins with the first block not acknowledged.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.resize(self.bytes_in(self.window), 0);
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.last = Some(self.acked + 1 + (self.end / self.block_bytes) as u64);
                    break;
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn bytes_in(&self, blocks: u64) -> usize {
        blocks as usize * self.block_bytes // of a window, which is small
    }
}
