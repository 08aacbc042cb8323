//! Counts the lines of each peer: `cargo run --example counter -- serve counter`, then `nc localhost 1212`.
use switchboard::{Flow, Outbox, Peer, Refusal, Result, Service, Session, run};

fn main() -> std::process::ExitCode {
    run("counter", "Counts the lines of each peer", || Counter)
}

struct Counter;

impl Service for Counter {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Count { lines: 0 }))
    }
}

/// The state of one peer.
struct Count {
    lines: u64,
}

impl Session for Count {
    fn on_message(&mut self, _: &[u8], out: &mut Outbox) -> Result {
        self.lines += 1;
        out.send(self.lines.to_string().as_bytes());
        Ok(Flow::Continue)
    }
}
