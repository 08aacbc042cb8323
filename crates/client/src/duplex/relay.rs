//! A stream between input, output and peer, without their descriptors.

use std::io;
use std::time::{Duration, Instant};

use crate::duplex::buffer::Buffer;
use crate::duplex::ending::{Closer, DuplexError, Ending};
use crate::duplex::options::{DuplexOptions, EofPolicy, PeerEofPolicy};

/// What is on its way in both directions, and how it ends. The poll loop asks what to wait for, moves
/// bytes, and reports what happened.
pub(super) struct Relay {
    options: DuplexOptions,
    is_interactive: bool,
    to_peer: Buffer,
    to_output: Buffer,
    has_input: bool,
    is_shut_down: bool,   // the sending side of the connection
    has_peer_ended: bool, // its stream ended, or the connection broke
    failure: Option<Failure>,
    last_input: Instant,   // or the peer's end, if that is later
    last_arrival: Instant, // or the end of input, if that is later
    last_moved: Instant,   // a byte to or from the peer
    sent: u64,
    received: u64,
}

/// Nothing more can be sent.
struct Failure {
    cause: io::Error,
    unsent: usize,
}

impl Relay {
    pub(super) fn new(options: DuplexOptions, is_interactive: bool, now: Instant) -> Self {
        Self {
            options,
            is_interactive,
            to_peer: Buffer::new(BUFFER_BYTES),
            to_output: Buffer::new(BUFFER_BYTES),
            has_input: true,
            is_shut_down: false,
            has_peer_ended: false,
            failure: None,
            last_input: now,
            last_arrival: now,
            last_moved: now,
            sent: 0,
            received: 0,
        }
    }

    /// Where input is to be read to, if there is space.
    pub(super) fn input_space(&mut self) -> Option<&mut [u8]> {
        self.wants_input().then(|| self.to_peer.space())
    }

    pub(super) fn wants_input(&self) -> bool {
        self.has_input && self.failure.is_none() && self.to_peer.has_space()
    }

    /// Bytes of input were read; 0 is its end.
    pub(super) fn input_read(&mut self, count: usize, now: Instant) {
        self.last_input = now;
        if count == 0 {
            self.has_input = false;
            self.last_arrival = now;
        }
        self.to_peer.add(count);
    }

    /// Where bytes of the peer are to be read to, if there is space.
    pub(super) fn peer_space(&mut self) -> Option<&mut [u8]> {
        self.wants_peer().then(|| self.to_output.space())
    }

    pub(super) fn wants_peer(&self) -> bool {
        !self.has_peer_ended && self.to_output.has_space()
    }

    /// Bytes of the peer were read; 0 is the end of its stream. Returns them.
    pub(super) fn peer_read(&mut self, count: usize, now: Instant) -> &[u8] {
        self.last_arrival = now;
        self.last_moved = now;
        self.received += count as u64;
        if count == 0 {
            self.has_peer_ended = true;
            self.last_input = now;
        }
        self.to_output.add(count)
    }

    /// Nothing more can be read from the peer.
    pub(super) fn read_failed(&mut self, cause: io::Error) {
        self.has_peer_ended = true;
        self.fail(cause);
    }

    /// Nothing more can be sent. The peer may have sent the reason before.
    pub(super) fn send_failed(&mut self, cause: io::Error) {
        self.fail(cause);
    }

    fn fail(&mut self, cause: io::Error) {
        let unsent = self.to_peer.bytes().len();
        self.to_peer.consume(unsent);
        self.failure.get_or_insert(Failure { cause, unsent });
    }

    /// The peer takes no more bytes: it has closed both sides. That is no failure if none wait.
    pub(super) fn peer_closed(&mut self) {
        if self.waits_for_close() {
            self.has_input = false;
            self.is_shut_down = true;
        }
    }

    /// Whether the peer has ended its stream, and may close the rest of the connection as well.
    pub(super) fn waits_for_close(&self) -> bool {
        self.has_peer_ended && self.has_input && self.to_peer.is_empty()
    }

    /// What is to be sent.
    pub(super) fn to_send(&self) -> &[u8] {
        self.to_peer.bytes()
    }

    /// Bytes were sent.
    pub(super) fn sent(&mut self, count: usize, now: Instant) {
        self.to_peer.consume(count);
        self.sent += count as u64;
        self.last_moved = now;
    }

    /// What is to be written to the output.
    pub(super) fn to_write(&self) -> &[u8] {
        self.to_output.bytes()
    }

    /// Bytes were written to the output.
    pub(super) fn written(&mut self, count: usize) {
        self.to_output.consume(count);
    }

    /// Whether the sending side is to be closed now. Returns `true` once.
    pub(super) fn must_shut_down(&mut self) -> bool {
        let announces = matches!(self.options.eof, EofPolicy::Half | EofPolicy::Wait(_));
        let is_due = announces
            && !self.has_input
            && self.to_peer.is_empty()
            && self.failure.is_none()
            && !self.is_shut_down;
        self.is_shut_down |= is_due;
        is_due
    }

    /// When [`ending`](Self::ending) may change without any other event.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.idle_end(), self.wait_end(), self.input_wait_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When nothing will have moved for the idle timeout.
    fn idle_end(&self) -> Option<Instant> {
        self.last_moved.checked_add(self.options.idle_timeout?)
    }

    /// After the end of input: when nothing will have arrived for the time of `EofPolicy::Wait`.
    fn wait_end(&self) -> Option<Instant> {
        let is_over = !self.has_input && self.to_peer.is_empty() && self.to_output.is_empty();
        match self.options.eof {
            EofPolicy::Wait(time) if is_over => self.last_arrival.checked_add(time),
            _ => None,
        }
    }

    /// After the end of the peer: when there will have been no input for the time of
    /// `PeerEofPolicy::Wait`.
    fn input_wait_end(&self) -> Option<Instant> {
        let is_over = self.has_peer_ended && self.to_peer.is_empty() && self.to_output.is_empty();
        match self.options.peer_eof {
            _ if !is_over => None,
            PeerEofPolicy::Wait(_) if self.is_interactive => Some(self.last_input),
            PeerEofPolicy::Wait(time) => self.last_input.checked_add(time),
            PeerEofPolicy::Ignore => None,
        }
    }

    /// How it ended, if it has.
    pub(super) fn ending(&mut self, now: Instant) -> Option<Result<Ending, DuplexError>> {
        if !self.to_output.is_empty() {
            return None;
        }
        if self.has_peer_ended {
            if let Some(Failure { cause, unsent }) = self.failure.take() {
                return Some(Err(DuplexError::Lost { cause, unsent }));
            }
            if !self.has_input && self.to_peer.is_empty() {
                return Some(Ok(self.ended_by(Closer::Peer)));
            }
        }
        let has_passed = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        if has_passed(self.input_wait_end()) {
            return Some(Ok(self.ended_by(Closer::PeerFirst)));
        }
        let closes = self.options.eof == EofPolicy::Close
            && !self.has_input
            && self.to_peer.is_empty()
            && self.failure.is_none();
        if closes || has_passed(self.wait_end()) {
            return Some(Ok(self.ended_by(Closer::Input)));
        }
        if has_passed(self.idle_end()) {
            let time = self.options.idle_timeout.unwrap_or(Duration::ZERO);
            return Some(Err(DuplexError::IdleTimeout(time)));
        }
        None
    }

    fn ended_by(&self, closer: Closer) -> Ending {
        Ending {
            closer,
            sent: self.sent,
            received: self.received,
        }
    }
}

const BUFFER_BYTES: usize = 128 * 1024;
