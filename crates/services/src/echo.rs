//! Echo: every byte comes back (RFC 862).

use switchboard_core::{Error, Flow, Framing, Outbox, Peer, Refusal, Service, Session};

/// Sends every byte back, as it came.
pub struct Echo;

impl Service for Echo {
    fn framing(&self) -> Framing {
        Framing::Bytes
    }

    fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Echo {
    fn receive(&mut self, bytes: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        out.send(bytes);
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use crate::talk::every_chunking;

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        every_chunking(&super::Echo, &bytes, &bytes);
    }
}
