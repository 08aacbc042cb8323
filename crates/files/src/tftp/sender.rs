//! The sending side of a transfer.

use std::io::{self, Read};
use std::time::Duration;

use crate::tftp::error::TransferError;
use crate::tftp::options::Negotiated;
use crate::tftp::packet::Packet;
use crate::tftp::retransmit::RetransmitTimer;
use crate::tftp::transfer::{Step, Transfer};

/// Sends a file, a window of blocks at a time.
///
/// It retransmits on a timeout, and where the peer acknowledges less than was sent, which reports a
/// missing block; but only a few times for each block number, so that neither duplicates in the
/// network nor a peer that repeats itself multiply (the "sorcerer's apprentice" bug, RFC 1123, section
/// 4.2.3.1). With windows of one block, only the timeout counts.
///
/// The first block of a request without options is sent again only when the request is repeated: the
/// address of the request may be forged, and the block is longer than the request. A peer that
/// [cannot be forged](Self::trust_peer) gets it again on a timeout.
#[derive(Debug)]
pub struct Sender<R> {
    source: R,
    block_bytes: usize,
    window: u64,
    is_opening: bool, // the option acknowledgement in `packet` is unanswered
    opening_due: bool,
    buffer: Vec<u8>, // from `start` to `end`: read and not acknowledged
    start: usize,
    end: usize,
    // Block numbers count from 1 and do not wrap around here.
    acked: u64,             // all blocks up to this one
    next: u64,              // to send
    sent: u64,              // all blocks up to this one, at least once
    last: Option<u64>,      // known when the end of the file was read
    went_back: Option<u64>, // the value of `acked` then
    gap_reports: u32,       // answered since the last progress
    answers: u32,           // first blocks that a repeated request drew
    first_sent: Duration,   // when the block after `acked` was sent
    timed: Option<Timed>,
    ambiguous: u64, // an acknowledgement up to this block may answer an earlier transmission
    acked_bytes: u64,
    packet: Vec<u8>,
    timer: RetransmitTimer,
}

/// A block whose round trip is measured.
#[derive(Clone, Copy, Debug)]
struct Timed {
    block: u64,
    sent: Duration,
    is_repeated: bool,
}

impl<R: Read> Sender<R> {
    /// Sends what `source` contains. Before that, it sends `option_ack` (an encoded packet) until
    /// block 0 is acknowledged.
    pub fn new(
        source: R,
        negotiated: &Negotiated,
        option_ack: Option<Vec<u8>>,
        now: Duration,
    ) -> Self {
        let timer = RetransmitTimer::of_server(negotiated, option_ack.is_some(), now);
        Self::with_timer(source, negotiated, option_ack, timer, now)
    }

