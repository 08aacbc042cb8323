//! What an exchange sends: bytes, and files.

use std::io;
use std::time::Instant;

use crate::session::send_queue::file_too_short;
use crate::stream::task::Exchange;

impl Exchange {
    /// Sends once, if anything waits; whether anything was sent.
    pub(super) fn send(&mut self, now: Instant) -> io::Result<bool> {
        if let Some((file, range)) = self.connection.file() {
            match self.stream.send_file(file, range) {
                Ok(Some(0)) => self.connection.abort(file_too_short()),
                Ok(Some(count)) => {
                    self.moved(count, now);
                    self.connection.file_sent(count as u64);
                }
                Ok(None) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.connection.load_file();
                }
                Err(error) => return Err(error),
            }
            return Ok(true);
        }
        if self.connection.output().is_empty() {
            return Ok(false);
        }
        let sent = self.stream.send_some(self.connection.output())?;
        if let Some(count) = sent {
            self.moved(count, now);
            self.connection.sent(count);
        }
        Ok(sent.is_some())
    }

    /// So many bytes have left.
    fn moved(&mut self, count: usize, now: Instant) {
        self.times.moved(now);
        self.count(0, count as u64);
    }

    pub(super) fn count(&mut self, received: u64, sent: u64) {
        self.received += received;
        self.sent += sent;
        if let Some(slot) = &self.slot {
            slot.moved(received, sent);
        }
    }
}
