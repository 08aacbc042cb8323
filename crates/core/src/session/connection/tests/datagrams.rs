//! Sessions over datagrams.

use super::*;

/// Greets; echoes each message, and again in upper case after `twice`; sends 20 empty datagrams after
/// `more`; panics after `panic`; closes after `bye`.
struct Echo(Framing);

struct EchoSession {
    count: u32,
}

impl Service for Echo {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.0)
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(EchoSession { count: 0 }))
    }
}

impl Session for EchoSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        out.send(b"hello");
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        out.send(message);
        match message {
            b"more" => {
                self.count = 20;
                return Ok(Flow::WhenWritable);
            }
            b"panic" => panic!("at the word"),
            b"bye" => return Ok(Flow::Close),
            b"twice" => out.send(&message.to_ascii_uppercase()),
            _ => (),
        }
        Ok(Flow::Continue)
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        out.send(b""); // an empty datagram is not the end
        self.count -= 1;
        let more = 0 < self.count;
        Ok(if more {
            Flow::WhenWritable
        } else {
            Flow::Continue
        })
    }
}

fn open(framing: Framing, outbox_bytes: usize) -> Connection {
    let limits = Limits {
        outbox_bytes,
        message_bytes: 100,
        ..Limits::default()
    };
    Connection::open(&Echo(framing), &datagram_peer(), &limits)
}

fn take_all(connection: &mut Connection) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    while let Some(datagram) = connection.datagram() {
        taken.push(datagram.to_vec());
        connection.datagram_sent();
    }
    taken
}

/// Checks the output for these datagrams, when it is sent after each of them.
#[track_caller]
fn check(framing: Framing, input: &[&[u8]], output: &[&[u8]]) {
    for outbox_bytes in [1, 20, 1000] {
        let mut connection = open(framing, outbox_bytes);
        let mut sent = take_all(&mut connection);
        for datagram in input {
            connection.receive_datagram(datagram);
            sent.extend(take_all(&mut connection));
        }
        assert_eq!(sent, output, "outbox of {outbox_bytes}");
    }
}

#[test]
fn each_message_is_a_datagram() {
    let input: [&[u8]; 4] = [b"a\r\nb", b"", b"\n", b"twice"];
    let output: [&[u8]; 6] = [b"hello", b"a\r\nb", b"", b"\n", b"twice", b"TWICE"];
    check(Framing::Bytes, &input, &output);
}

#[test]
fn line_ends_are_removed_and_added() {
    let input: [&[u8]; 7] = [
        b"a",
        b"b\n",
        b"c\r\n",
        b"d\r",
        b"e\nf\r\n",
        b"\xff\xfb\x01\n",
        b"",
    ];
    let output: [&[u8]; 8] = [
        b"hello\n",
        b"a\n",
        b"b\n",
        b"c\r\n",
        b"d\r\n",
        b"e\r\nf\r\n",
        b"\xff\xfb\x01\n",
        b"\n",
    ];
    check(Framing::Line, &input, &output);
}

#[test]
fn datagrams_of_every_size_stay_whole() {
    for size in (0..300).chain([8192, 65_507]) {
        let message = vec![b'x'; size];
        check(Framing::Bytes, &[&message], &[b"hello", &message]);
    }
}

#[test]
fn a_line_too_long_is_answered_and_ends_the_session() {
    let mut connection = open(Framing::Line, 1000);
    assert!(connection.receive_datagram(&[[b'x'; 100].as_slice(), b"\r\n"].concat()));
    connection.discard_output();
    assert!(connection.receive_datagram(&[b'x'; 101]));
    let sent = take_all(&mut connection);
    assert_eq!(sent, [b"That line is too long. Goodbye.\r\n"]);
    assert!(connection.is_done());
    assert!(!connection.receive_datagram(b"still there?"));
}

#[test]
fn datagrams_are_dropped_while_the_outbox_is_full() {
    let mut connection = open(Framing::Bytes, 1);
    assert!(!connection.receive_datagram(b"too early"));
    take_all(&mut connection);
    assert!(connection.receive_datagram(b"more"));
    for _ in 0..20 {
        assert!(connection.waits_for_writable());
        assert!(!connection.receive_datagram(b"too early"));
        connection.datagram_sent();
    }
    assert_eq!(connection.datagram(), Some(&b""[..]));
    connection.datagram_sent();
    assert_eq!(connection.datagram(), None);
    assert!(connection.receive_datagram(b"now"));
}

#[test]
fn output_before_a_panic_or_a_close_is_sent() {
    for (last, reason) in [
        ("bye", "closed by the service"),
        ("panic", "panicked: at the word"),
    ] {
        let mut connection = open(Framing::Line, 1000);
        connection.receive_datagram(last.as_bytes());
        assert_eq!(take_all(&mut connection).len(), 2);
        assert!(connection.is_done());
        assert_eq!(connection.into_close_reason().to_string(), reason);
    }
}
