//! Display: what arrives is printed where the server runs.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use switchboard_core::{Clean, Error, Flow, Framing, Outbox, Peer, Refusal, Service, Session};

/// Prints what arrives on standard output: each line with its peer in front and made harmless, or
/// the bytes alone.
pub struct Display {
    raw: bool,
    sink: Sink,
}

/// How to print.
#[derive(Args, Clone, Copy)]
pub(crate) struct Options {
    /// Write the bytes as they come, and nothing else
    #[arg(long)]
    raw: bool,
}

type Sink = Arc<Mutex<dyn Write + Send>>;

impl Display {
    /// Prints on standard output: the bytes alone if `raw`.
    #[must_use]
    pub fn new(raw: bool) -> Self {
        Self {
            raw,
            sink: Arc::new(Mutex::new(io::stdout())),
        }
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, Infallible> {
        let Options { raw } = options;
        Ok(Self::new(raw))
    }
}

impl Service for Display {
    fn framing(&self) -> Framing {
        if self.raw {
            Framing::Bytes
        } else {
            Framing::Line
        }
    }

    fn session(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let name = (!self.raw).then(|| peer.to_string());
        Ok(Box::new(Printing {
            name,
            sink: Arc::clone(&self.sink),
        }))
    }
}

struct Printing {
    name: Option<String>, // in front of each line; without one the bytes are printed alone
    sink: Sink,
}

impl Session for Printing {
    fn receive(&mut self, message: &[u8], _: &mut Outbox) -> Result<Flow, Error> {
        let line = self
            .name
            .as_ref()
            .map(|name| format!("{name}: {}\n", Clean(message)));
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for the whole line, since other processes print to the same place. A pipe keeps
        // lines of up to 4 KiB apart, a file or terminal all of them.
        sink.write_all(line.as_ref().map_or(message, |line| line.as_bytes()))?;
        sink.flush()?;
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::every_chunking;

    #[track_caller]
    fn check(raw: bool, said: &[u8], printed: &str) {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let display = Display {
            raw,
            sink: Arc::clone(&sink) as Sink,
        };
        every_chunking(&display, said, b"");
        let times = sink.lock().expect("nothing panicked").len() / printed.len();
        let all = String::from_utf8(sink.lock().expect("nothing panicked").clone());
        assert_eq!(all.as_deref(), Ok(printed.repeat(times).as_str()));
        assert!(0 < times);
    }

    #[test]
    fn each_line_has_its_peer_in_front() {
        check(
            false,
            b"one\r\ntwo",
            "127.0.0.1:5000: one\n127.0.0.1:5000: two\n",
        );
        check(false, b"\x1b[2J\xff!\n", "127.0.0.1:5000: \\x1b[2J\\xff!\n");
    }

    #[test]
    fn raw_bytes_are_printed_alone() {
        check(true, b"\x1b[2J one\r\ntwo", "\x1b[2J one\r\ntwo");
    }
}
