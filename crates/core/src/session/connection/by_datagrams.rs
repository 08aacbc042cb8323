//! A conversation whose messages are datagrams: each comes whole, and leaves whole.

use crate::session::close_reason::CloseReason;
use crate::session::connection::{Connection, State};
use crate::session::framing::{Framer, Message, TooLong};
use crate::session::guarded::guarded;

/// For a peer of [datagrams](crate::Transport::Datagram); such a connection is not given pieces of
/// a stream.
impl Connection {
    /// The peer sent one datagram, which is one message. Whether it was delivered: it is not while
    /// no [input is wanted](Self::wants_input), since nothing is kept for later.
    pub fn receive_datagram(&mut self, datagram: &[u8]) -> bool {
        if !self.wants_input() {
            return false;
        }
        let State::Talking(session) = &mut self.state else {
            return false;
        };
        let out = &mut self.outbox;
        match self.framer.whole(datagram) {
            Ok(Message { bytes, line_end }) => {
                self.messages += 1;
                out.end_lines_with(line_end);
                let flow = guarded(|| session.on_message(bytes, out));
                self.follow(flow);
                self.pump();
            }
            Err(TooLong) => self.close(CloseReason::LineTooLong),
        }
        true
    }

    /// The datagram to send next, which may be empty; `None` if there is none.
    #[must_use]
    pub fn datagram(&self) -> Option<&[u8]> {
        self.outbox.datagram()
    }

    /// The [datagram](Self::datagram) was sent, or is not to be. The session may go on, now that
    /// there is room.
    pub fn datagram_sent(&mut self) {
        self.outbox.datagram_sent();
        self.pump();
    }

    /// Whether the session has more to send and delivers nothing meanwhile.
    pub(crate) fn waits_for_writable(&self) -> bool {
        self.more
    }

    /// Takes back what was not sent yet.
    pub(crate) fn discard_output(&mut self) {
        self.outbox.clear();
    }

    /// What the peer ends its lines with, where messages are lines.
    pub(crate) fn line_end(&self) -> Option<&'static str> {
        self.outbox.line_end()
    }

    /// Whether messages are lines.
    pub(crate) fn is_line_framed(&self) -> bool {
        matches!(self.framer, Framer::Line(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limits::Limits;
    use crate::peer::{Address, Peer, Transport};
    use crate::session::config::Config;
    use crate::session::framing::Framing;
    use crate::session::outbox::Outbox;
    use crate::session::service::{Flow, Refusal, Result, Service, Session};

    /// Greets; says each message back, and again in upper case after `twice`; has more after
    /// `more`; panics after `panic`; closes after `bye`.
    struct Parrot(Framing);

    struct Talk {
        left: u32,
    }

    impl Service for Parrot {
        fn config(&self, _: Transport) -> Config {
            Config::framed(self.0)
        }

        fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
            Ok(Box::new(Talk { left: 0 }))
        }
    }

    impl Session for Talk {
        fn on_open(&mut self, out: &mut Outbox) -> Result {
            out.send(b"hello");
            Ok(Flow::Continue)
        }

        fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
            out.send(message);
            match message {
                b"more" => {
                    self.left = 20;
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
            out.send(b""); // an empty datagram is one, and need not be the end
            self.left -= 1;
            let more = 0 < self.left;
            Ok(if more {
                Flow::WhenWritable
            } else {
                Flow::Continue
            })
        }
    }

    fn open(framing: Framing, outbox_bytes: usize) -> Connection {
        let address = |port| Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let peer = Peer::new(address(5000), address(1212), Transport::Datagram);
        let limits = Limits {
            outbox_bytes,
            message_bytes: 100,
            ..Limits::default()
        };
        Connection::open(&Parrot(framing), &peer, &limits)
    }

    fn take_all(connection: &mut Connection) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while let Some(datagram) = connection.datagram() {
            taken.push(datagram.to_vec());
            connection.datagram_sent();
        }
        taken
    }

    /// Said one datagram each, with all answers taken after each, this is answered.
    #[track_caller]
    fn check(framing: Framing, said: &[&[u8]], answers: &[&[u8]]) {
        for outbox_bytes in [1, 20, 1000] {
            let mut connection = open(framing, outbox_bytes);
            let mut heard = take_all(&mut connection);
            for datagram in said {
                connection.receive_datagram(datagram);
                heard.extend(take_all(&mut connection));
            }
            assert_eq!(heard, answers, "outbox of {outbox_bytes}");
        }
    }

    #[test]
    fn each_message_is_a_datagram() {
        let said: [&[u8]; 4] = [b"a\r\nb", b"", b"\n", b"twice"];
        let answers: [&[u8]; 6] = [b"hello", b"a\r\nb", b"", b"\n", b"twice", b"TWICE"];
        check(Framing::Bytes, &said, &answers);
    }

    #[test]
    fn lines_lose_their_end_and_answers_have_it() {
        let said: [&[u8]; 7] = [
            b"a",
            b"b\n",
            b"c\r\n",
            b"d\r",
            b"e\nf\r\n",
            b"\xff\xfb\x01\n",
            b"",
        ];
        let answers: [&[u8]; 8] = [
            b"hello\n",
            b"a\n",
            b"b\n",
            b"c\r\n",
            b"d\r\n",
            b"e\r\nf\r\n",
            b"\xff\xfb\x01\n",
            b"\n",
        ];
        check(Framing::Line, &said, &answers);
    }

    #[test]
    fn every_size_comes_back_whole() {
        for size in (0..300).chain([8192, 65_507]) {
            let said = vec![b'x'; size];
            check(Framing::Bytes, &[&said], &[b"hello", &said]);
        }
    }

    #[test]
    fn a_line_too_long_is_answered_and_ends_the_talk() {
        let mut connection = open(Framing::Line, 1000);
        assert!(connection.receive_datagram(&[[b'x'; 100].as_slice(), b"\r\n"].concat()));
        connection.discard_output();
        assert!(connection.receive_datagram(&[b'x'; 101]));
        let heard = take_all(&mut connection);
        assert_eq!(heard, [b"That line is too long. Goodbye.\r\n"]);
        assert!(connection.is_done());
        assert!(!connection.receive_datagram(b"still there?"));
    }

    #[test]
    fn what_comes_while_the_outbox_is_full_is_not_kept() {
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
    fn a_panic_and_a_close_let_out_what_was_sent_before() {
        for (last, how) in [
            ("bye", "closed by the service"),
            ("panic", "panicked: at the word"),
        ] {
            let mut connection = open(Framing::Line, 1000);
            connection.receive_datagram(last.as_bytes());
            assert_eq!(take_all(&mut connection).len(), 2);
            assert!(connection.is_done());
            assert_eq!(connection.into_close_reason().to_string(), how);
        }
    }
}
