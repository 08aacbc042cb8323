//! What a session wants done, until the server has done it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::framing::Framing;
use crate::hub::Request;
use crate::limits::{Limits, READ_BYTES};
use crate::peer::Transport;

/// The bytes on their way to one peer, in the order they were sent; and what the session wants of its
/// rooms and of the clock.
///
/// A session [`send`](Self::send)s whole messages; the outbox puts them on the stream as the
/// framing asks. It is bounded: from [`Limits::outbox_bytes`] on nothing more is read from the peer
/// and nothing delivered to the session, so a session that only answers needs no thought about
/// memory. One that produces on its own sends until [`is_full`](Self::is_full), then returns
/// [`Flow::More`](crate::Flow::More).
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize, // this many of `bytes` have left already
    /// How long each message is, where every one leaves as a datagram.
    apart: Option<VecDeque<usize>>,
    line_end: Option<&'static str>,
    high_water: usize,
    most: usize,
    overflow: Option<usize>,
    requests: Vec<Request>,
    asked: usize, // the weight of requests that are not done, such as posts that wait for somebody
    wake: Option<Duration>,
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
            line_end: match framing {
                Framing::Bytes | Framing::Pieces(_) => None,
                Framing::Line => Some("\n"),
            },
            high_water: limits.outbox_bytes,
            most: MOST_FACTOR * given,
            overflow: None,
            requests: Vec::new(),
            asked: 0,
            wake: None,
        }
    }

    /// Sends one message.
    ///
    /// Where the framing is by line, the line end is added here, and a line feed within the message
    /// becomes the line end that the peer uses.
    ///
    /// A session that goes on sending into a full outbox is broken: at four times what one call may
    /// be given (a message, a read of 128 KiB, or a full outbox, whichever is most) the message is
    /// dropped and the conversation [fails](crate::Ended::Overflow).
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

    /// Joins a room, under a name that its other members see; [`Heard::Entered`](crate::Heard) tells
    /// when it is in. Who is in the room already goes by the new name there, which nobody is told.
    ///
    /// A room need not be made, and is forgotten when nobody is in it. A session
    /// may be in 16 at the same time, and leaves them with the end of its conversation.
    pub fn join(&mut self, room: &str, name: &str) {
        let transport = match self.apart {
            None => Transport::Stream,
            Some(_) => Transport::Datagram,
        };
        self.request(Request::Join {
            room: room.to_owned(),
            name: name.to_owned(),
            transport,
        });
    }

    /// Leaves a room.
    pub fn leave(&mut self, room: &str) {
        let room = room.to_owned();
        self.request(Request::Leave { room });
    }

    /// Posts to a room: all members hear it, in the same order. Who is not in a room may post there
    /// too, nameless, unless it is [lossless](crate::Room::lossless).
    ///
    /// While the posts of a session that have not found room with all who are to hear them, and what
    /// else it asked for since, are as much as the outbox should hold, nothing is delivered to it from
    /// its peer.
    pub fn post(&mut self, room: &str, bytes: &[u8]) {
        self.request(Request::Post {
            room: room.to_owned(),
            bytes: bytes.to_owned(),
        });
    }

    /// Asks who is in a room, which [`Heard::Members`](crate::Heard) tells.
    pub fn ask(&mut self, room: &str) {
        let room = room.to_owned();
        self.request(Request::Ask { room });
    }

    /// Asks to be [woken](crate::Session::wake) after this time; that it asked before for another
    /// time is forgotten.
    pub fn wake_after(&mut self, time: Duration) {
        self.wake = Some(time);
    }

    /// Whether the outbox holds as much as it should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.high_water <= self.held()
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.apart {
            None => self.len() == 0,
            Some(lengths) => lengths.is_empty(),
        }
    }

    /// How much memory what waits is taken to need: an empty datagram needs some as well.
    pub(crate) fn held(&self) -> usize {
        let datagrams = self.apart.as_ref().map_or(0, VecDeque::len);
        self.len() + datagrams * DATAGRAM_BYTES
    }

    fn request(&mut self, request: Request) {
        let asked = self.asked + request.weight();
        if self.overflow.is_some() || self.most < asked {
            self.overflow.get_or_insert(asked);
            return;
        }
        self.asked = asked;
        self.requests.push(request);
    }

    /// What the session wants of its rooms, each once.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether the session wants anything of rooms.
    pub(crate) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Whether anything that it asked of its rooms is not done.
    pub(crate) fn has_asked(&self) -> bool {
        0 < self.asked
    }

    /// Whether so much is not done that no more should follow.
    pub(crate) fn has_asked_much(&self) -> bool {
        self.high_water <= self.asked
    }

    /// Requests of this weight are done.
    pub(crate) fn taken(&mut self, weight: usize) {
        self.asked = self.asked.saturating_sub(weight);
    }

    /// Nothing of what it asked for will be done any more.
    pub(crate) fn forget_requests(&mut self) {
        self.requests.clear();
        self.asked = 0;
    }

    /// When the session asked to be woken, if it has since the last look.
    pub(crate) fn take_wake(&mut self) -> Option<Duration> {
        self.wake.take()
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

    /// What waits to be sent.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// The first `count` waiting bytes have left.
    pub(crate) fn sent(&mut self, count: usize) {
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
