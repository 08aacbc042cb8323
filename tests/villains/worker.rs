//! A session with long work to do, of which it does a little at a time.

use std::time::{Duration, Instant};

use switchboard::{Error, Flow, Outbox, Peer, Refusal, Service, Session};

/// Works for so many milliseconds as each line says, and answers then.
pub(crate) struct Worker;

struct Work {
    until: Instant,
}

impl Service for Worker {
    fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let until = Instant::now();
        Ok(Box::new(Work { until }))
    }
}

impl Session for Work {
    fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        let words = String::from_utf8_lossy(line);
        let Ok(milliseconds) = words.parse() else {
            out.send(b"that is no time");
            return Ok(Flow::Continue);
        };
        self.until = Instant::now() + Duration::from_millis(milliseconds);
        self.wake(out)
    }

    fn wake(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
        if Instant::now() < self.until {
            out.wake_after(Duration::ZERO);
            return Ok(Flow::Wait);
        }
        out.send(b"done");
        Ok(Flow::Continue)
    }
}
