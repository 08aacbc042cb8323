//! Parsers of option values: sizes, times, counts and rates, with units.
//!
//! Every option of the program uses these, so that `2m` or `64k` means the same everywhere. Each
//! parser is a function of the text, as clap's `value_parser` takes it. Numbers are whole and have no
//! sign.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use switchboard_core::Rate;

/// The value of an option that also takes `none`, see [`or_none`]. (clap would take a field of type
/// `Option` for an option that may be missing.)
pub type Limit<T> = Option<T>;

/// Why a text is not the value of an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not a size.
    #[error(
        "a size is a whole number of bytes, with a unit if it has one of k, M, G, T: 500, 64k, 2G"
    )]
    Size,
    /// 2^64 bytes or more.
    #[error("a size is less than 16777216T")]
    TooLarge,
    /// Not a size in the range of the option.
    #[error(
        "a whole number of bytes from {} to {} is required, with a unit if it has one of k, M, G, T: 500, 8k",
        Size(*.min),
        Size(*.max)
    )]
    SizeRange {
        /// The smallest size that is accepted, in bytes.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// Not a time.
    #[error(
        "a time is a whole number of seconds, or one with a unit of ms, s, m, h, d: 90, 500ms, 5m"
    )]
    Time,
    /// More than ten years.
    #[error("a time is at most 10 years")]
    TooLong,
    /// A time that must not be zero.
    #[error("timeout must be greater than zero")]
    ZeroTimeout,
    /// Not a whole number in this range, such as `1 to 64`.
    #[error("a whole number is required, {0}")]
    Count(String),
    /// Not a rate per second.
    #[error("a whole number per second is required, such as 200/s")]
    RatePerSecond,
    /// Not the permission bits of a file.
    #[error("permissions are an octal number up to 777, such as 660")]
    FileMode,
    /// Not a value, and not `none`.
    #[error("{0}; or none for no limit")]
    OrNone(Box<Self>),
}

/// Parses a number of bytes, or of the units `k` (1024 bytes), `M` (1024 k), `G` and `T`.
///
/// # Errors
///
/// Any other text, and 2^64 bytes or more.
pub fn size(text: &str) -> Result<u64, ParseError> {
    let bytes = quantity(text, &SIZES).ok_or(ParseError::Size)?;
    u64::try_from(bytes).map_err(|_| ParseError::TooLarge)
}

/// Parses a [`size`] in `range`.
///
/// # Panics
///
/// The parser panics if `T` cannot represent a size in `range`.
pub fn size_in<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, ParseError> + Clone {
    move |text| {
        let (min, max) = range.clone().into_inner();
        let bytes = size(text).ok().filter(|bytes| range.contains(bytes));
        let bytes = T::try_from(bytes.ok_or(ParseError::SizeRange { min, max })?).ok();
        Ok(bytes.expect("the type represents every size of the range"))
    }
}

/// Parses a time in seconds, or in the units `ms`, `s`, `m`, `h` and `d`.
///
/// # Errors
///
/// Any other text, and more than ten years.
pub fn time(text: &str) -> Result<Duration, ParseError> {
    let milliseconds = quantity(text, &TIMES).ok_or(ParseError::Time)?;
    let milliseconds = u64::try_from(milliseconds).ok();
    let milliseconds = milliseconds.filter(|&time| time <= MAX_MILLISECONDS);
    let time = milliseconds.map(Duration::from_millis);
    time.ok_or(ParseError::TooLong)
}

/// Parses a [`time`] that is not zero.
///
/// # Errors
///
/// Any text that is not a time, and zero.
pub fn timeout(text: &str) -> Result<Duration, ParseError> {
    match time(text)? {
        Duration::ZERO => Err(ParseError::ZeroTimeout),
        time => Ok(time),
    }
}

/// Parses a whole number in `range`.
pub fn count<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, ParseError> + Clone
where
    T: FromStr + PartialOrd + fmt::Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|_| is_unsigned(text));
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| ParseError::Count(format!("{} to {}", range.start(), range.end())))
    }
}

/// Parses a [`Rate`] per second.
///
/// # Errors
///
/// Any other text, and zero.
pub fn rate_per_second(text: &str) -> Result<NonZeroU32, ParseError> {
    let rate = text.parse().ok();
    let rate = rate.filter(|rate: &Rate| rate.per == Duration::from_secs(1));
    rate.map(|rate| rate.count).ok_or(ParseError::RatePerSecond)
}

