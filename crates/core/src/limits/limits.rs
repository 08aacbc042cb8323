//! What the peers of one server may use.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Limits on everything a peer can make grow. `None` is no limit.
///
/// ```
/// use std::time::Duration;
/// use switchboard_core::Limits;
///
/// let mut limits = Limits::default();
/// limits.max_clients = 20;
/// limits.idle_timeout = Some(Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Sessions at the same time. At the cap, further clients wait in the listener's backlog.
    pub max_clients: usize,
    /// Sessions at the same time from one host (an IPv4 address, or the /64 of an IPv6 address).
    /// More are refused.
    pub max_clients_per_host: Option<usize>,
    /// Sessions that one host starts per unit of time. More are delayed, and refused where they would
    /// wait longer than ten seconds.
    pub rate: Option<Rate>,
    /// The time from the start of a session until the first whole message has arrived. Then the
    /// server closes the session.
    pub first_message_timeout: Option<Duration>,
    /// The time in which no whole message arrives from the peer and no byte can be sent to it. Then
    /// the server closes the session. Parts of a line do not count as a message.
    pub idle_timeout: Option<Duration>,
    /// The longest duration of a session.
    pub session_timeout: Option<Duration>,
    /// How long a session may take to end: after the server was asked to stop, and after the last
    /// output was sent. It also limits how long the last output waits without a byte being sent. A
    /// peer that has received all output and is silent for half a second is not waited for longer.
    pub grace_period: Duration,
    /// The silence that ends a message of a peer that has never sent a line end, where messages are
    /// [lines](crate::Framing::Line).
    pub line_timeout: Option<Duration>,
    /// The longest line, in bytes.
    pub message_bytes: usize,
    /// With this many bytes of unsent output, nothing more is read from the peer.
    pub outbox_bytes: usize,
    /// Datagrams sent to one peer per second, and the burst that is possible after a pause. More are
    /// dropped, not queued: two servers that answer each other would never stop. A session that
    /// returns [`WhenWritable`](crate::Flow::WhenWritable) is delayed instead. With a limit, a peer
    /// that sends one datagram for each that it gets, for long without a pause, is ignored for some
    /// seconds: it may be such a server.
    pub datagrams_per_second: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_clients: 1000, // at some tens of KiB each, a small part of any machine
            max_clients_per_host: None,
            rate: None,
            first_message_timeout: None, // the idle timeout applies, and people type slowly
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            session_timeout: None,
            grace_period: Duration::from_secs(5),
            // Longer than the pauses within a message, and short for a person that waits.
            line_timeout: Some(Duration::from_millis(300)),
            message_bytes: 8 * 1024, // typed lines are far shorter
            outbox_bytes: 64 * 1024, // a stream of bytes moves in few system calls
            datagrams_per_second: NonZeroU32::new(200), // more than a person reads, far less than a reply loop sends
        }
    }
}

/// A number per second, minute or hour, written `10/s`, `100/m`, `1000/h`. A number alone is per
/// second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// The period.
    pub per: Duration,
}

/// The text is not a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number, 1 or more, per second, minute or hour: 10/s, 100/m, 1000/h")]
pub struct ParseRateError;

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let (count, per) = text.split_once('/').unwrap_or((text, "s"));
        let unit = UNITS.iter().find(|(unit, _)| *unit == per);
        match (count.parse(), unit) {
            (Ok(count), Some(&(_, seconds))) if !text.starts_with('+') => Ok(Self {
                count,
                per: Duration::from_secs(seconds),
            }),
            _ => Err(ParseRateError),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        match UNITS.iter().find(|(_, unit)| *unit == seconds) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{} in {:?}", self.count, self.per),
        }
    }
}

const UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 60 * 60)];
