//! Daytime: a line with the date and the time of day (RFC 867).

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use switchboard_core::{Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport};

/// Sends the time in one line and closes, whatever the peer sends.
///
/// Over datagrams a session begins with a datagram, so each datagram is answered with the time.
pub struct Daytime(fn() -> SystemTime);

impl Daytime {
    /// A service that reads `clock` once per peer.
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
        Ok(Box::new(DaytimeSession((self.0)())))
    }
}

struct DaytimeSession(SystemTime);

impl Session for DaytimeSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        out.send(line(self.0).as_bytes());
        Ok(Flow::Close)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Close) // not called: the session closed when it opened
    }
}

/// The time in UTC, in the form that RFC 867 shows. A clock before 1970 or after the year 9999 is not
/// set; it is shown as the beginning of 1970.
fn line(time: SystemTime) -> String {
    let time = Timestamp::try_from(time.max(UNIX_EPOCH)).unwrap_or_default();
    time.strftime("%A, %B %-d, %Y %H:%M:%S-UTC\r\n").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use switchboard_core::testing::Connection;
    use switchboard_core::{Limits, UdpPolicy};

    use super::*;
    use crate::testing::{datagram_peer, every_chunking};

    #[track_caller]
    fn check(seconds: u64, shown: &str) {
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(line(time), format!("{shown}-UTC\r\n"));
    }

    #[test]
    fn it_sends_the_time_and_closes() {
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
    fn times_are_formatted() {
        check(0, "Thursday, January 1, 1970 00:00:00");
        check(86_399, "Thursday, January 1, 1970 23:59:59");
        check(951_782_400, "Tuesday, February 29, 2000 00:00:00");
        check(1_709_168_523, "Thursday, February 29, 2024 01:02:03");
        check(2_147_483_648, "Tuesday, January 19, 2038 03:14:08");
        check(4_107_542_400, "Monday, March 1, 2100 00:00:00");
    }

    #[test]
    fn any_clock_is_accepted() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(line(before), "Thursday, January 1, 1970 00:00:00-UTC\r\n");
        check(1 << 60, "Thursday, January 1, 1970 00:00:00");
    }

    #[test]
    fn the_longest_line_is_within_the_amplification_limit() {
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
