//! Display: prints what arrives on the server's standard output.

use std::convert::Infallible;
use std::io;

use clap::Args;
use switchboard_core::{
    Config, Flow, Framing, Outbox, Peer, Refusal, Result, Sanitized, Service, Session, Transport,
};

use crate::input_options::{InputOptions, StopWordMatcher};
use crate::shared_output::SharedOutput;

/// Prints what arrives on standard output: each line sanitized and after the address of its peer, or
/// only the bytes.
pub struct Display {
    options: Options,
    output: SharedOutput,
}

#[derive(Args)]
pub(crate) struct Options {
    /// Print the bytes as they arrive, and nothing else
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    input: InputOptions,
}

impl Display {
    pub(crate) fn from_options(options: Options) -> Result<Self, Infallible> {
        Ok(Self {
            options,
            output: SharedOutput::stdout(),
        })
    }

    fn framing(&self) -> Framing {
        let framing = if self.options.raw {
            Framing::Bytes
        } else {
            Framing::Line
        };
        self.options.input.framing_or(framing)
    }
}

impl Service for Display {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing()).http_lines().stdout()
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(DisplaySession {
            prefix: (!self.options.raw).then(|| format!("{peer}: ")),
            matcher: self.options.input.matcher(peer, self.framing()),
            output: self.output.clone(),
        }))
    }
}

struct DisplaySession {
    prefix: Option<String>, // of each line; without one only the bytes are printed
    matcher: StopWordMatcher,
    output: SharedOutput,
}

impl Session for DisplaySession {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        let (accepted, flow) = self.matcher.receive(message, out);
        if accepted.is_empty() && !message.is_empty() {
            return Ok(flow); // the message shows that the stop line had ended before it
        }
        let printed = match &self.prefix {
            None => self.output.print(accepted),
            Some(prefix) => {
                let line = format!("{prefix}{}\n", Sanitized(accepted));
                self.output.print(line.as_bytes())
            }
        };
        match printed {
            // The server stops, and says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Close),
            printed => Ok(printed.map(|()| flow)?),
        }
    }

    fn on_timer(&mut self, _: &mut Outbox) -> Result {
        Ok(self.matcher.on_timer())
    }
}

#[cfg(test)]
mod tests {
    use std::str;
    use std::sync::{Arc, Mutex};

    use switchboard_core::Limits;
    use switchboard_core::testing::Connection;

    use super::*;
    use crate::testing::{every_chunking, parse_options};

    /// Checks that `input` is printed as `printed`, in every chunking.
    #[track_caller]
    fn check(options: &str, input: &[u8], printed: &str) {
        let (display, sink) = display(options);
        every_chunking(&display, input, b"");
        let all = sink.lock().expect("nothing panicked");
        let all = str::from_utf8(&all).expect("the output is text");
        assert!(!all.is_empty());
        assert_eq!(all, printed.repeat(all.len() / printed.len()));
    }

    /// A service with these options, and its standard output.
    fn display(options: &str) -> (Display, Arc<Mutex<Vec<u8>>>) {
        let (output, memory) = SharedOutput::memory();
        let options = parse_options(options);
        (Display { options, output }, memory)
    }

    /// Checks that these chunks are printed as `printed`, and that the session ends if there is a stop
    /// word.
    #[track_caller]
    fn check_chunks(options: &str, chunks: &[&[u8]], printed: &str) {
        let (display, sink) = display(options);
        let mut connection = Connection::open(&display, &Peer::stdio(), &Limits::default());
        chunks.iter().for_each(|chunk| connection.receive(chunk));
        assert_eq!(
            connection.close_reason().is_some(),
            options.contains("stop")
        );
        let all = sink.lock().expect("nothing panicked").clone();
        assert_eq!(String::from_utf8_lossy(&all), printed);
    }

    #[test]
    fn each_line_is_printed_after_its_peer() {
        let printed = "127.0.0.1:5000: one\n127.0.0.1:5000: \n127.0.0.1:5000: two\n";
        check("", b"one\r\n\r\ntwo", printed);
        check("", b"\x1b[2J\xff!\n", "127.0.0.1:5000: \\x1b[2J\\xff!\n");
    }

    #[test]
    fn raw_prints_only_the_bytes() {
        for options in ["--raw", "--raw --receive-buffer 8"] {
            check(options, b"\x1b[2J one\r\ntwo", "\x1b[2J one\r\ntwo");
        }
    }

    #[test]
    fn each_read_is_a_line_of_its_own() {
        check_chunks(
            "--receive-buffer 8",
            &[b"hello, w", b"orld\n", b"\r\n"],
            "stdio:: hello, w\nstdio:: orld\\n\nstdio:: \\r\\n\n",
        );
    }

    #[test]
    fn a_stop_word_is_printed_and_closes() {
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
    fn a_stop_word_is_found_across_chunks() {
        let options = "--receive-buffer 3 --stop-word stop";
        check_chunks(
            options,
            &[b"sto", b"p\nt", b"wo"],
            "stdio:: sto\nstdio:: p\\n\n",
        );
        check_chunks(
            options,
            &[b"sto", b"p\r", b"two"],
            "stdio:: sto\nstdio:: p\\r\n",
        );
    }
}
