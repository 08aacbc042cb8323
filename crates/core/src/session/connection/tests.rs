//! Sessions over byte streams.

mod datagrams;
mod files;
mod rooms;

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use super::*;
use crate::peer::Address;
use crate::session::service::{Refusal, Result};
use crate::testing::{Chunks, drive_stream};

/// A session from a closure, which is called for each event.
struct Scripted<F>(F);

#[derive(Clone, Copy)]
enum Event<'a> {
    Open,
    Message(&'a [u8]),
    Writable,
    Eof,
    Shutdown,
}

impl<F: FnMut(Event<'_>, &mut Outbox) -> Result> Session for Scripted<F> {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        self.0(Event::Open, out)
    }
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        self.0(Event::Message(message), out)
    }
    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        self.0(Event::Writable, out)
    }
    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        self.0(Event::Eof, out)
    }
    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.0(Event::Shutdown, out)
    }
}

fn datagram_peer() -> Peer {
    let address = |port| Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
    Peer::new(address(5000), address(1212), Transport::Datagram)
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
    let state = State::Open(Box::new(Scripted(session)));
    let limits = limits(outbox_bytes);
    let mut connection = Connection::new(state, framing, Transport::Stream, &limits);
    connection.begin(false);
    connection
}

/// Greets, answers each line with two, counts down from three on request, and says goodbye.
struct Chatty;

impl Service for Chatty {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let mut count = 0;
        let session = move |event: Event<'_>, out: &mut Outbox| answer(event, out, &mut count);
        Ok(Box::new(Scripted(session)))
    }
}

