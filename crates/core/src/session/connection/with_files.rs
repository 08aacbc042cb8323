//! A conversation in which files are sent.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::service::Error;

impl Connection {
    /// Where a [file](crate::Outbox::send_file) is to be sent next, has some of it in
    /// [`output`](Self::output). That is not done unasked, since a server that has a socket sends
    /// from the file itself.
    ///
    /// A file that cannot be read ends the conversation.
    pub fn load_file(&mut self) {
        if let Err(error) = self.outbox.load_file() {
            self.abort(error);
        }
    }

    /// The file to be sent next, where nothing is to be sent before it.
    pub(crate) fn file(&self) -> Option<(&File, Range<u64>)> {
        self.outbox.file()
    }

    /// The next `count` bytes of the file were sent.
    pub(crate) fn file_sent(&mut self, count: u64) {
        self.outbox.file_sent(count);
        self.pump();
    }

    /// Whether anything waits to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The rest of the file cannot be had: nothing more is sent.
    pub(crate) fn abort(&mut self, error: io::Error) {
        self.outbox.clear();
        self.outbox.abort();
        self.end(CloseReason::Failed(Error::Io(error)));
    }

    /// Whether the peer was sent less than it is to have, and could take it for the whole if it read
    /// the end of input now.
    pub(crate) fn is_aborted(&self) -> bool {
        let waits = !self.output().is_empty() && !self.is_line_framed();
        waits || self.outbox.has_files() || self.outbox.is_aborted()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::limits::limits::Limits;
    use crate::peer::{Address, Peer, Transport};
    use crate::session::config::Config;
    use crate::session::framing::Framing;
    use crate::session::outbox::Outbox;
    use crate::session::service::{Flow, Refusal, Result, Service, Session};
    use crate::testing::{Chunks, drive_stream};

    /// `send` sends a file of the letters, between two lines; `half` breaks off; `take N` takes so many bytes, and says
    /// them back in brackets once there are so many; everything else is said back.
    struct Shelf {
        framing: Framing,
        missing: u64, // bytes that the file should have and has not
    }

    #[derive(Default)]
    struct Visit {
        missing: u64,
        expected: Option<usize>,
        taken: Vec<u8>,
    }

    fn letters() -> File {
        let mut file = tempfile::tempfile().expect("there is room for a file");
        file.write_all(LETTERS).expect("and for some letters");
        file
    }

    impl Service for Shelf {
        fn config(&self, _: Transport) -> Config {
            Config::framed(self.framing)
        }

        fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
            Ok(Box::new(Visit {
                missing: self.missing,
                ..Visit::default()
            }))
        }
    }

    impl Session for Visit {
        fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
            if let Some(expected) = self.expected {
                assert!(!message.is_empty());
                self.taken.extend_from_slice(message);
                if self.taken.len() == expected {
                    self.expected = None;
                    out.send(&[b"[", &self.taken[..], b"]"].concat());
                    self.taken.clear();
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
    fn check(said: &[u8], answers: &str, missing: u64) {
        let shelf = Shelf {
            framing: Framing::Line,
            missing,
        };
        for outbox_bytes in [1, 1000] {
            for size in 1..=said.len() {
                for taken in [1, 7, 1000] {
                    let pieces = Chunks {
                        input: size,
                        output: taken,
                    };
                    let limits = Limits {
                        outbox_bytes,
                        ..Limits::default()
                    };
                    let (heard, ended) = drive_stream(&shelf, said, pieces, &limits);
                    assert_eq!(heard.escape_ascii().to_string(), answers, "{pieces:?}");
                    assert_eq!(ended.is_failure(), 0 < missing, "{ended}");
                }
            }
        }
    }

    #[test]
    fn a_file_is_sent_in_its_place() {
        let all = "letters:\\ncdefghijklmnopqrstuvwxyza end\\n";
        check(b"send\n", all, 0);
        check(b"a\nsend\nb\nsend\n", &format!("a\\n{all}b\\n{all}"), 0);
    }

    #[test]
    fn a_file_that_is_too_short_breaks_off() {
        check(b"send\nb\n", "letters:\\ncdefghijklmnopqrstuvwxyz", 1);
    }

    #[test]
    fn bytes_that_are_expected_are_no_lines() {
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
    fn nothing_is_heard_while_a_file_waits() {
        let shelf = Shelf {
            framing: Framing::Line,
            missing: 0,
        };
        let mut connection = Connection::open(&shelf, &Peer::stdio(), &Limits::default());
        connection.receive(b"send\nmore\n");
        assert!(!connection.wants_input());
        connection.sent(connection.output().len());
        assert!(connection.output().is_empty() && connection.has_output());
        assert_eq!(connection.file().expect("it is next").1, 2..26);
        connection.file_sent(24);
        assert_eq!(connection.file().expect("another follows").1, 0..1);
        assert!(connection.is_aborted(), "if it ended here");
        connection.file_sent(1);
        assert_eq!(connection.output(), b" end\nmore\n");
        assert!(!connection.is_aborted());
    }

    #[test]
    fn what_the_session_broke_off_is_not_the_whole() {
        let shelf = Shelf {
            framing: Framing::Line,
            missing: 0,
        };
        let mut connection = Connection::open(&shelf, &Peer::stdio(), &Limits::default());
        connection.receive(b"a\n");
        assert!(!connection.is_aborted());
        connection.receive(b"half\n");
        assert_eq!(connection.output(), b"a\nhalf\n", "it is sent before");
        connection.sent(7);
        assert!(connection.is_done() && connection.is_aborted());
    }

    #[test]
    fn there_are_no_files_in_datagrams() {
        let shelf = Shelf {
            framing: Framing::Bytes,
            missing: 0,
        };
        let address = |port| Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let peer = Peer::new(address(5000), address(1212), Transport::Datagram);
        let mut connection = Connection::open(&shelf, &peer, &Limits::default());
        assert!(connection.receive_datagram(b"send"));
        assert!(connection.is_done());
        assert!(
            connection
                .close_reason()
                .is_some_and(CloseReason::is_failure)
        );
    }

    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
}
