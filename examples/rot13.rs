//! A service of one's own: `cargo run --example rot13 -- serve rot13`, then `nc localhost 1212`.

use std::process::ExitCode;

use switchboard::{Error, Flow, Outbox, Peer, Refusal, Service, Session};

struct Rot13;

impl Service for Rot13 {
    fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Rot13 {
    fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        let turn = |first: u8, byte: u8| first + (byte - first + 13) % 26;
        out.send(&Vec::from_iter(line.iter().map(|&byte| match byte {
            b'a'..=b'z' => turn(b'a', byte),
            b'A'..=b'Z' => turn(b'A', byte),
            _ => byte,
        })));
        Ok(Flow::Continue)
    }
}

fn main() -> ExitCode {
    switchboard::main_with(|services| services.add("rot13", "Turns letters by 13", || Rot13))
}
