//! The standard error of a program, as lines of the log.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd;
use tracing::{info, warn};

use crate::peer::Peer;
use crate::reactor::poll::Interest;
use crate::sanitize::Sanitized;

/// Logs the lines that a program writes to a pipe. A program that writes more than
/// [`LINES_PER_SECOND`] would fill the log, so the rest of them is dropped, and counted in a line of
/// its own.
pub(crate) struct ErrorLog {
    pipe: OwnedFd,
    line: Vec<u8>, // the beginning of one
    ended: bool,
    rate: LineRate,
}

impl ErrorLog {
    /// The reading end of the pipe, which does not block.
    pub(crate) fn new(pipe: OwnedFd) -> Self {
        Self {
            pipe,
            line: Vec::new(),
            ended: false,
            rate: LineRate::default(),
        }
    }

    /// What to wait for, to call [`read`](Self::read).
    pub(crate) fn watched(&self) -> (BorrowedFd<'_>, Interest) {
        (self.pipe.as_fd(), Interest::read_if(!self.ended))
    }

    /// Logs what has arrived.
    pub(crate) fn read(&mut self, peer: &Peer, now: Instant) {
        let mut buffer = [0; 4096];
        for _ in 0..READS_AT_ONCE {
            match unistd::read(&self.pipe, &mut buffer) {
                Ok(count) if 0 < count => self.line.extend_from_slice(&buffer[..count]),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                Ok(_) | Err(_) => {
                    self.ended = true;
                    break;
                }
            }
            while let Some(line) = self.next_line() {
                self.log(peer, &line, now);
            }
        }
        if self.ended {
            self.end(peer, now);
        }
    }

    /// The program has ended: logs a last line without an end, and how many lines were dropped.
    pub(crate) fn end(&mut self, peer: &Peer, now: Instant) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.log(peer, &line, now);
        }
        report_dropped(peer, self.rate.end());
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.rate.report_at()
    }

    /// Logs how many lines were dropped, if that is due.
    pub(crate) fn tick(&mut self, peer: &Peer, now: Instant) {
        report_dropped(peer, self.rate.begin_second(now));
    }

    fn log(&mut self, peer: &Peer, line: &[u8], now: Instant) {
        report_dropped(peer, self.rate.begin_second(now));
        if self.rate.take(now) {
            info!(%peer, "program: {}", Sanitized(line));
        }
    }

    /// A line without its end, or the beginning of one that is too long.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let start = &self.line[..self.line.len().min(MAX_LINE_BYTES + 1)];
        if let Some(end) = memchr::memchr(b'\n', start) {
            let mut line: Vec<u8> = self.line.drain(..=end).collect();
            line.pop();
            return Some(line);
        }
        (MAX_LINE_BYTES < self.line.len()).then(|| self.line.drain(..MAX_LINE_BYTES).collect())
    }
}

fn report_dropped(peer: &Peer, dropped: u64) {
    if 0 < dropped {
        warn!(%peer, dropped, "program: lines dropped, above {LINES_PER_SECOND} in a second");
    }
}

/// Counts lines per second.
#[derive(Debug, Default)]
struct LineRate {
    second_ends: Option<Instant>,
    lines: u64,
    dropped: u64,
}

impl LineRate {
    /// Begins a new second if the last one has ended. Returns how many lines were dropped in that one.
    fn begin_second(&mut self, now: Instant) -> u64 {
        match self.second_ends {
            Some(end) if end <= now => self.end(),
            _ => 0,
        }
    }

    /// Ends the second. Returns how many lines were dropped in it.
    fn end(&mut self) -> u64 {
        std::mem::take(self).dropped
    }

    /// Whether a line may be logged. If not, it is counted.
    fn take(&mut self, now: Instant) -> bool {
        self.second_ends.get_or_insert(now + Duration::from_secs(1));
        self.lines += 1;
        let is_allowed = self.lines <= LINES_PER_SECOND;
        self.dropped += u64::from(!is_allowed);
        is_allowed
    }

    fn report_at(&self) -> Option<Instant> {
        self.second_ends.filter(|_| 0 < self.dropped)
    }
}

const LINES_PER_SECOND: u64 = 100; // a stack trace fits
const READS_AT_ONCE: usize = 16; // a flood must not delay other connections
const MAX_LINE_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_the_rate_are_dropped_and_counted() {
        let mut rate = LineRate::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for second in 0..3 {
            let begin = 1500 * second; // a pause begins no second
            assert_eq!(
                rate.begin_second(at(begin)),
                if second == 0 { 0 } else { 50 }
            );
            let allowed = (0..150).filter(|millis| rate.take(at(begin + millis)));
            assert_eq!(allowed.count() as u64, LINES_PER_SECOND);
            assert_eq!(rate.report_at(), Some(at(begin + 1000)));
            assert_eq!(rate.begin_second(at(begin + 999)), 0);
        }
        assert_eq!(rate.end(), 50);
        assert_eq!(rate.report_at(), None);
    }
}
