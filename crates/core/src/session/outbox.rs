//! The send buffer of a session, and its requests to the server.

use std::fs::File;
use std::ops::Range;
use std::time::Duration;

use crate::hub::message::Request;
use crate::limits::limits::Limits;
use crate::peer::Transport;
use crate::reactor::source::READ_BYTES;
use crate::session::framing::Framing;
use crate::session::send_queue::{FILE_WEIGHT, SendQueue};

/// The bounded send buffer of a session, and its requests: files, a timer, raw input, rooms.
///
/// A session [`send`](Self::send)s whole messages, and the outbox applies the framing. While it contains
/// [`Limits::outbox_bytes`] or more, nothing is read from the peer and no message is delivered, so a
/// session that only answers needs no code for backpressure. A session that produces output on its own
/// sends until [`is_full`](Self::is_full), then returns
/// [`Flow::WhenWritable`](crate::Flow::WhenWritable).
#[derive(Debug)]
pub struct Outbox {
    pub(super) queue: SendQueue,
    pub(super) line_end: Option<&'static str>, // where the framing is by line
    high_water: usize,
    max: usize, // for the queue, and for the requests
    pub(super) fault: Option<Fault>,
    pub(super) requests: Vec<Request>, // to the hub, and not taken by the server yet
    pub(super) pending: usize,         // the weight of the requests that the hub has not done yet
    pub(super) timer: Option<Duration>, // set, and not taken by the server yet
    pub(super) raw: Option<u64>,       // bytes expected, and not known to the framer yet
    pub(super) aborted: bool,
    pub(super) verified: bool, // the address of the peer
    line_timeout: Option<Duration>,
}

/// A call of the session that fails it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The outbox would have contained this many bytes.
    Overflow(usize),
    FileInDatagram,
}

impl Outbox {
    pub(crate) fn new(framing: Framing, transport: Transport, limits: &Limits) -> Self {
        // One call may send several times as much as it was given.
        let given = limits
            .outbox_bytes
            .max(limits.message_bytes)
            .max(READ_BYTES);
        Self {
            queue: SendQueue::new(transport),
            line_end: match framing {
                Framing::Bytes | Framing::Chunks(_) => None,
                Framing::Line => Some("\n"),
            },
            high_water: limits.outbox_bytes,
            max: given.saturating_mul(MAX_FACTOR),
            fault: None,
            requests: Vec::new(),
            pending: 0,
            timer: None,
            raw: None,
            aborted: false,
            verified: transport == Transport::Stream,
            line_timeout: limits.line_timeout,
        }
    }

    /// Sends one message.
    ///
    /// Where the framing is by line, the line end is added, and each LF within the message becomes
    /// the line end of the peer.
    ///
    /// A message that would fill the outbox to more than four times its input (the largest of
    /// [`Limits::outbox_bytes`], [`Limits::message_bytes`] and a read of 128 KiB) is dropped, and the
    /// session [fails](crate::CloseReason::Overflow).
    pub fn send(&mut self, message: &[u8]) {
        let length = match self.line_end {
            None => message.len(),
            Some(end) => {
                let feeds = memchr::memchr_iter(b'\n', message).count();
                message.len() - feeds + end.len() * (1 + feeds)
            }
        };
        if !self.has_space(self.queue.weight() + length) {
            return;
        }
        let buffer = self.queue.push(length);
        let Some(end) = self.line_end else {
            return buffer.extend_from_slice(message);
        };
        for line in message.split(|&byte| byte == b'\n') {
            buffer.extend_from_slice(line);
            buffer.extend_from_slice(end.as_bytes());
        }
    }

    /// Sends a range of a file, after everything sent before; by `sendfile(2)` where the peer is a
    /// socket.
    ///
    /// The outbox is full, and no message is delivered, until the range is sent. If the file is
    /// shorter, the session [fails](crate::CloseReason::Failed), and a TCP connection is reset so that
    /// the peer does not take the part for the whole. Over datagrams the session fails at once.
    pub fn send_file(&mut self, file: File, range: Range<u64>) {
        if range.is_empty() || !self.has_space(self.queue.weight() + FILE_WEIGHT) {
            return;
        }
        match self.queue.transport {
            Transport::Stream => self.queue.push_file(file, range),
            Transport::Datagram => self.fault = Some(Fault::FileInDatagram),
        }
    }

    /// Sets the [timer](crate::Session::on_timer) of the session, which has one: an earlier time is
    /// replaced.
    ///
    /// A session with long work does a part of it, sets the timer to zero and returns
    /// [`Flow::PauseInput`](crate::Flow::PauseInput): the server serves others in between, and the
    /// idle timeout does not apply. If the peer of a stream closes its sending side meanwhile, the
    /// session ends after the [grace period](crate::Limits::grace_period), as the peer may have left.
    pub fn set_timer(&mut self, time: Duration) {
        self.timer = Some(time);
    }

    /// [`Limits::line_timeout`], for a session that receives bytes and looks for lines itself: it sets
    /// its timer to this time.
    #[must_use]
    pub fn line_timeout(&self) -> Option<Duration> {
        self.line_timeout
    }

    /// Makes the next `count` bytes from the peer raw: they are delivered as messages of any size, as
    /// they arrive. Lines follow after them. An LF that completes the line end of the previous line
    /// does not count.
    ///
    /// Without effect where the framing is not by line.
    pub fn expect_raw(&mut self, count: u64) {
        self.raw = Some(count);
    }

    /// Marks the output as incomplete, for a session that fails or closes: once everything sent has
    /// left, the connection is closed without the polite shutdown, over TCP by a reset, so that the
    /// peer does not take a part for the whole.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// Whether the peer has shown that it receives what is sent to its address: always over a stream;
    /// over UDP, once in this session it has answered at its
    /// [dedicated port](crate::UdpPolicy::DedicatedPort) or returned the code that the server asked
    /// for. Before that, the address may be forged, so little work should be done for it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Whether the outbox contains [`Limits::outbox_bytes`] or more, or a file.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.high_water <= self.queue.weight() || self.queue.has_files()
    }

    /// Adds a request to the hub, which counts until it is done.
    pub(super) fn request(&mut self, request: Request) {
        let pending = self.pending + request.weight();
        if self.has_space(pending) {
            self.pending = pending;
            self.requests.push(request);
        }
    }

    /// Whether pending requests have reached the limit; then no message is delivered.
    pub(super) fn has_many_requests(&self) -> bool {
        self.high_water <= self.pending
    }

    /// Drops all requests, also those that the hub has.
    pub(super) fn drop_requests(&mut self) {
        self.requests.clear();
        self.pending = 0;
    }

    /// Sends a text of the server as a line, whatever the framing.
    pub(super) fn send_line(&mut self, text: &str) {
        if self.line_end.is_some() {
            self.send(text.as_bytes());
        } else {
            self.send(format!("{text}\n").as_bytes());
        }
    }

    /// Whether this weight is within the maximum. If it is not, the session fails, now and for all
    /// later calls.
    fn has_space(&mut self, weight: usize) -> bool {
        if self.fault.is_none() && self.max < weight {
            self.fault = Some(Fault::Overflow(weight));
        }
        self.fault.is_none()
    }
}

const MAX_FACTOR: usize = 4;
