//! One conversation without its socket: bytes in, session, bytes out.

use crate::ended::Ended;
use crate::framing::{Framer, Framing, TooLong};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::service::{Error, Flow, Session};

/// One session, with its framing on the way in and its outbox on the way out.
///
/// A server loop drives it with four questions: does it [want input](Self::wants_input), has it [output](Self::output),
/// is it [done](Self::is_done), and [why](Self::ended). It does no I/O, so every server drives the same one.
///
/// Back-pressure is here and nowhere else: while the outbox is full, no input is wanted and nothing is delivered.
pub struct Connection {
    session: Box<dyn Session>,
    framer: Framer,
    pending: Vec<u8>, // read while the outbox was full, not yet delivered
    outbox: Outbox,
    more: bool, // the session waits to be resumed
    input: Input,
    stop: Told,
    ended: Option<Ended>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,     // the session is to be told
    Finishing, // the session knows
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    Soon, // as soon as the outbox has room
    Yes,
}

impl Connection {
    /// Begins the conversation: the session's greeting may already wait in [`output`](Self::output).
    #[must_use]
    pub fn open(session: Box<dyn Session>, framing: Framing, limits: &Limits) -> Self {
        let line_end = match framing {
            Framing::Bytes => None,
            Framing::Line => Some("\n"),
        };
        let mut connection = Self {
            session,
            framer: Framer::new(framing, limits.message_bytes),
            pending: Vec::new(),
            outbox: Outbox::new(limits.outbox_bytes, line_end),
            more: false,
            input: Input::Open,
            stop: Told::No,
            ended: None,
        };
        let flow = connection.session.open(&mut connection.outbox);
        connection.follow(flow);
        connection.pump();
        connection
    }

    /// The peer sent `bytes`. What cannot be delivered yet is kept, so a loop reads only while input is wanted.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.pending.is_empty() {
            let rest = self.deliver(bytes);
            self.pending.extend_from_slice(rest);
        } else {
            self.pending.extend_from_slice(bytes);
            self.pump();
        }
    }

    /// The peer ended its side: nothing follows what was received.
    pub fn end_input(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Ended;
            self.pump();
        }
    }

    /// The server is stopping: the session may say its last words.
    pub fn stop(&mut self) {
        if self.stop == Told::No {
            self.stop = Told::Soon;
            self.pump();
        }
    }

    /// No byte has moved for too long: ends the conversation, with words where they cannot be taken for content.
    pub fn expire(&mut self) {
        if !self.is_ending() {
            self.dismiss(Ended::Idle, "Nothing was heard for too long. Goodbye.");
        }
    }

    /// Whether more should be read from the peer.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.input == Input::Open
            && !self.is_ending()
            && !self.more
            && self.pending.is_empty()
            && !self.outbox.is_full()
    }

    /// What is to be sent to the peer next; empty if nothing is.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.outbox.waiting()
    }

    /// The first `count` bytes of [`output`](Self::output) were sent. The session may go on, now that there is room.
    pub fn sent(&mut self, count: usize) {
        self.outbox.sent(count);
        self.pump();
    }

    /// Whether everything is said and sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_ending() && self.outbox.is_empty()
    }

    /// Why the conversation ended; [`Ended::Cut`] if it did not come to an end by itself.
    #[must_use]
    pub fn ended(self) -> Ended {
        self.ended.unwrap_or(Ended::Cut)
    }

    fn is_ending(&self) -> bool {
        self.ended.is_some()
    }

    /// Goes on with whatever waits, as far as the outbox has room.
    fn pump(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let rest = self.deliver(&pending).len();
        if 0 < rest {
            self.pending = pending;
            self.pending.drain(..self.pending.len() - rest);
        }
    }

    /// Calls the session with each message of `raw`, and with all else it is due, until the outbox is full.
    ///
    /// Returns what could not be delivered yet.
    fn deliver<'a>(&mut self, mut raw: &'a [u8]) -> &'a [u8] {
        loop {
            if self.is_ending() {
                return &[]; // what comes after the end is nobody's
            }
            if self.outbox.is_full() {
                return raw;
            }
            let out = &mut self.outbox;
            let flow = if self.stop == Told::Soon {
                self.stop = Told::Yes;
                self.more = false;
                self.session.stop(out)
            } else if self.more {
                self.session.resume(out)
            } else if let Some(message) = self.framer.cut(&mut raw) {
                match message {
                    Ok(message) => self.session.receive(message, out),
                    Err(TooLong) => return self.refuse_line(),
                }
            } else if self.input != Input::Ended {
                return &[];
            } else if let Some(line) = self.framer.last() {
                self.session.receive(line, out)
            } else {
                self.input = Input::Finishing;
                self.session.finish(out)
            };
            self.follow(flow);
        }
    }

    fn follow(&mut self, flow: Result<Flow, Error>) {
        self.outbox.end_lines_with(self.framer.line_end());
        self.more = matches!(flow, Ok(Flow::More));
        self.ended = match (flow, self.outbox.overflow()) {
            (Err(error), _) => Some(Ended::Failed(error)),
            (Ok(_), Some(bytes)) => Some(Ended::Failed(Error::Overflow(bytes))),
            (Ok(Flow::Continue | Flow::More), None) => None,
            (Ok(Flow::Close), None) if self.stop == Told::Yes => Some(Ended::Stopped),
            (Ok(Flow::Close), None) if self.input == Input::Finishing => Some(Ended::PeerLeft),
            (Ok(Flow::Close), None) => Some(Ended::Closed),
        };
    }

    fn refuse_line(&mut self) -> &'static [u8] {
        self.dismiss(Ended::LineTooLong, "That line is too long. Goodbye.");
        &[]
    }

    fn dismiss(&mut self, ended: Ended, words: &str) {
        if matches!(self.framer, Framer::Line(_)) {
            self.outbox.send(words.as_bytes());
        }
        self.ended = Some(ended);
    }
}
