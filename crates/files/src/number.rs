//! Numbers of the protocol.

/// A number in decimal digits, and nothing else.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(word).ok()?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits) // `parse` would take a sign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"0012"), Some(12));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "+1", "-1", "1.5", "0x1", " 1", "18446744073709551616"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
