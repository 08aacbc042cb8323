//! When a file was last changed.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::{format_rfc3339_seconds, parse_rfc3339};

/// A time in whole seconds, from 1970 to the end of 9999, as in `2026-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// So many seconds after the beginning of 1970, or the nearest that there is.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(u64::try_from(seconds).map_or(0, |seconds| seconds.min(LAST)))
    }

    /// Reads a time as it is shown.
    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        let time = parse_rfc3339(str::from_utf8(word).ok()?).ok()?;
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        Some(Self(seconds.min(LAST)))
    }

    /// It as the system has it.
    #[must_use]
    pub fn to_system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_rfc3339_seconds(self.to_system()).fmt(f)
    }
}

const LAST: u64 = 253_402_300_799; // RFC 3339 has years of four digits

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        let shown = |seconds| Timestamp::from_seconds(seconds).to_string();
        assert_eq!(shown(1_769_860_800), "2026-01-31T12:00:00Z");
        assert_eq!(shown(-1), "1970-01-01T00:00:00Z");
        assert_eq!(shown(i64::MAX), "9999-12-31T23:59:59Z");
        for wrong in ["", "2026", "2026-01-31 12:00:00", "1969-01-31T12:00:00Z"] {
            assert_eq!(Timestamp::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(seconds: i64, word: Vec<u8>) {
            let time = Timestamp::from_seconds(seconds);
            prop_assert_eq!(Timestamp::parse(time.to_string().as_bytes()), Some(time));
            Timestamp::parse(&word);
        }
    }
}
