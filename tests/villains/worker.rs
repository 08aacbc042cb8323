//! A session with long work to do, of which it does a little at a time.

use std::time::{Duration, Instant};

use switchboard::{Flow, Outbox, Peer, Refusal, Result, Service, Session};

/// Works for so many milliseconds as each line says, and answers then.
pub(crate) struct Worker;

struct Work {
    until: Instant,
}

impl Service for Worker {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let until = Instant::now();
        Ok(Box::new(Work { until }))
    }
}

impl Session for Work {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let words = String::from_utf8_lossy(line);
        let Ok(milliseconds) = words.parse() else {
            out.send(b"that is no time");
            return Ok(Flow::Continue);
        };
        self.until = Instant::now() + Duration::from_millis(milliseconds);
        self.on_timer(out)
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        if Instant::now() < self.until {
            out.set_timer(Duration::ZERO);
            return Ok(Flow::PauseInput);
        }
        out.send(b"done");
        Ok(Flow::Continue)
    }
}
