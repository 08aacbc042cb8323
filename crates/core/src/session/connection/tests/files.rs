//! Sessions that send files and expect raw bytes.

use super::*;
use std::io::Write;

/// `send` sends a file of letters between two texts; `half` aborts; `take N` expects N raw bytes and
/// sends them back in brackets once all are there; other messages are echoed.
struct Letters {
    framing: Framing,
    missing: u64, // bytes of the range beyond the end of the file
}

#[derive(Default)]
struct LettersSession {
    missing: u64,
    expected: Option<usize>,
    raw: Vec<u8>,
}

fn letters() -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(LETTERS).expect("it is written");
    file
}

impl Service for Letters {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing)
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(LettersSession {
            missing: self.missing,
            ..LettersSession::default()
        }))
    }
}

impl Session for LettersSession {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        if let Some(expected) = self.expected {
            assert!(!message.is_empty());
            self.raw.extend_from_slice(message);
            if self.raw.len() == expected {
                self.expected = None;
                out.send(&[b"[", &self.raw[..], b"]"].concat());
                self.raw.clear();
            }
            return Ok(Flow::Continue);
        }
        if message == b"send" {
            out.send(b"letters:");
            out.send_file(letters(), 2..LETTERS.len() as u64 + self.missing);
            out.send_file(letters(), 3..3);
            out.send_file(letters(), 0..1);
            out.send(b" end");
            return Ok(Flow::Continue);
        }
        if message == b"half" {
            out.send(message);
            out.abort();
            return Ok(Flow::Close);
        }
        if let Some(count) = message.strip_prefix(b"take ") {
            let count = str::from_utf8(count)
                .ok()
                .and_then(|count| count.parse().ok());
            self.expected = count;
            out.expect_raw(count.expect("a number") as u64);
            return Ok(Flow::Continue);
        }
        out.send(message);
        Ok(Flow::Continue)
    }
}

#[track_caller]
fn check(input: &[u8], output: &str, missing: u64) {
    let service = Letters {
        framing: Framing::Line,
        missing,
    };
    for outbox_bytes in [1, 1000] {
        for size in 1..=input.len() {
            for sent in [1, 7, 1000] {
                let chunks = Chunks {
                    input: size,
                    output: sent,
                };
                let limits = Limits {
                    outbox_bytes,
                    ..Limits::default()
                };
                let (sent, reason) = drive_stream(&service, input, chunks, &limits);
                assert_eq!(sent.escape_ascii().to_string(), output, "{chunks:?}");
                assert_eq!(reason.is_failure(), 0 < missing, "{reason}");
            }
        }
    }
}

#[test]
fn a_file_is_sent_in_order() {
    let all = "letters:\\ncdefghijklmnopqrstuvwxyza end\\n";
    check(b"send\n", all, 0);
    check(b"a\nsend\nb\nsend\n", &format!("a\\n{all}b\\n{all}"), 0);
}

#[test]
fn a_file_that_is_too_short_fails_the_session() {
    check(b"send\nb\n", "letters:\\ncdefghijklmnopqrstuvwxyz", 1);
}

#[test]
fn raw_bytes_are_not_cut_into_lines() {
    check(b"take 5\na\r\n\xff\nb\n", "[a\\r\\n\\xff\\n]\\nb\\n", 0);
    check(
        b"take 2\r\n\r\nb\r\ntake 1\r\nxb\r\n",
        "[\\r\\r\\n]\\r\\nb\\r\\n[x]\\r\\nb\\r\\n",
        0,
    );
    check(b"take 3\nab", "", 0);
    check(b"take 0\n", "", 0);
}

#[test]
fn nothing_is_delivered_while_a_file_waits() {
    let service = Letters {
        framing: Framing::Line,
        missing: 0,
    };
    let mut connection = Connection::open(&service, &Peer::stdio(), &Limits::default());
    connection.receive(b"send\nmore\n");
    assert!(!connection.wants_input());
    connection.sent(connection.output().len());
    assert!(connection.output().is_empty() && connection.has_output());
    assert_eq!(connection.file().expect("the file is next").1, 2..26);
    connection.file_sent(24);
    assert_eq!(connection.file().expect("another file follows").1, 0..1);
    assert!(connection.is_aborted(), "the file is not sent yet");
    connection.file_sent(1);
    assert_eq!(connection.output(), b" end\nmore\n");
    assert!(!connection.is_aborted());
}

#[test]
fn an_aborted_session_is_not_closed_politely() {
    let service = Letters {
        framing: Framing::Line,
        missing: 0,
    };
    let mut connection = Connection::open(&service, &Peer::stdio(), &Limits::default());
    connection.receive(b"a\n");
    assert!(!connection.is_aborted());
    connection.receive(b"half\n");
    assert_eq!(
        connection.output(),
        b"a\nhalf\n",
        "the output is still sent"
    );
    connection.sent(7);
    assert!(connection.is_done() && connection.is_aborted());
}

#[test]
fn a_file_over_datagrams_fails_the_session() {
    let service = Letters {
        framing: Framing::Bytes,
        missing: 0,
    };
    let mut connection = Connection::open(&service, &datagram_peer(), &Limits::default());
    assert!(connection.receive_datagram(b"send"));
    assert!(connection.is_done());
    assert!(
        connection
            .close_reason()
            .is_some_and(CloseReason::is_failure)
    );
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
