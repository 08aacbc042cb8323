//! One conversation without its socket: bytes in, session, bytes out.

mod by_datagrams;
mod in_rooms;
mod opening;
mod with_files;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use crate::session::close_reason::CloseReason;
use crate::session::framing::{Framer, Message, TooLong};
use crate::session::guarded::guarded;
use crate::session::outbox::Outbox;
use crate::session::service::{Error, Flow, Session};

/// One session, with its framing on the way in and its outbox on the way out.
///
/// A server loop drives it with three questions: does it [want input](Self::wants_input), has it
/// [output](Self::output), is it [done](Self::is_done). It does no I/O, so every server drives the
/// same one.
///
/// Back-pressure is here and nowhere else: while the outbox is full, no input is wanted and nothing
/// is delivered. So is the line between a session and everybody else: one that fails or panics ends
/// its own conversation, and what it sent before still leaves.
pub struct Connection {
    state: State,
    framer: Framer,
    pending: Vec<u8>, // read while the outbox was full, not yet delivered
    outbox: Outbox,
    read_bytes: usize,
    program: Option<Box<Command>>, // takes the session's place
    more: bool,                    // the session waits to be resumed
    waits: bool,                   // the session waits for something else than its peer
    rooms: bool,                   // the service has rooms
    woken: bool,                   // and is to be told
    input: Input,
    stop: Told,
    messages: u64,
}

enum State {
    Talking(Box<dyn Session>),
    Over(CloseReason),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Eof, // to be delivered to the session
    EofDelivered,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    Soon, // as soon as the outbox has room
    Yes,
}

impl Connection {
    /// The peer sent `bytes`; a peer of datagrams [one of them](Self::receive_datagram). What cannot
    /// be delivered yet is kept, so a loop reads only while input is wanted.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.outbox.keeps_apart() {
            self.receive_datagram(bytes);
        } else if self.pending.is_empty() {
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
            self.input = Input::Eof;
            self.pump();
        }
    }

    /// The server is stopping: the session may say its last words.
    pub fn shut_down(&mut self) {
        if self.stop == Told::No {
            self.stop = Told::Soon;
            self.pump();
        }
    }

    /// Ends the conversation from outside, with words where they cannot be taken for content.
    pub(crate) fn close(&mut self, ended: CloseReason) {
        if matches!(self.state, State::Talking(_)) {
            if let (Framer::Line(_), Some(words)) = (&self.framer, ended.parting_words()) {
                self.outbox.send_line(words);
            }
            self.end(ended);
        }
    }

    /// Whether more should be read from the peer.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.input == Input::Open
            && matches!(self.state, State::Talking(_))
            && !self.more
            && !self.waits
            && self.pending.is_empty()
            && !self.outbox.is_full()
            && !self.outbox.has_asked_much()
    }

    /// The most that one read from the peer is to bring.
    pub(crate) fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// The program that takes the session's place, once everything is sent.
    pub(crate) fn take_command(&mut self) -> Option<Box<Command>> {
        self.program.take()
    }

    /// What is to be sent to the peer next; empty if nothing is, or a [file](Self::load_file).
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

    /// How many whole messages the session has received.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether everything is said and sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let State::Over(_) = self.state else {
            return false;
        };
        self.outbox.is_empty() && !self.outbox.has_asked()
    }

    /// Why the conversation ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Talking(_) => None,
            State::Over(ended) => Some(ended),
        }
    }

    /// Why the conversation ended; [`CloseReason::Cut`] if it did not come to an end by itself.
    #[must_use]
    pub fn into_close_reason(mut self) -> CloseReason {
        if self.close_reason().is_none() {
            self.end(CloseReason::Aborted);
        }
        match self.state {
            State::Talking(_) => CloseReason::Aborted,
            State::Over(ended) => ended,
        }
    }

    /// Goes on with whatever waits, as far as the outbox has room.
    fn pump(&mut self) {
        let pending = mem::take(&mut self.pending);
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
            let State::Talking(session) = &mut self.state else {
                return &[]; // what comes after the end is nobody's
            };
            let out = &mut self.outbox;
            if out.is_full() {
                return raw;
            }
            let flow = if self.stop == Told::Soon {
                self.stop = Told::Yes;
                guarded(|| session.on_shutdown(out))
            } else if self.more {
                let held = out.held();
                match guarded(|| session.on_writable(out)) {
                    Ok(Flow::WhenWritable) if out.held() == held => Err(CloseReason::Stuck),
                    flow => flow,
                }
            } else if mem::take(&mut self.woken) {
                guarded(|| session.on_timer(out))
            } else if self.waits || out.has_asked_much() {
                return raw;
            } else if let Some(message) = self.framer.cut(&mut raw) {
                match message {
                    Ok(Message { bytes, line_end }) => {
                        self.messages += 1;
                        if line_end.is_some() {
                            out.end_lines_with(line_end);
                        }
                        guarded(|| session.on_message(bytes, out))
                    }
                    Err(TooLong) => {
                        self.close(CloseReason::LineTooLong);
                        return &[];
                    }
                }
            } else if self.input != Input::Eof {
                return &[];
            } else if let Some(line) = self.framer.last() {
                self.messages += 1;
                guarded(|| session.on_message(line, out))
            } else if out.has_asked() {
                return &[];
            } else {
                self.input = Input::EofDelivered;
                guarded(|| session.on_eof(out))
            };
            self.follow(flow);
        }
    }

    fn follow(&mut self, flow: Result<Flow, CloseReason>) {
        self.more = matches!(flow, Ok(Flow::WhenWritable));
        self.waits = matches!(flow, Ok(Flow::PauseInput));
        if let Some(count) = self.outbox.take_expected() {
            self.framer.expect(count);
        }
        if self.outbox.keeps_apart() && self.outbox.has_files() {
            self.outbox.clear();
            return self.end(failed("there are no files in datagrams"));
        }
        if self.outbox.has_requests() && !self.rooms {
            self.outbox.forget_requests();
            return self.end(failed("the service has no rooms"));
        }
        match (flow, self.outbox.overflow()) {
            (Err(ended), _) => self.end(ended),
            (Ok(_), Some(bytes)) => self.end(CloseReason::Overflow(bytes)),
            (Ok(Flow::Continue | Flow::WhenWritable | Flow::PauseInput), None) => (),
            (Ok(Flow::Exec(_)), None) => {
                self.end(failed(
                    "a program can take over only when the conversation opens",
                ));
            }
            (Ok(Flow::Close), None) if self.stop == Told::Yes => self.end(CloseReason::Shutdown),
            (Ok(Flow::Close), None) if self.input == Input::EofDelivered => {
                self.end(CloseReason::PeerClosed)
            }
            (Ok(Flow::Close), None) => self.end(CloseReason::Closed),
        }
    }

    fn end(&mut self, ended: CloseReason) {
        let session = mem::replace(&mut self.state, State::Over(ended));
        // It ends, whatever its destructor has to say about it.
        catch_unwind(AssertUnwindSafe(|| drop(session))).ok();
    }
}

