//! Bytes of a peer, through a connection to a line service and to a byte service: in pieces they
//! give the same answer as at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Pieces, rehearse};
use switchboard_core::{Flow, Limits, Outbox, Peer, Refusal, Result, Service, Session};
use switchboard_services::Uppercase;

/// Sends each line back.
struct Repeat;

impl Service for Repeat {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Repeat {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        out.send(line);
        Ok(Flow::Continue)
    }
}

/// The answer to `bytes`, and how it ended.
fn answer(
    service: &dyn Service,
    bytes: &[u8],
    said: usize,
    outbox_bytes: usize,
) -> (Vec<u8>, String) {
    let limits = Limits {
        message_bytes: 64,
        outbox_bytes,
        ..Limits::default()
    };
    let (heard, ended) = rehearse(service, bytes, Pieces { said, taken: 1 }, &limits);
    (heard, ended.to_string())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = (usize::from(input.0).max(1), input.1);
    for service in [&Repeat as &dyn Service, &Uppercase] {
        let at_once = answer(service, bytes, bytes.len().max(1), 1 << 16);
        assert_eq!(answer(service, bytes, piece, 3), at_once);
    }
});