/// Parses the permission bits of a file: octal digits, at most 777.
///
/// # Errors
///
/// Any other text.
pub fn file_mode(text: &str) -> Result<u32, ParseError> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|&mode| mode <= 0o777 && is_unsigned(text))
        .ok_or(ParseError::FileMode)
}

/// Parses `none`, or what `parse` does.
pub fn or_none<T>(
    parse: impl Fn(&str) -> Result<T, ParseError> + Clone,
) -> impl Fn(&str) -> Result<Limit<T>, ParseError> + Clone {
    move |text| match text {
        "none" => Ok(None),
        text => parse(text)
            .map(Some)
            .map_err(|error| ParseError::OrNone(Box::new(error))),
    }
}

/// The number at the beginning of a text times the value of the unit after it, at most `u128::MAX`.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u128> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits);
    let (_, value) = units.iter().find(|(name, _)| *name == unit)?;
    if digits.is_empty() {
        return None;
    }
    let number = digits.parse().unwrap_or(u128::MAX); // too many digits
    Some(number.saturating_mul(u128::from(*value)))
}

/// Whether a text has no sign, which `from_str` accepts.
fn is_unsigned(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// A number of bytes, displayed in the largest unit of which it is a multiple.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(_, u64)| *bytes <= self.0 && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = SIZES.iter().rev().find(fits).unwrap_or(&SIZES[0]);
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

const SIZES: [(&str, u64); 6] = [
    ("", 1),
    ("K", 1 << 10),
    ("k", 1 << 10), // as it is displayed
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
];
const TIMES: [(&str, u64); 6] = [
    ("", 1000),
    ("ms", 1),
    ("s", 1000),
    ("m", 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("d", DAY),
];
const DAY: u64 = 24 * 60 * 60 * 1000;
const MAX_MILLISECONDS: u64 = 10 * 365 * DAY; // a longer one is a mistake

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchboard_core::ParseRateError;

    use super::*;

    #[track_caller]
    fn refused<T: fmt::Debug>(
        parse: impl Fn(&str) -> Result<T, ParseError>,
        error: &ParseError,
        texts: &[&str],
    ) {
        for text in texts {
            assert_eq!(parse(text).expect_err(text), *error, "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("5000"), Ok(5000));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("2G"), Ok(1 << 31));
        assert_eq!(size("1T"), Ok(1 << 40));
        let wrong = [
            "", "k", "-1", "+1", "+1k", "1.5M", "1 k", "1kb", "1MiB", "1m", "é", "1é", "none",
        ];
        refused(size, &ParseError::Size, &wrong);
        let nines = "9".repeat(50);
        let large = ["18446744073709551616", "17179869184G", "16777216T", &nines];
        refused(size, &ParseError::TooLarge, &large);
    }

    #[test]
    fn a_size_is_in_its_range() {
        let parse = size_in::<u16>(8..=65_464);
        assert_eq!(parse("8"), Ok(8));
        assert_eq!(parse("63k"), Ok(64_512));
        assert_eq!(parse("65464"), Ok(65_464));
        let (min, max) = (8, 65_464);
        refused(
            parse,
            &ParseError::SizeRange { min, max },
            &[
                "0",
                "7",
                "65465",
                "64k",
                "1G",
                "99999999999999999999",
                "many",
                "",
            ],
        );
        let error = size_in::<usize>(1..=64 << 20)("0").expect_err("it is too small");
        assert_eq!(
            error.to_string(),
            "a whole number of bytes from 1 to 64M is required, \
             with a unit if it has one of k, M, G, T: 500, 8k"
        );
    }

    #[test]
    fn times_have_units() {
        let milliseconds = |text| time(text).map(|time| time.as_millis());
        assert_eq!(milliseconds("0"), Ok(0));
        assert_eq!(milliseconds("90"), Ok(90_000));
        assert_eq!(milliseconds("90s"), Ok(90_000));
        assert_eq!(milliseconds("1500ms"), Ok(1500));
        assert_eq!(milliseconds("5m"), Ok(300_000));
        assert_eq!(milliseconds("1h"), Ok(3_600_000));
        assert_eq!(milliseconds("2d"), Ok(172_800_000));
        let wrong = [
            "", "s", "-1s", "+90", "+90s", "1.5s", "5 m", "5x", "5M", "5H", "5 ", "none",
        ];
        refused(time, &ParseError::Time, &wrong);
        refused(
            time,
            &ParseError::TooLong,
            &[
                "3651d",
                "99999999999h",
                "18446744073709551615",
                "99999999999999999999",
            ],
        );
        assert_eq!(timeout("1ms"), Ok(Duration::from_millis(1)));
        refused(timeout, &ParseError::ZeroTimeout, &["0", "0s", "0d"]);
        refused(timeout, &ParseError::Time, &["x"]);
    }

    #[test]
    fn a_limit_may_be_none() {
        let parse = or_none(timeout);
        assert_eq!(parse("none"), Ok(None));
        assert_eq!(parse("2m"), Ok(Some(Duration::from_secs(120))));
        let message = |text| parse(text).expect_err("it is no limit").to_string();
        assert_eq!(
            message("0"),
            "timeout must be greater than zero; or none for no limit"
        );
        assert!(message("None").starts_with("a time is "));
    }

    #[test]
    fn counts_and_rates_are_whole_numbers() {
        let parse = count(1..=64);
        assert_eq!(parse("1"), Ok(1_usize));
        assert_eq!(parse("64"), Ok(64));
        let error = ParseError::Count("1 to 64".to_owned());
        refused(
            parse,
            &error,
            &["", "0", "65", "-1", "+1", "1k", "99999999999999999999"],
        );
        let error = ParseError::Count("0 to 65535".to_owned());
        refused(
            count(0..=u16::MAX),
            &error,
            &["-1", "70000", "99999999999999999999"],
        );
        let ten = NonZeroU32::new(10).expect("not zero");
        let second = Duration::from_secs(1);
        assert_eq!(
            "10/m".parse(),
            Ok(Rate {
                count: ten,
                per: second * 60
            })
        );
        assert_eq!(
            "10".parse(),
            Ok(Rate {
                count: ten,
                per: second
            })
        );
        for wrong in ["", "0/s", "+10/s", "10/x", "1.5/s", "/s"] {
            assert_eq!(wrong.parse::<Rate>(), Err(ParseRateError), "{wrong}");
        }
        assert_eq!(rate_per_second("10"), Ok(ten));
        assert_eq!(rate_per_second("10/s"), Ok(ten));
        refused(
            rate_per_second,
            &ParseError::RatePerSecond,
            &["10/m", "0", "+10", "none", "s"],
        );
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!(file_mode("660"), Ok(0o660));
        assert_eq!(file_mode("0777"), Ok(0o777));
        refused(
            file_mode,
            &ParseError::FileMode,
            &["", "888", "1000", "+660", "rw", "-1"],
        );
    }

    proptest! {
        /// No text makes a parser panic.
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*|[+-]?[0-9]{0,22}[a-zA-Z/é]{0,3}") {
            let _ = (size(&text), time(&text), timeout(&text), text.parse::<Rate>());
            let _ = (rate_per_second(&text), file_mode(&text), count(1..=9)(&text));
            let _ = (size_in::<u16>(0..=65_535)(&text), or_none(time)(&text));
        }

        /// A size is parsed to the value it was displayed from.
        #[test]
        fn sizes_round_trip(mantissa in any::<u64>(), shift in 0_u32..64) {
            let bytes = mantissa << shift;
            prop_assert_eq!(size(&Size(bytes).to_string()), Ok(bytes));
        }

        /// A time is the same in every unit in which it is a whole number.
        #[test]
        fn times_round_trip(number in 0_u64..3650, unit in 0_usize..5) {
            let (unit, milliseconds) = TIMES[unit];
            let expected = Duration::from_millis(number * milliseconds);
            prop_assert_eq!(time(&format!("{number}{unit}")), Ok(expected));
            prop_assert_eq!(time(&format!("{}ms", expected.as_millis())), Ok(expected));
        }

        /// A rate is parsed to the value it was displayed from.
        #[test]
        fn rates_round_trip(number in 1_u32.., per in prop::sample::select(vec![1, 60, 3600])) {
            let count = NonZeroU32::new(number).expect("not zero");
            let expected = Rate { count, per: Duration::from_secs(per) };
            prop_assert_eq!(expected.to_string().parse(), Ok(expected));
        }
    }
}
