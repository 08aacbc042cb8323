//! What a session wants done, until the server has done it.

mod attached;
mod requests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::hub::message::Request;
use crate::limits::limits::Limits;
use crate::reactor::source::READ_BYTES;
use crate::session::framing::Framing;

use attached::Attached;
pub(crate) use attached::too_short;

/// The bytes on their way to one peer, in the order they were sent; and what the session wants of its
/// rooms and of the clock.
///
/// A session [`send`](Self::send)s whole messages; the outbox puts them on the stream as the
/// framing asks. It is bounded: from [`Limits::outbox_bytes`] on nothing more is read from the peer
/// and nothing delivered to the session, so a session that only answers needs no thought about
/// memory. One that produces on its own sends until [`is_full`](Self::is_full), then returns
/// [`Flow::WhenWritable`](crate::Flow::WhenWritable).
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize, // this many of `bytes` have left already
    /// How long each message is, where every one leaves as a datagram.
    apart: Option<VecDeque<usize>>,
    files: VecDeque<Attached>,
    line_end: Option<&'static str>,
    high_water: usize,
    most: usize,
    overflow: Option<usize>,
    requests: Vec<Request>,
    asked: usize, // the weight of requests that are not done, such as posts that wait for somebody
    wake: Option<Duration>,
    expected: Option<u64>, // bytes of the peer that are no lines
    aborted: bool,         // what was sent is not the whole
}

impl Outbox {
    pub(crate) fn new(framing: Framing, limits: &Limits) -> Self {
        // Whatever one call was given, it may send several times as much.
        let given = limits
            .outbox_bytes
            .max(limits.message_bytes)
            .max(READ_BYTES);
        Self {
            bytes: Vec::new(),
            sent: 0,
            apart: None,
            files: VecDeque::new(),
            line_end: match framing {
                Framing::Bytes | Framing::Chunks(_) => None,
                Framing::Line => Some("\n"),
            },
            high_water: limits.outbox_bytes,
            most: MOST_FACTOR * given,
            overflow: None,
            requests: Vec::new(),
            asked: 0,
            wake: None,
            expected: None,
            aborted: false,
        }
    }

    /// Sends one message.
    ///
    /// Where the framing is by line, the line end is added here, and a line feed within the message
    /// becomes the line end that the peer uses.
    ///
    /// A session that goes on sending into a full outbox is broken: at four times what one call may
    /// be given (a message, a read of 128 KiB, or a full outbox, whichever is most) the message is
    /// dropped and the conversation [fails](crate::CloseReason::Overflow).
    pub fn send(&mut self, message: &[u8]) {
        let length = match self.line_end {
            None => message.len(),
            Some(end) => {
                let feeds = memchr::memchr_iter(b'\n', message).count();
                message.len() - feeds + end.len() * (1 + feeds)
            }
        };
        let held = self.held() + length;
        if self.overflow.is_some() || self.most < held {
            self.overflow.get_or_insert(held);
            return;
        }
        if let Some(lengths) = &mut self.apart {
            lengths.push_back(length);
        }
        let Some(end) = self.line_end else {
            return self.bytes.extend_from_slice(message);
        };
        for line in message.split(|&byte| byte == b'\n') {
            self.bytes.extend_from_slice(line);
            self.bytes.extend_from_slice(end.as_bytes());
        }
    }

    /// Asks to be [woken](crate::Session::wake) after this time; that it asked before for another
    /// time is forgotten.
    ///
    /// A session that has long work to do does some of it, asks for no time at all and
    /// [waits](crate::Flow::PauseInput): others have their turn meanwhile, and its peer is not taken to be
    /// silent.
    pub fn set_timer(&mut self, time: Duration) {
        self.wake = Some(time);
    }

    /// The next `count` bytes of the peer are no lines: [`receive`](crate::Session::receive) gets
    /// them as they come, in pieces of any size, and nothing else between. After them come lines
    /// again. An LF after the CR that ended the line before still belongs to that line.
    ///
    /// Where messages are not lines, nothing changes.
    pub fn expect_raw(&mut self, count: u64) {
        self.expected = Some(count);
    }

    /// What was sent is not the whole, and nothing will follow: once it has left, the conversation
    /// ends without the polite close, over TCP by a reset, so that the peer does not take a part for
    /// the whole. For a session that fails, or closes.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// Whether the session said so.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// Whether the outbox holds as much as it should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.high_water <= self.held() || self.has_files()
    }

    /// How many bytes wait to be sent, beside those of files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.apart {
            None => self.len() == 0 && self.files.is_empty(),
            Some(lengths) => lengths.is_empty(),
        }
    }

    /// How much memory what waits is taken to need: an empty datagram needs some as well.
    pub(crate) fn held(&self) -> usize {
        let datagrams = self.apart.as_ref().map_or(0, VecDeque::len);
        self.len() + datagrams * DATAGRAM_BYTES + self.held_files()
    }

    /// When the session asked to be woken, if it has since the last look.
    pub(crate) fn take_wake(&mut self) -> Option<Duration> {
        self.wake.take()
    }

    /// How many bytes the session expects, if it has said so since the last look.
    pub(crate) fn take_expected(&mut self) -> Option<u64> {
        self.expected.take()
    }

    /// Whether each message is a datagram.
    pub(crate) fn keeps_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// From now on, each message is a datagram.
    pub(crate) fn keep_apart(&mut self) {
        self.apart = Some(VecDeque::new());
    }

    /// Sends words of the server as a line of their own, whatever the framing.
    pub(crate) fn send_line(&mut self, words: &str) {
        if self.line_end.is_some() {
            self.send(words.as_bytes());
        } else {
            self.send(format!("{words}\n").as_bytes());
        }
    }

    /// Ends the lines sent from now on with `end`, where the framing is by line.
    pub(crate) fn end_lines_with(&mut self, end: Option<&'static str>) {
        self.line_end = end;
    }

    /// What the lines sent now end with, where the framing is by line.
    pub(crate) fn line_end(&self) -> Option<&'static str> {
        self.line_end
    }

    /// What waits to be sent, up to the next file.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..][..self.before_file()]
    }

    /// The first `count` waiting bytes have left.
    pub(crate) fn sent(&mut self, count: usize) {
        self.move_files(count);
        self.sent += count;
        debug_assert!(
            self.sent <= self.bytes.len(),
            "no more can leave than waited"
        );
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
            // An idle peer keeps no memory for the one long answer it once got.
            self.bytes.shrink_to(KEPT_CAPACITY);
        } else if COMPACT_FROM <= self.sent {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// The datagram that is to be sent next.
    pub(crate) fn datagram(&self) -> Option<&[u8]> {
        let &length = self.apart.as_ref()?.front()?;
        Some(&self.waiting()[..length])
    }

    /// The first waiting datagram has left.
    pub(crate) fn datagram_sent(&mut self) {
        if let Some(length) = self.apart.as_mut().and_then(VecDeque::pop_front) {
            self.sent(length);
        }
    }

    /// Drops all that waits.
    pub(crate) fn clear(&mut self) {
        if let Some(lengths) = &mut self.apart {
            lengths.clear();
        }
        self.files.clear();
        self.sent(self.len());
    }

    /// How many bytes the session tried to have held, if that was too many.
    pub(crate) fn overflow(&self) -> Option<usize> {
        self.overflow
    }
}

const MOST_FACTOR: usize = 4;
const KEPT_CAPACITY: usize = 64 * 1024;
const DATAGRAM_BYTES: usize = 16; // its length, and some for the bookkeeping
const COMPACT_FROM: usize = 256 * 1024; // moving bytes is worth it when many have left
