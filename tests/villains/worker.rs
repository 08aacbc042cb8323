//! A session that works for long, in steps between which other sessions run.

use std::time::{Duration, Instant};

use switchboard::{Flow, Outbox, Peer, Refusal, Result, Service, Session};

/// Works for the milliseconds that a line names, then answers.
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
        let text = String::from_utf8_lossy(line);
        let Ok(milliseconds) = text.parse() else {
            out.send(b"not a number of milliseconds");
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
