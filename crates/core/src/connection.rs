//! One conversation without its socket: bytes in, session, bytes out.

use crate::ended::Ended;
use crate::framing::{Framer, Framing, Message, TooLong};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::service::{Error, Flow, Session};

/// One session, with its framing on the way in and its outbox on the way out.
///
/// A server loop drives it with four questions: does it [want input](Self::wants_input), has it
/// [output](Self::output), is it [done](Self::is_done), and [why](Self::ended). It does no I/O, so
/// every server drives the same one.
///
/// Back-pressure is here and nowhere else: while the outbox is full, no input is wanted and nothing
/// is delivered.
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
    /// Begins the conversation: the session's greeting may already wait in
    /// [`output`](Self::output).
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

    /// The peer sent `bytes`. What cannot be delivered yet is kept, so a loop reads only while
    /// input is wanted.
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

    /// No byte has moved for too long: ends the conversation, with words where they cannot be taken
    /// for content.
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

    /// The first `count` bytes of [`output`](Self::output) were sent. The session may go on, now
    /// that there is room.
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

    /// Calls the session with each message of `raw`, and with all else it is due, until the outbox
    /// is full.
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
                    Ok(Message { bytes, line_end }) => {
                        out.end_lines_with(line_end);
                        self.session.receive(bytes, out)
                    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A session made of a closure, which is called with each event by name.
    struct Scripted<F>(F);

    #[derive(Clone, Copy)]
    enum Event<'a> {
        Open,
        Message(&'a [u8]),
        Resume,
        Finish,
        Stop,
    }

    impl<F: FnMut(Event<'_>, &mut Outbox) -> Result<Flow, Error>> Session for Scripted<F> {
        fn open(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
            self.0(Event::Open, out)
        }
        fn receive(&mut self, message: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
            self.0(Event::Message(message), out)
        }
        fn resume(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
            self.0(Event::Resume, out)
        }
        fn finish(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
            self.0(Event::Finish, out)
        }
        fn stop(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
            self.0(Event::Stop, out)
        }
    }

    fn connection(
        framing: Framing,
        outbox_bytes: usize,
        session: impl FnMut(Event<'_>, &mut Outbox) -> Result<Flow, Error> + 'static,
    ) -> Connection {
        let limits = Limits {
            outbox_bytes,
            message_bytes: 100,
            ..Limits::default()
        };
        Connection::open(Box::new(Scripted(session)), framing, &limits)
    }

    /// Greets, answers each line with two, counts to three on request, and says goodbye.
    fn talkative(event: Event<'_>, out: &mut Outbox, left: &mut u32) -> Result<Flow, Error> {
        match event {
            Event::Open => out.send(b"hello"),
            Event::Message(b"count") => {
                *left = 3;
                return Ok(Flow::More);
            }
            Event::Message(b"bye") => {
                out.send(b"bye");
                return Ok(Flow::Close);
            }
            Event::Message(line) => {
                out.send(line);
                out.send(b"said you");
            }
            Event::Resume => {
                out.send(left.to_string().as_bytes());
                *left -= 1;
                return Ok(if *left == 0 {
                    Flow::Continue
                } else {
                    Flow::More
                });
            }
            Event::Finish | Event::Stop => {
                out.send(b"you left");
                return Ok(Flow::Close);
            }
        }
        Ok(Flow::Continue)
    }

    fn take(connection: &mut Connection, most: usize) -> Vec<u8> {
        let taken = connection.output()[..connection.output().len().min(most)].to_vec();
        connection.sent(taken.len());
        taken
    }

    /// Says `said` in pieces of `size`, ends the input, and takes the answers in pieces of `taken`.
    fn talk(said: &[u8], size: usize, taken: usize, outbox_bytes: usize) -> (Vec<u8>, Ended) {
        let mut left = 0;
        let mut connection = connection(Framing::Line, outbox_bytes, move |event, out| {
            talkative(event, out, &mut left)
        });
        let mut heard = Vec::new();
        for piece in said.chunks(size) {
            while !connection.wants_input() && !connection.is_done() {
                heard.extend(take(&mut connection, taken));
            }
            connection.receive(piece);
        }
        connection.end_input();
        while !connection.output().is_empty() {
            heard.extend(take(&mut connection, taken));
        }
        assert!(connection.is_done());
        (heard, connection.ended())
    }

    #[track_caller]
    fn check(said: &str, answers: &str, how: &str) {
        for outbox_bytes in [1, 8, 1000] {
            for size in 1..=said.len().max(1) {
                for taken in [1, 2, 5, 1000] {
                    let (heard, ended) = talk(said.as_bytes(), size, taken, outbox_bytes);
                    let pieces = format!("by {size}, taken by {taken}, outbox of {outbox_bytes}");
                    assert_eq!(
                        heard.escape_ascii().to_string(),
                        answers.escape_default().to_string(),
                        "{pieces}"
                    );
                    assert_eq!(ended.to_string(), how, "{pieces}");
                }
            }
        }
    }

    #[test]
    fn every_chunking_gives_the_same_talk() {
        check("", "hello\nyou left\n", "the peer left");
        check(
            "a\nb",
            "hello\na\nsaid you\nb\nsaid you\nyou left\n",
            "the peer left",
        );
        check(
            "a\r\nbye\r\nlost",
            "hello\na\r\nsaid you\r\nbye\r\n",
            "closed by the service",
        );
        check(
            "count\nbye\n",
            "hello\n3\n2\n1\nbye\n",
            "closed by the service",
        );
        check(
            "count\ncount",
            "hello\n3\n2\n1\n3\n2\n1\nyou left\n",
            "the peer left",
        );
    }

    #[test]
    fn a_line_too_long_is_answered_and_ends_the_talk() {
        let said = format!("ok\n{}", "x".repeat(101));
        let answers = "hello\nok\nsaid you\nThat line is too long. Goodbye.\n";
        check(&said, answers, "sent a line that was too long");
    }

    #[test]
    fn a_full_outbox_stops_the_reading() {
        let mut echo = connection(Framing::Bytes, 10, |event, out| {
            if let Event::Message(bytes) = event {
                out.send(bytes);
            }
            Ok(Flow::Continue)
        });
        assert!(echo.wants_input());
        echo.receive(b"0123456789");
        assert!(!echo.wants_input());
        echo.receive(b"not yet delivered");
        assert_eq!(echo.output(), b"0123456789");
        echo.sent(1);
        assert_eq!(echo.output(), b"123456789not yet delivered");
        assert!(!echo.wants_input());
        echo.sent(26 - 9);
        assert!(echo.wants_input());
    }

    #[test]
    fn a_session_without_end_fills_no_more_than_the_outbox() {
        let mut endless = connection(Framing::Bytes, 100, |event, out| {
            if let Event::Open | Event::Resume = event {
                out.send(b"and so on ");
                return Ok(Flow::More);
            }
            Ok(Flow::Close)
        });
        for _ in 0..1000 {
            assert_eq!(endless.output().len(), 100);
            assert!(!endless.wants_input());
            endless.sent(10);
        }
        endless.sent(5);
        endless.stop();
        assert_eq!(
            endless.output().len(),
            105,
            "the last words come when there is room"
        );
        endless.sent(105);
        assert!(endless.is_done());
        assert_eq!(endless.ended().to_string(), "the server stopped");
    }

    #[test]
    fn a_session_that_sends_too_much_at_once_is_ended() {
        let mut flood = connection(Framing::Bytes, 10, |_, out| {
            (0..1000).for_each(|_| out.send(&[b'x'; 10_000]));
            Ok(Flow::Continue)
        });
        assert!(flood.output().len() < 2 << 20);
        flood.sent(flood.output().len());
        assert!(flood.is_done());
        assert!(flood.ended().is_failure());
    }

    #[test]
    fn a_failure_lets_out_what_was_sent_before() {
        let mut failing = connection(Framing::Line, 10, |event, out| match event {
            Event::Open => Ok(Flow::Continue),
            _ => {
                out.send(b"one moment");
                Err(Error::Failed("no more ideas".into()))
            }
        });
        failing.receive(b"x\ny\n");
        assert_eq!(take(&mut failing, 1000), b"one moment\n");
        assert!(failing.is_done());
        assert_eq!(failing.ended().to_string(), "failed: no more ideas");
    }

    #[test]
    fn idleness_is_told_in_words_where_words_are_lines() {
        let quiet = |_: Event<'_>, _: &mut Outbox| Ok(Flow::Continue);
        for (framing, words) in [
            (Framing::Bytes, ""),
            (Framing::Line, "Nothing was heard for too long. Goodbye.\n"),
        ] {
            let mut connection = connection(framing, 10, quiet);
            connection.expire();
            assert_eq!(connection.output(), words.as_bytes());
            assert!(!connection.wants_input());
            assert_eq!(connection.ended().to_string(), "idle for too long");
        }
    }
}
