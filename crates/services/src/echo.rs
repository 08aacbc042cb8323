//! Echo: sends every byte back (RFC 862).

use clap::Args;
use switchboard_core::{
    Config, Framing, Outbox, Peer, Refusal, Result, Service, Session, Transport,
};

use crate::input_options::{InputOptions, StopWordMatcher};

/// Sends every byte back; with a stop word, up to the end of the line with it.
#[derive(Args, Clone, Default)]
pub struct Echo {
    #[command(flatten)]
    input: InputOptions,
}

impl Echo {
    fn framing(&self) -> Framing {
        self.input.framing_or(Framing::Bytes)
    }
}

impl Service for Echo {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing()).http_lines()
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let matcher = self.input.matcher(peer, self.framing());
        Ok(Box::new(EchoSession(matcher)))
    }
}

struct EchoSession(StopWordMatcher);

impl Session for EchoSession {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        let (accepted, flow) = self.0.receive(bytes, out);
        out.send(accepted);
        Ok(flow)
    }

    fn on_timer(&mut self, _: &mut Outbox) -> Result {
        Ok(self.0.on_timer())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::time::Duration;

    use switchboard_core::Limits;
    use switchboard_core::testing::{Connection, RoomDriver};

    use super::*;
    use crate::testing::{datagram_peer, every_chunking, parse_options};

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        every_chunking(&Echo::default(), &bytes, &bytes);
        let chunks = parse_options::<Echo>("--receive-buffer 8");
        assert_eq!(
            chunks.framing(),
            Framing::Chunks(NonZeroUsize::new(8).expect("not zero"))
        );
        every_chunking(&chunks, &bytes, &bytes);
    }

    #[test]
    fn a_stop_word_is_echoed_and_closes() {
        let echo = parse_options::<Echo>("--stop-word stop --stop-word exit");
        every_chunking(
            &echo,
            b"one\nstop it\nSTOP\r\ntwo\n",
            b"one\nstop it\nSTOP\r\n",
        );
        every_chunking(&echo, b"exit\rone", b"exit\r");
        every_chunking(&echo, b"one\nstop", b"one\nstop");
        every_chunking(&Echo::default(), b"stop\none\n", b"stop\none\n");
    }

    #[test]
    fn silence_ends_a_stop_line_without_a_line_end() {
        let milliseconds = Duration::from_millis;
        let echo = Arc::new(parse_options::<Echo>("--stop-word stop --stop-word q"));
        for (reads, is_closed) in [
            (&["stop"][..], true),
            (&["q"], false), // a first key, perhaps
            (&["one", "stop"], true),
            (&["one\n", "stop"], false),
            (&["s", "t", "o", "p"], false),
            (&["stop", " it"], false),
        ] {
            let mut driver = RoomDriver::new(echo.clone(), Limits::default());
            driver.connect(1);
            for read in reads {
                driver.send(1, read.as_bytes());
                driver.advance(milliseconds(299));
                assert!(driver.close_reason(1).is_none(), "{reads:?}");
            }
            driver.advance(milliseconds(1));
            assert_eq!(driver.close_reason(1).is_some(), is_closed, "{reads:?}");
            driver.advance(milliseconds(4 * 300));
            assert_eq!(driver.received(1), reads.concat().as_bytes());
            assert_eq!(
                driver.close_reason(1).is_some(),
                is_closed || reads == ["q"]
            );
        }
    }

    #[test]
    fn each_datagram_is_one_message() {
        let echo = parse_options::<Echo>("--stop-word stop");
        let mut connection = Connection::open(&echo, &datagram_peer(), &Limits::default());
        for message in [&b"st"[..], b"op\n", b"one\nstop\n", b"STOP"] {
            assert!(connection.close_reason().is_none());
            connection.receive(message);
            assert_eq!(connection.datagram(), Some(message));
            connection.datagram_sent();
        }
        assert!(connection.is_done());
    }
}
