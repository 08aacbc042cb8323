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
        Config::framed(self.framing())
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let matcher = self.input.matcher(peer, self.framing());
        Ok(Box::new(EchoSession(matcher)))
    }
}

struct EchoSession(StopWordMatcher);

impl Session for EchoSession {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        let (accepted, flow) = self.0.scan(bytes);
        out.send(accepted);
        Ok(flow)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use switchboard_core::Limits;
    use switchboard_core::testing::Connection;

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
