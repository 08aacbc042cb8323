//! Arbitrary input to a line service and to a byte service: the output does not depend on how the
//! input is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Chunks, drive_stream};
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

/// The output for `bytes` received in chunks of `input` bytes, and why the session ended.
fn answer(
    service: &dyn Service,
    bytes: &[u8],
    input: usize,
    outbox_bytes: usize,
) -> (Vec<u8>, String) {
    let mut limits = Limits::default();
    limits.message_bytes = 64;
    limits.outbox_bytes = outbox_bytes;
    let (output, reason) = drive_stream(service, bytes, Chunks { input, output: 1 }, &limits);
    (output, reason.to_string())
}

fuzz_target!(|data: (u8, &[u8])| {
    let (chunk, bytes) = (usize::from(data.0).max(1), data.1);
    for service in [&Repeat as &dyn Service, &Uppercase] {
        let at_once = answer(service, bytes, bytes.len().max(1), 1 << 16);
        assert_eq!(answer(service, bytes, chunk, 3), at_once);
    }
});
