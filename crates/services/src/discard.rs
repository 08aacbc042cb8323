//! Discard: receives everything and sends nothing (RFC 863).

use switchboard_core::{Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport};

/// Receives everything and sends nothing, until the peer closes its side.
pub struct Discard;

impl Service for Discard {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Discard {
    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use switchboard_core::Limits;
    use switchboard_core::testing::Connection;

    use super::*;
    use crate::testing::{datagram_peer, every_chunking};

    #[test]
    fn it_sends_nothing() {
        every_chunking(&Discard, b"", b"");
        every_chunking(&Discard, b"hello?\r\nquit\n\xff", b"");
    }

    #[test]
    fn it_reads_to_the_end() {
        for peer in [Peer::stdio(), datagram_peer()] {
            let mut connection = Connection::open(&Discard, &peer, &Limits::default());
            for _ in 0..100 {
                connection.receive(&[b'x'; 10_000]);
                assert!(connection.wants_input() && connection.output().is_empty());
            }
            connection.end_input();
            assert!(connection.is_done());
        }
    }
}
