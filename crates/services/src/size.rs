//! How much something may be, as a word of the command line.

/// A number of bytes, also in units of 1024 (`k`), of 1024 of those (`M`), and so on (`G`, `T`).
pub(crate) fn size(words: &str) -> Result<u64, &'static str> {
    let digits = words.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit: u64 = match &words[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(USAGE),
    };
    let count = digits.parse().ok().filter(|_| !words.starts_with('+'));
    count
        .and_then(|count: u64| count.checked_mul(unit))
        .ok_or(USAGE)
}

const USAGE: &str = "a size is a whole number of bytes, such as 5000, 64k, 100M or 2G";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("5000"), Ok(5000));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("2G"), Ok(1 << 31));
        assert_eq!(size("1T"), Ok(1 << 40));
        for wrong in [
            "",
            "k",
            "-1",
            "+1",
            "1.5M",
            "1 k",
            "1kb",
            "1MiB",
            "17000000T",
            "é",
            "1é",
        ] {
            assert_eq!(size(wrong), Err(USAGE), "{wrong}");
        }
    }
}
