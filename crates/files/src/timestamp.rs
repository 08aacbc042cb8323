//! When a file was last changed.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// A time in whole seconds, from 1970 to the end of 9999. Displayed in UTC as in RFC 3339:
/// `2026-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time `seconds` after 1970 began, or the nearest one in range.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(u64::try_from(seconds).map_or(0, |seconds| seconds.min(LAST)))
    }

    /// The seconds since 1970 began.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// Parses the displayed form. A fraction of a second is ignored.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let time = DateTime::strptime("%Y-%m-%dT%H:%M:%S%.fZ", text).ok()?;
        let seconds = time.duration_since(EPOCH).as_secs();
        u64::try_from(seconds).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = SignedDuration::from_secs(self.0.cast_signed());
        let time = EPOCH.checked_add(seconds).expect("not after LAST");
        write!(f, "{time}Z")
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const LAST: u64 = 253_402_300_799; // the end of 9999: RFC 3339 has years of four digits

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_as_in_rfc_3339() {
        let displayed = |seconds| Timestamp::from_seconds(seconds).to_string();
        assert_eq!(displayed(1_769_860_800), "2026-01-31T12:00:00Z");
        assert_eq!(displayed(-1), "1970-01-01T00:00:00Z");
        assert_eq!(displayed(i64::MAX), "9999-12-31T23:59:59Z");
        for wrong in ["", "2026", "2026-01-31 12:00:00", "1969-01-31T12:00:00Z"] {
            assert_eq!(Timestamp::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_displayed_time_parses(seconds: i64, text: Vec<u8>) {
            let time = Timestamp::from_seconds(seconds);
            prop_assert_eq!(Timestamp::parse(time.to_string().as_bytes()), Some(time));
            Timestamp::parse(&text);
        }
    }
}