fn failed(words: &'static str) -> CloseReason {
    CloseReason::Failed(Error::Failed(words.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limits::Limits;
    use crate::peer::{Peer, Transport};
    use crate::session::config::Config;
    use crate::session::framing::Framing;
    use crate::session::service::{Refusal, Result, Service};
    use crate::testing::{Chunks, drive_stream};

    /// A session made of a closure, which is called with each event.
    struct Scripted<F>(F);

    #[derive(Clone, Copy)]
    enum Event<'a> {
        Open,
        Message(&'a [u8]),
        Resume,
        Finish,
        Stop,
    }

    impl<F: FnMut(Event<'_>, &mut Outbox) -> Result> Session for Scripted<F> {
        fn on_open(&mut self, out: &mut Outbox) -> Result {
            self.0(Event::Open, out)
        }
        fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
            self.0(Event::Message(message), out)
        }
        fn on_writable(&mut self, out: &mut Outbox) -> Result {
            self.0(Event::Resume, out)
        }
        fn on_eof(&mut self, out: &mut Outbox) -> Result {
            self.0(Event::Finish, out)
        }
        fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
            self.0(Event::Stop, out)
        }
    }

    fn limits(outbox_bytes: usize) -> Limits {
        Limits {
            outbox_bytes,
            message_bytes: 100,
            ..Limits::default()
        }
    }

    fn connection(
        framing: Framing,
        outbox_bytes: usize,
        session: impl FnMut(Event<'_>, &mut Outbox) -> Result + 'static,
    ) -> Connection {
        let state = State::Talking(Box::new(Scripted(session)));
        let config = Config::framed(framing);
        Connection::begin(
            state,
            &config,
            Transport::Stream,
            false,
            &limits(outbox_bytes),
        )
    }

    /// Greets, answers each line with two, counts to three on request, and says goodbye.
    struct Talkative;

    impl Service for Talkative {
        fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
            let mut left = 0;
            let session = move |event: Event<'_>, out: &mut Outbox| talk(event, out, &mut left);
            Ok(Box::new(Scripted(session)))
        }
    }

    fn talk(event: Event<'_>, out: &mut Outbox, left: &mut u32) -> Result {
        match event {
            Event::Open => out.send(b"hello"),
            Event::Message(b"count") => {
                *left = 3;
                return Ok(Flow::WhenWritable);
            }
            Event::Message(b"panic") => panic!("at the {}", "word"),
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
                let more = 0 < *left;
                return Ok(if more {
                    Flow::WhenWritable
                } else {
                    Flow::Continue
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

    #[track_caller]
    fn check(said: &str, answers: &str, how: &str) {
        for outbox_bytes in [1, 8, 1000] {
            for size in 1..=said.len().max(1) {
                for taken in [1, 2, 5, 1000] {
                    let pieces = Chunks {
                        input: size,
                        output: taken,
                    };
                    let limits = limits(outbox_bytes);
                    let (heard, ended) = drive_stream(&Talkative, said.as_bytes(), pieces, &limits);
                    let pieces = format!("{pieces:?}, outbox of {outbox_bytes}");
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
    fn a_panic_lets_out_what_was_sent_before() {
        check(
            "a\npanic\nb\n",
            "hello\na\nsaid you\n",
            "panicked: at the word",
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
                return Ok(Flow::WhenWritable);
            }
            Ok(Flow::Close)
        });
        for _ in 0..1000 {
            assert_eq!(endless.output().len(), 100);
            assert!(!endless.wants_input());
            endless.sent(10);
        }
        endless.sent(5);
        endless.shut_down();
        assert_eq!(
            endless.output().len(),
            105,
            "the last words come when there is room"
        );
        endless.sent(105);
        assert!(endless.is_done());
        assert_eq!(
            endless.into_close_reason().to_string(),
            "the server stopped"
        );
    }

    #[test]
    fn a_session_that_has_more_and_sends_nothing_is_ended() {
        let stuck = connection(Framing::Bytes, 100, |_, _| Ok(Flow::WhenWritable));
        assert!(stuck.is_done());
        assert!(matches!(stuck.close_reason(), Some(CloseReason::Stuck)));
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
        assert!(matches!(
            flood.close_reason(),
            Some(CloseReason::Overflow(_))
        ));
    }

    #[test]
    fn the_longest_line_can_be_answered_with_several() {
        let limits = Limits {
            message_bytes: 4 << 20,
            ..limits(10)
        };
        let line = vec![b'x'; 4 << 20];
        let mut connection = Connection::open(&Talkative, &Peer::stdio(), &limits);
        connection.sent(6);
        connection.receive(&line);
        connection.receive(b"\n");
        assert_eq!(connection.output().len(), line.len() + 10);
        assert!(connection.close_reason().is_none());
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
        assert_eq!(
            failing.into_close_reason().to_string(),
            "failed: no more ideas"
        );
    }

    #[test]
    fn a_refusal_is_told_in_words_whatever_the_framing() {
        for framing in [Framing::Bytes, Framing::Line] {
            let refused = CloseReason::Refused(Refusal("Not you.".into()));
            let connection = Connection::closed(refused, framing, &limits(10));
            assert_eq!(connection.output(), b"Not you.\n");
            assert!(!connection.wants_input());
        }
    }

    #[test]
    fn idleness_is_told_in_words_where_words_are_lines() {
        let quiet = |_: Event<'_>, _: &mut Outbox| Ok(Flow::Continue);
        for (framing, words) in [
            (Framing::Bytes, ""),
            (Framing::Line, "Nothing was heard for too long. Goodbye.\n"),
        ] {
            let mut connection = connection(framing, 10, quiet);
            connection.close(CloseReason::IdleTimeout);
            assert_eq!(connection.output(), words.as_bytes());
            assert!(!connection.wants_input());
            assert_eq!(
                connection.into_close_reason().to_string(),
                "idle for too long"
            );
        }
    }

    /// Gives its peers to a program, at once or at the first line.
    struct Giver {
        named: bool,
        late: bool,
    }

    impl Service for Giver {
        fn config(&self, _: Transport) -> Config {
            if self.named {
                Config::lines().exec()
            } else {
                Config::lines()
            }
        }

        fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
            let late = self.late;
            Ok(Box::new(Scripted(
                move |event: Event<'_>, out: &mut Outbox| {
                    Ok(match event {
                        Event::Open if late => Flow::Continue,
                        Event::Open | Event::Message(_) => {
                            out.send(b"here it comes");
                            Flow::Exec(Box::new(Command::new("true")))
                        }
                        _ => Flow::Close,
                    })
                },
            )))
        }
    }

    #[test]
    fn a_program_takes_over_at_the_opening_of_a_service_that_names_it() {
        for (named, late, how) in [
            (true, false, "given to a program"),
            (
                false,
                false,
                "failed: the service is not configured for exec",
            ),
            (
                true,
                true,
                "failed: a program can take over only when the conversation opens",
            ),
        ] {
            let giver = Giver { named, late };
            let mut connection = Connection::open(&giver, &Peer::stdio(), &limits(100));
            connection.receive(b"go\n");
            assert_eq!(connection.output(), b"here it comes\n", "{how}");
            assert_eq!(connection.take_command().is_some(), named && !late, "{how}");
            assert!(!connection.is_done(), "the words go first");
            connection.sent(14);
            assert!(connection.is_done());
            assert_eq!(connection.into_close_reason().to_string(), how);
        }
    }
}
