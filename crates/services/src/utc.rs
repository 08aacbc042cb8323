//! The date and the time of day, in words.

use std::fmt;

/// So many seconds after the beginning of 1970, as in `Saturday, November 21, 2026 09:15:02-UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utc(pub(crate) u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let weekday = WEEKDAYS[(days % 7) as usize];
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{weekday}, {month} {day}, {year} {hour:02}:{minute:02}:{second:02}-UTC"
        )
    }
}

/// Year, month and day of the Gregorian calendar, so many days after the first of 1970.
fn date(days: u64) -> (u64, &'static str, u64) {
    // The calendar repeats itself, so that no clock, however wrong, has many years counted.
    let mut year = 1970 + 400 * (days / DAYS_OF_400_YEARS);
    let mut day = days % DAYS_OF_400_YEARS;
    while 365 + leap_day(year) <= day {
        day -= 365 + leap_day(year);
        year += 1;
    }
    for (month, mut length) in MONTHS {
        if month == "February" {
            length += leap_day(year);
        }
        if day < length {
            return (year, month, day + 1);
        }
        day -= length;
    }
    unreachable!("the months are as long as the year");
}

/// How many days more than others this year has.
fn leap_day(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

const DAY: u64 = 24 * 60 * 60;
const DAYS_OF_400_YEARS: u64 = 400 * 365 + 97;

// 1970 began on a Thursday.
const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

const MONTHS: [(&str, u64); 12] = [
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, shown: &str) {
        assert_eq!(Utc(seconds).to_string(), format!("{shown}-UTC"));
    }

    #[test]
    fn known_times_are_shown() {
        check(0, "Thursday, January 1, 1970 00:00:00");
        check(86_399, "Thursday, January 1, 1970 23:59:59");
        check(68_212_800, "Tuesday, February 29, 1972 12:00:00");
        check(946_684_799, "Friday, December 31, 1999 23:59:59");
        check(951_782_400, "Tuesday, February 29, 2000 00:00:00");
        check(951_868_800, "Wednesday, March 1, 2000 00:00:00");
        check(1_677_628_799, "Tuesday, February 28, 2023 23:59:59");
        check(1_677_628_800, "Wednesday, March 1, 2023 00:00:00");
        check(1_709_168_523, "Thursday, February 29, 2024 01:02:03");
        check(1_795_252_502, "Saturday, November 21, 2026 09:15:02");
        check(2_147_483_648, "Tuesday, January 19, 2038 03:14:08");
        check(4_107_542_399, "Sunday, February 28, 2100 23:59:59");
        check(4_107_542_400, "Monday, March 1, 2100 00:00:00");
        check(13_574_563_200, "Tuesday, February 29, 2400 00:00:00");
        assert!(Utc(u64::MAX).to_string().ends_with("-UTC"));
    }

    #[test]
    fn days_follow_each_other() {
        // Three times the cycle of 400 years, with each day found from the one before.
        let (mut year, mut month, mut day) = (1970, 0, 1);
        for days in 0..3 * DAYS_OF_400_YEARS {
            assert_eq!(date(days), (year, MONTHS[month].0, day), "{days}");
            let leap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0;
            let last = if month == 1 && leap {
                29
            } else {
                MONTHS[month].1
            };
            (month, day) = if day < last {
                (month, day + 1)
            } else {
                (month + 1, 1)
            };
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
    }
}
