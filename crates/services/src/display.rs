//! Display: what arrives is printed where the server runs.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use switchboard_core::{
    Config, Framing, Outbox, Peer, Refusal, Result, Sanitized, Service, Session, Transport,
};

use crate::receive_buffer::ReceiveBuffer;
use crate::stop_words::{StopWords, Watch};

/// Prints what arrives on standard output: each line with its peer in front and made harmless, or
/// the bytes alone.
pub struct Display {
    options: Options,
    sink: Sink,
}

/// How to print.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Write the bytes as they come, and nothing else
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    receive_buffer: ReceiveBuffer,

    #[command(flatten)]
    stop_words: StopWords,
}

type Sink = Arc<Mutex<dyn Write + Send>>;

impl Display {
    /// Prints on standard output: the bytes alone if `raw`.
    #[must_use]
    pub fn new(raw: bool) -> Self {
        Self::with(Options {
            raw,
            ..Options::default()
        })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, Infallible> {
        Ok(Self::with(options))
    }

    fn with(options: Options) -> Self {
        Self {
            options,
            sink: Arc::new(Mutex::new(io::stdout())),
        }
    }
}

impl Display {
    fn framing(&self) -> Framing {
        let framing = if self.options.raw {
            Framing::Bytes
        } else {
            Framing::Line
        };
        self.options.receive_buffer.framing_or(framing)
    }
}

impl Service for Display {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing())
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Printing {
            name: (!self.options.raw).then(|| peer.to_string()),
            watch: self.options.stop_words.watch(peer, self.framing()),
            sink: Arc::clone(&self.sink),
        }))
    }
}

struct Printing {
    name: Option<String>, // in front of each message; without one the bytes are printed alone
    watch: Watch,
    sink: Sink,
}

impl Session for Printing {
    fn on_message(&mut self, message: &[u8], _: &mut Outbox) -> Result {
        let (heard, flow) = self.watch.hear(message);
        if heard.is_empty() && !message.is_empty() {
            return Ok(flow); // the stop line was over, which only this message could show
        }
        let line = self
            .name
            .as_ref()
            .map(|name| format!("{name}: {}\n", Sanitized(heard)));
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for the whole line, since other processes print to the same place. A pipe keeps
        // lines of up to 4 KiB apart, a file or terminal all of them.
        sink.write_all(line.as_ref().map_or(heard, |line| line.as_bytes()))?;
        sink.flush()?;
        Ok(flow)
    }
}

#[cfg(test)]
mod tests {
    use std::str;

    use switchboard_core::Limits;
    use switchboard_core::testing::Connection;

    use super::*;
    use crate::talk::{every_chunking, from_words};

    /// With the options `words`, whatever the pieces in which `said` arrives, `printed` is printed
    /// on the whole, once for each time that it is said.
    #[track_caller]
    fn check(words: &str, said: &[u8], printed: &str) {
        let (display, sink) = display(words);
        every_chunking(&display, said, b"");
        let all = sink.lock().expect("nothing panicked");
        let all = str::from_utf8(&all).expect("what is printed here is text");
        assert!(!all.is_empty());
        assert_eq!(all, printed.repeat(all.len() / printed.len()));
    }

    /// A display with the options `words`, and what it prints.
    fn display(words: &str) -> (Display, Arc<Mutex<Vec<u8>>>) {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let display = Display {
            options: from_words(words),
            sink: Arc::clone(&sink) as Sink,
        };
        (display, sink)
    }

    /// When these pieces arrive, `printed` is printed, and the conversation ends if it has a stop
    /// word.
    #[track_caller]
    fn check_pieces(words: &str, pieces: &[&[u8]], printed: &str) {
        let (display, sink) = display(words);
        let mut connection = Connection::open(&display, &Peer::stdio(), &Limits::default());
        pieces.iter().for_each(|piece| connection.receive(piece));
        assert_eq!(connection.close_reason().is_some(), words.contains("stop"));
        let all = sink.lock().expect("nothing panicked").clone();
        assert_eq!(String::from_utf8_lossy(&all), printed);
    }

    #[test]
    fn each_line_has_its_peer_in_front() {
        let printed = "127.0.0.1:5000: one\n127.0.0.1:5000: \n127.0.0.1:5000: two\n";
        check("", b"one\r\n\r\ntwo", printed);
        check("", b"\x1b[2J\xff!\n", "127.0.0.1:5000: \\x1b[2J\\xff!\n");
    }

    #[test]
    fn raw_bytes_are_printed_alone() {
        for words in ["--raw", "--raw --receive-buffer 8"] {
            check(words, b"\x1b[2J one\r\ntwo", "\x1b[2J one\r\ntwo");
        }
    }

    #[test]
    fn each_piece_is_a_line_of_its_own() {
        check_pieces(
            "--receive-buffer 8",
            &[b"hello, w", b"orld\n", b"\r\n"],
            "stdio:: hello, w\nstdio:: orld\\n\nstdio:: \\r\\n\n",
        );
    }

    #[test]
    fn it_ends_on_a_stop_word_and_prints_that() {
        check(
            "--stop-word stop",
            b"stop it\n Stop \r\ntwo\n",
            "127.0.0.1:5000: stop it\n127.0.0.1:5000:  Stop \n",
        );
        check("--stop-word stop", b"stop", "127.0.0.1:5000: stop\n");
        let raw = "--raw --stop-word stop";
        check(raw, b"stop it\n Stop \r\ntwo\n", "stop it\n Stop \r\n");
        check(raw, b"stop\rtwo", "stop\r");
    }

    #[test]
    fn a_stop_word_is_found_in_pieces() {
        let words = "--receive-buffer 3 --stop-word stop";
        check_pieces(
            words,
            &[b"sto", b"p\nt", b"wo"],
            "stdio:: sto\nstdio:: p\\n\n",
        );
        check_pieces(
            words,
            &[b"sto", b"p\r", b"two"],
            "stdio:: sto\nstdio:: p\\r\n",
        );
    }
}
