//! Words of the command line that stand for times, sizes and numbers.

use std::num::NonZeroU32;
use std::time::Duration;

/// Datagrams per second, if there is a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatagramRate(pub(crate) Option<NonZeroU32>);

/// A time that may be without end. (A plain `Option` would mean that the words may be missing.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Option<Duration>);

/// A number with a unit: `ms`, `s`, `m` or `h`, and seconds without one.
pub(crate) fn time(words: &str) -> Result<Duration, String> {
    let (digits, unit) = digits_and_unit(words);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        unit => return Err(format!("'{unit}' is no unit of time: use ms, s, m or h")),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| "a time is a whole number with a unit, such as 90s or 5m".to_owned())?;
    let all = count
        .checked_mul(milliseconds)
        .filter(|&all| all <= LONGEST)
        .ok_or("a time is at most 10 years")?;
    Ok(Duration::from_millis(all))
}

/// A time that is not over at once.
pub(crate) fn some_time(words: &str) -> Result<Duration, String> {
    let some = Some(time(words)?).filter(|time| !time.is_zero());
    some.ok_or_else(|| "nothing comes in no time".to_owned())
}

pub(crate) fn datagrams(words: &str) -> Result<DatagramRate, String> {
    if words == "none" {
        return Ok(DatagramRate(None));
    }
    let count = words.strip_suffix("/s").unwrap_or(words);
    let count = count.parse().ok().filter(|_| !words.starts_with('+'));
    let count = count.ok_or("a whole number a second, such as 200/s, or none")?;
    Ok(DatagramRate(Some(count)))
}

pub(crate) fn time_or_none(words: &str) -> Result<Time, String> {
    if words == "none" {
        return Ok(Time(None));
    }
    match time(words)? {
        Duration::ZERO => Err("nothing fits in no time; for no limit, say none".into()),
        time => Ok(Time(Some(time))),
    }
}

/// Parts a number from the letters behind it.
fn digits_and_unit(words: &str) -> (&str, &str) {
    let digits = words.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    words.split_at(digits.len())
}

/// Permissions, in octal digits.
pub(crate) fn mode(words: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(words, 8).ok();
    let mode = mode.filter(|&mode| mode <= 0o777 && !words.starts_with('+'));
    mode.ok_or_else(|| "permissions are octal digits, such as 660".to_owned())
}

/// How many there may be.
pub(crate) fn count(words: &str) -> Result<usize, String> {
    let count = words.parse().ok().filter(|&count| 0 < count);
    count.ok_or_else(|| "a whole number, 1 or more".to_owned())
}

/// A number of bytes, also in units of 1024 (`k`) or 1024 x 1024 (`M`).
pub(crate) fn bytes(words: &str) -> Result<usize, String> {
    let (digits, unit) = digits_and_unit(words);
    let unit: usize = match unit {
        "" => 1,
        "k" | "K" => 1024,
        "M" => 1024 * 1024,
        unit => return Err(format!("'{unit}' is no unit of bytes: use k or M")),
    };
    let count: usize = digits
        .parse()
        .map_err(|_| "a size is a whole number, such as 500 or 8k".to_owned())?;
    let all = count
        .checked_mul(unit)
        .filter(|all| (1..=MOST_BYTES).contains(all));
    all.ok_or_else(|| "a line is 1 byte to 64M".to_owned())
}

const LONGEST: u64 = 10 * 365 * 24 * 60 * 60 * 1000; // a slip of the hand, if it is more
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        let milliseconds = |words| time(words).ok().map(|time| time.as_millis());
        assert_eq!(milliseconds("90"), Some(90_000));
        assert_eq!(milliseconds("1500ms"), Some(1500));
        assert_eq!(milliseconds("5m"), Some(300_000));
        assert_eq!(milliseconds("1h"), Some(3_600_000));
        for wrong in [
            "",
            "s",
            "-1s",
            "1.5s",
            "5 m",
            "5x",
            "99999999999h",
            "18446744073709551615",
        ] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
        assert_eq!(some_time("1ms"), Ok(Duration::from_millis(1)));
        assert!(some_time("0s").is_err() && some_time("x").is_err());
        assert_eq!(bytes("500"), Ok(500));
        assert_eq!(bytes("8k"), Ok(8192));
        assert_eq!(bytes("1M"), Ok(1 << 20));
        for wrong in ["", "0", "-1", "k", "65M", "99999999999999999999k", "8kb"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
