//! Limits on everything a peer can make grow.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// What the peers of one server may use. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations at the same time; further peers wait in the listener's backlog.
    pub clients: usize,
    /// Conversations at the same time with one host (an IPv4 address, or the /64 of an IPv6 one);
    /// more are refused.
    pub clients_per_host: Option<usize>,
    /// Conversations that one host begins in a stretch of time; those above begin later.
    pub rate: Option<Rate>,
    /// A conversation is ended if the first whole message does not come within this time.
    pub first: Option<Duration>,
    /// A conversation is ended after this time in which no whole message came from the peer and no
    /// byte could be sent to it. A line that never ends is no message, however long it trickles.
    pub idle: Option<Duration>,
    /// No conversation lasts longer than this.
    pub session: Option<Duration>,
    /// How long a conversation may take to end: when the server stops, after the last words were
    /// sent, and while they wait without a byte that could be sent. A peer that was sent all of them
    /// and is silent for half a second is not waited for longer.
    pub grace: Duration,
    /// The longest line.
    pub message_bytes: usize,
    /// With this much waiting to be sent to a peer, nothing more is read from it.
    pub outbox_bytes: usize,
    /// So many datagrams are sent to one peer in a second, and as many at once after a pause. What
    /// exceeds it is dropped: kept for later, it would keep two servers talking to each other. A
    /// session that has [more](crate::Flow::WhenWritable) to send is held back instead.
    pub datagrams_per_second: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 1000, // at some tens of KiB each, a small part of any machine
            clients_per_host: None,
            rate: None,
            first: None, // idleness bounds it, and people take their time
            idle: Some(Duration::from_secs(5 * 60)),
            session: None,
            grace: Duration::from_secs(5),
            message_bytes: 8 * 1024, // talk is far shorter; a flood is not
            outbox_bytes: 64 * 1024, // a stream of bytes moves in few calls
            datagrams_per_second: NonZeroU32::new(200), // nobody reads faster; a loop would
        }
    }
}

/// So many in each stretch of time: `10/s`, `100/m`, `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how much time.
    pub per: Duration,
}

/// Words are no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number, 1 or more, in a second, minute or hour: 10/s, 100/m, 1000/h")]
pub struct ParseRateError;

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(words: &str) -> Result<Self, ParseRateError> {
        let (count, per) = words.split_once('/').unwrap_or((words, "s"));
        let unit = UNITS.iter().find(|(unit, _)| *unit == per);
        match (count.parse(), unit) {
            (Ok(count), Some(&(_, seconds))) if !words.starts_with('+') => Ok(Self {
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

/// The most that one read brings: twice a full outbox.
pub(crate) const READ_BYTES: usize = 128 * 1024;