    pub(super) fn with_timer(
        source: R,
        negotiated: &Negotiated,
        option_ack: Option<Vec<u8>>,
        timer: RetransmitTimer,
        now: Duration,
    ) -> Self {
        let mut sender = Self {
            source,
            block_bytes: negotiated.block_bytes.into(),
            window: negotiated.window.max(1).into(),
            is_opening: option_ack.is_some(),
            opening_due: option_ack.is_some(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            acked: 0,
            next: 1,
            sent: 0,
            last: None,
            went_back: None,
            gap_reports: 0,
            answers: 0,
            first_sent: now,
            timed: None,
            ambiguous: 0,
            acked_bytes: 0,
            packet: option_ack.unwrap_or_default(),
            timer,
        };
        if !sender.is_opening {
            sender.begin();
        }
        sender
    }

    /// The address of the request is not forged: whatever it does not answer is repeated.
    pub fn trust_peer(&mut self) {
        self.timer.trust_peer();
    }

    /// The options are settled: blocks follow.
    fn begin(&mut self) {
        self.is_opening = false;
        // The receiver of a window knows which block is missing, and should report it first.
        if 1 < self.window {
            self.timer.double();
        }
    }

    /// Whether all blocks were sent to a peer that has answered. The last acknowledgement may never
    /// arrive.
    #[must_use]
    pub fn is_all_sent(&self) -> bool {
        self.timer.is_answered() && self.last.is_some_and(|last| last <= self.sent)
    }

    fn on_ack(&mut self, block: u16, now: Duration) -> Step {
        if self.is_opening {
            if block == 0 {
                self.begin();
                let round_trip = self.round_trip(0, now);
                self.timer.progress(round_trip, now);
            }
            return Step::Continue;
        }
        let more = u64::from(block.wrapping_sub(self.acked as u16));
        if self.sent - self.acked < more {
            return Step::Continue; // an old one
        }
        if more == 0 {
            if 1 < self.window && self.acked + 1 < self.next && self.is_gap_report(now) {
                self.gap_reports += 1;
                self.go_back();
            }
            return Step::Continue;
        }
        self.gap_reports = 0;
        let round_trip = self.round_trip(self.acked + more, now);
        self.timer.progress(round_trip, now);
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

    /// Whether a repeated acknowledgement answers what was sent last. A duplicate, or an answer to
    /// earlier blocks, arrives sooner.
    fn is_gap_report(&self, now: Duration) -> bool {
        if MAX_GAP_REPORTS <= self.gap_reports {
            false // the timer decides
        } else if self.went_back == Some(self.acked) {
            self.timer.is_late(self.first_sent, now)
        } else {
            !self.timer.is_too_soon(self.first_sent, now)
        }
    }

    /// Sends again all that is not acknowledged, after the peer reported a gap. Its next
    /// acknowledgement answers what is sent now.
    fn go_back(&mut self) {
        self.next = self.acked + 1;
        self.went_back = Some(self.acked);
        self.timed = None;
        self.ambiguous = self.acked;
    }

    fn note_sent(&mut self, block: u64, now: Duration) {
        if self.timed.is_none() && self.ambiguous < block {
            self.timed = Some(Timed {
                block,
                sent: now,
                is_repeated: block <= self.sent,
            });
        }
        if block == self.acked + 1 {
            self.first_sent = now;
        }
        self.sent = self.sent.max(block);
        self.next = block + 1;
        self.timer.sent(now);
    }

    /// The round-trip time of the measured block, if that is one of those up to `block`.
    fn round_trip(&mut self, block: u64, now: Duration) -> Option<Duration> {
        let timed = self.timed.take_if(|timed| timed.block <= block)?;
        if timed.is_repeated && self.timer.is_too_soon(timed.sent, now) {
            return None; // the first transmission was late and not lost
        }
        Some(now.saturating_sub(timed.sent))
    }

    /// Reads a window of blocks, from the first one that is not acknowledged.
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
        blocks as usize * self.block_bytes // at most a window
    }
}

/// [`Step::Done`] means that the peer has the whole file.
impl<R: Read> Transfer for Sender<R> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        let step = match packet {
            Packet::Ack(block) => self.on_ack(*block, now),
            Packet::Error { code, message } => return Err(TransferError::peer(*code, message)),
            _ => Step::Continue, // late, or an error of the peer
        };
        if step == Step::Continue {
            self.timer.check_patience(now)?;
        }
        Ok(step)
    }

    fn on_request(&mut self, now: Duration) {
        if !self.timer.should_answer_again(now) {
            return;
        }
        if self.is_opening {
            self.opening_due = true;
        } else if self.answers < MAX_ANSWERS {
            self.answers += 1;
            self.go_back();
            self.ambiguous = self.sent;
        }
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        if self.timer.has_expired(now)? {
            if self.is_opening {
                self.opening_due = self.timer.may_repeat_answer();
            } else if self.timer.may_repeat_block() {
                self.go_back();
                self.ambiguous = self.sent;
            }
        }
        Ok(Step::Continue)
    }

    fn deadline(&self) -> Duration {
        self.timer.deadline()
    }

    fn bytes(&self) -> u64 {
        self.acked_bytes
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError> {
        if self.is_opening {
            if !std::mem::take(&mut self.opening_due) {
                return Ok(None);
            }
            self.timed = (!self.timer.has_retried()).then_some(Timed {
                block: 0,
                sent: now,
                is_repeated: false,
            });
            self.timer.sent(now);
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
        let number = block as u16; // wraps around
        Packet::Data {
            block: number,
            bytes,
        }
        .write(&mut self.packet);
        self.note_sent(block, now);
        Ok(Some(&self.packet))
    }
}

const MAX_GAP_REPORTS: u32 = 3; // a retransmission may be lost, too
const MAX_ANSWERS: u32 = 5;