fn answer(event: Event<'_>, out: &mut Outbox, count: &mut u32) -> Result {
    match event {
        Event::Open => out.send(b"hello"),
        Event::Message(b"count") => {
            *count = 3;
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
        Event::Writable => {
            out.send(count.to_string().as_bytes());
            *count -= 1;
            let more = 0 < *count;
            return Ok(if more {
                Flow::WhenWritable
            } else {
                Flow::Continue
            });
        }
        Event::Eof | Event::Shutdown => {
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
fn check(input: &str, output: &str, reason: &str) {
    for outbox_bytes in [1, 8, 1000] {
        for size in 1..=input.len().max(1) {
            for sent in [1, 2, 5, 1000] {
                let chunks = Chunks {
                    input: size,
                    output: sent,
                };
                let limits = limits(outbox_bytes);
                let (sent, closed) = drive_stream(&Chatty, input.as_bytes(), chunks, &limits);
                let how = format!("{chunks:?}, outbox of {outbox_bytes}");
                assert_eq!(
                    sent.escape_ascii().to_string(),
                    output.escape_default().to_string(),
                    "{how}"
                );
                assert_eq!(closed.to_string(), reason, "{how}");
            }
        }
    }
}

#[test]
fn output_is_the_same_for_every_chunking() {
    check("", "hello\nyou left\n", "closed by the peer");
    check(
        "a\nb",
        "hello\na\nsaid you\nb\nsaid you\nyou left\n",
        "closed by the peer",
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
        "closed by the peer",
    );
}

#[test]
fn output_before_a_panic_is_sent() {
    check(
        "a\npanic\nb\n",
        "hello\na\nsaid you\n",
        "panicked: at the word",
    );
}

#[test]
fn a_line_too_long_is_answered_and_ends_the_session() {
    let input = format!("ok\n{}", "x".repeat(101));
    let output = "hello\nok\nsaid you\nThat line is too long. Goodbye.\n";
    check(&input, output, "line too long");
}

#[test]
fn a_full_outbox_stops_reading() {
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
fn an_endless_session_fills_no_more_than_the_outbox() {
    let mut endless = connection(Framing::Bytes, 100, |event, out| {
        if let Event::Open | Event::Writable = event {
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
    assert_eq!(endless.output().len(), 105, "on_shutdown waits for room");
    endless.sent(105);
    assert!(endless.is_done());
    assert_eq!(endless.into_close_reason().to_string(), "server shutdown");
}

#[test]
fn a_session_that_has_more_and_sends_nothing_is_stuck() {
    let stuck = connection(Framing::Bytes, 100, |_, _| Ok(Flow::WhenWritable));
    assert!(stuck.is_done());
    assert!(matches!(stuck.close_reason(), Some(CloseReason::Stuck)));
}

#[test]
fn a_session_that_sends_too_much_at_once_fails() {
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
fn the_longest_line_can_be_answered_by_several() {
    let limits = Limits {
        message_bytes: 4 << 20,
        ..limits(10)
    };
    let line = vec![b'x'; 4 << 20];
    let mut connection = Connection::open(&Chatty, &Peer::stdio(), &limits);
    connection.sent(6);
    connection.receive(&line);
    connection.receive(b"\n");
    assert_eq!(connection.output().len(), line.len() + 10);
    assert!(connection.close_reason().is_none());
}

#[test]
fn output_before_a_failure_is_sent() {
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
fn a_refusal_is_sent_whatever_the_framing() {
    for framing in [Framing::Bytes, Framing::Line] {
        let refused = CloseReason::Refused(Refusal("Not you.".into()));
        let connection = Connection::closed(refused, framing, &limits(10));
        assert_eq!(connection.output(), b"Not you.\n");
        assert!(!connection.wants_input());
    }
}

#[test]
fn an_idle_peer_is_notified_where_messages_are_lines() {
    let quiet = |_: Event<'_>, _: &mut Outbox| Ok(Flow::Continue);
    for (framing, text) in [
        (Framing::Bytes, ""),
        (Framing::Line, "Idle for too long. Goodbye.\n"),
    ] {
        let mut connection = connection(framing, 10, quiet);
        connection.close(CloseReason::IdleTimeout);
        assert_eq!(connection.output(), text.as_bytes());
        assert!(!connection.wants_input());
        assert_eq!(connection.into_close_reason().to_string(), "idle timeout");
    }
}

/// Hands its peers to a program, in on_open or at the first line.
struct Handover {
    configured: bool,
    late: bool,
}

impl Service for Handover {
    fn config(&self, _: Transport) -> Config {
        if self.configured {
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
fn only_on_open_of_a_service_configured_for_exec_hands_over() {
    for (configured, late, reason) in [
        (true, false, "handed to a program"),
        (
            false,
            false,
            "failed: the service is not configured for exec",
        ),
        (true, true, "failed: only on_open may return Flow::Exec"),
    ] {
        let handover = Handover { configured, late };
        let mut connection = Connection::open(&handover, &Peer::stdio(), &limits(100));
        connection.receive(b"go\n");
        assert_eq!(connection.output(), b"here it comes\n", "{reason}");
        assert_eq!(
            connection.take_command().is_some(),
            configured && !late,
            "{reason}"
        );
        assert!(!connection.is_done(), "the output goes first");
        connection.sent(14);
        assert!(connection.is_done());
        assert_eq!(connection.into_close_reason().to_string(), reason);
    }
}

#[test]
fn output_is_the_same_when_calls_are_limited() {
    let input = b"a\nb\r\ncount\nc\nhalf";
    let chunks = Chunks {
        input: 100,
        output: 100,
    };
    let (expected, _) = drive_stream(&Chatty, input, chunks, &limits(1000));
    for calls in 1..8 {
        let mut connection = Connection::open(&Chatty, &Peer::stdio(), &limits(1000));
        connection.allow(calls);
        connection.receive(input);
        assert!(connection.is_due());
        assert!(!connection.wants_input(), "input waits");
        connection.end_input();
        let mut output = Vec::new();
        while !connection.is_done() {
            output.extend(take(&mut connection, 1000));
            connection.resume(calls);
        }
        assert_eq!(output, expected, "{calls} calls at once");
    }
}

#[test]
fn a_call_that_is_not_allowed_is_due() {
    let mut connection = Connection::open(&Chatty, &Peer::stdio(), &limits(1000));
    take(&mut connection, 1000);
    connection.allow(1);
    connection.receive(b"a\n");
    assert!(!connection.is_due(), "nothing more has arrived");
    assert_eq!(take(&mut connection, 1000), b"a\nsaid you\n");
    connection.allow(1);
    connection.receive(b"b\nc\nd\n");
    for line in ["b", "c", "d"] {
        let answer = format!("{line}\nsaid you\n");
        assert_eq!(take(&mut connection, 1000), answer.as_bytes());
        assert_eq!(connection.is_due(), line != "d");
        connection.resume(1);
    }
    assert!(connection.wants_input());
    connection.allow(0);
    connection.shut_down();
    assert!(connection.is_due() && connection.close_reason().is_none());
    connection.resume(1);
    assert_eq!(take(&mut connection, 1000), b"you left\n");
    assert!(connection.is_done() && !connection.is_due());
}

#[test]
fn looking_for_input_that_is_not_there_uses_no_call() {
    let mut connection = Connection::open(&Chatty, &Peer::stdio(), &limits(1000));
    // A room event that waits for this call would be delayed in each turn of a busy server.
    connection.resume(1);
    take(&mut connection, 1000);
    assert!(connection.is_allowed());
    connection.receive(b"a\n");
    assert!(!connection.is_allowed());
}

#[test]
fn a_message_that_ends_by_silence_waits_until_it_may_be_delivered() {
    let mut connection = connection(Framing::Line, 5, |event, out| {
        if let Event::Message(line) = event {
            out.send(line);
        }
        Ok(Flow::Continue)
    });
    connection.receive(b"hello");
    assert_eq!(connection.line_timeout(), Limits::default().line_timeout);
    connection.line_timeout_expired();
    connection.line_timeout_expired();
    assert_eq!(connection.output(), b"hello\n");
    // While the outbox is full, the rest of a message is not read.
    connection.receive(b"again");
    assert_eq!(connection.line_timeout(), None);
    connection.line_timeout_expired();
    assert_eq!(take(&mut connection, 2), b"he");
    assert_eq!(take(&mut connection, 4), b"llo\n");
    assert_eq!(connection.line_timeout(), Limits::default().line_timeout);
    connection.line_timeout_expired();
    assert_eq!(take(&mut connection, 99), b"again\n");
    assert_eq!(connection.messages(), 2);
    connection.end_input();
    assert_eq!(connection.line_timeout(), None);
}

#[test]
fn no_message_ends_by_silence_where_it_has_no_lines_or_no_timeout() {
    for framing in [
        Framing::Bytes,
        Framing::Chunks(NonZeroUsize::new(99).expect("not zero")),
    ] {
        let mut bytes = connection(framing, 99, |_, _| Ok(Flow::Continue));
        bytes.receive(b"hello");
        assert_eq!(bytes.line_timeout(), None);
    }
    let limits = Limits {
        line_timeout: None,
        ..Limits::default()
    };
    let mut off = Connection::open(&Chatty, &Peer::stdio(), &limits);
    off.receive(b"hello");
    off.line_timeout_expired();
    assert_eq!(off.line_timeout(), None);
    assert_eq!(off.messages(), 0);
}

#[test]
fn an_http_request_ends_a_session_of_lines() {
    struct Web(Config);
    impl Service for Web {
        fn config(&self, _: Transport) -> Config {
            self.0.clone()
        }
        fn connect(&self, peer: &Peer) -> std::result::Result<Box<dyn Session>, Refusal> {
            Chatty.connect(peer)
        }
    }
    let sent = |config: Config, input: &str| {
        let mut connection = Connection::open(&Web(config), &Peer::stdio(), &limits(999));
        take(&mut connection, 99); // the greeting
        connection.receive(input.as_bytes());
        let output = String::from_utf8_lossy(connection.output()).into_owned();
        (output, connection.messages())
    };
    let body = "Host: localhost\r\n\r\nbye\r\n";
    for request in [
        "GET / HTTP/1.1\r\n",
        "POST /chat HTTP/1.0\n",
        "x-0!any * HTTP/2.0\r\n",
        "CONNECT localhost:1212 HTTP/1.1\r\n",
        "GET http://localhost/ HTTP/1.1\r\n",
    ] {
        let (output, messages) = sent(Config::lines(), &[request, body].concat());
        assert!(output.starts_with("HTTP/1.1 400 Bad Request"), "{output}");
        assert!(!output.contains("said"), "{output}");
        assert_eq!(messages, 1, "{request}");
        let (output, messages) = sent(Config::lines().http_lines(), &[request, body].concat());
        assert!(output.starts_with(request.trim_end()), "{output}");
        assert_eq!(messages, 4, "{request}");
    }
    for other in [
        "GET / HTTP/1.1 x",
        "I like HTTP/1.1",
        "GET /",
        "GET / HTTP/1",
        " / HTTP/1.1",
        "hi\nGET / HTTP/1.1",
        "",
    ] {
        let (output, _) = sent(Config::lines(), &format!("{other}\n"));
        assert!(output.ends_with("said you\n"), "{other}: {output}");
    }
    // Silence within the first line does not hide it.
    let mut connection = Connection::open(&Web(Config::lines()), &Peer::stdio(), &limits(999));
    connection.receive(b"POST /a");
    assert_eq!(connection.line_timeout(), None);
    connection.receive(b"b HTTP/1.1\r\nbye\r\n");
    assert!(matches!(
        connection.close_reason(),
        Some(CloseReason::HttpRequest)
    ));
    let (output, _) = sent(Config::bytes(), "GET / HTTP/1.1\r\n");
    assert!(output.starts_with("GET"), "{output}");
}
