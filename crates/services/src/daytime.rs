//! Daytime: a line with the date and the time of day (RFC 867).

use std::time::{SystemTime, UNIX_EPOCH};

use switchboard_core::{Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport};

use crate::utc::Utc;

/// Tells the time in one line and closes, whatever is sent.
///
/// Over datagrams a conversation begins with a datagram, so each is answered with the time.
pub struct Daytime(fn() -> SystemTime);

impl Daytime {
    /// A service that asks `clock` once for each peer.
    #[must_use]
    pub fn new(clock: fn() -> SystemTime) -> Self {
        Self(clock)
    }
}

impl Service for Daytime {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let since = (self.0)().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs()); // before 1970 it was never set
        Ok(Box::new(Telling(format!("{}\r\n", Utc(seconds)))))
    }
}

struct Telling(String);

impl Session for Telling {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        out.send(self.0.as_bytes());
        Ok(Flow::Close)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Close) // it closed before
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use switchboard_core::testing::Connection;
    use switchboard_core::{Limits, UdpPolicy};

    use super::*;
    use crate::talk::{datagram_peer, every_chunking};

    #[test]
    fn it_tells_the_time_and_closes() {
        let daytime = Daytime::new(|| UNIX_EPOCH + Duration::from_millis(1_795_252_502_999));
        let line = b"Saturday, November 21, 2026 09:15:02-UTC\r\n";
        every_chunking(&daytime, b"", line);
        every_chunking(&daytime, b"what time is it?\n", line);
        let mut connection = Connection::open(&daytime, &Peer::stdio(), &Limits::default());
        assert_eq!(connection.output(), line);
        connection.sent(line.len());
        assert!(connection.is_done());
        let mut connection = Connection::open(&daytime, &datagram_peer(), &Limits::default());
        assert_eq!(connection.datagram(), Some(&line[..]));
        connection.datagram_sent();
        assert!(connection.is_done());
    }

    #[test]
    fn a_clock_before_1970_is_no_reason_to_fail() {
        let daytime = Daytime::new(|| UNIX_EPOCH - Duration::from_secs(1));
        let line = b"Thursday, January 1, 1970 00:00:00-UTC\r\n";
        every_chunking(&daytime, b"", line);
    }

    #[test]
    fn the_longest_line_is_within_measure_for_an_empty_datagram() {
        let daytime = Daytime::new(|| UNIX_EPOCH + Duration::from_secs(1_790_812_799));
        let connection = Connection::open(&daytime, &datagram_peer(), &Limits::default());
        assert!(
            connection
                .output()
                .starts_with(b"Wednesday, September 30, 2026 23:59:59")
        );
        let UdpPolicy::Limited { bytes, .. } = daytime.config(Transport::Datagram).udp else {
            panic!("it is offered over datagrams");
        };
        assert!(connection.output().len() as u64 <= bytes);
    }
}
