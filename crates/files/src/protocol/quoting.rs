//! The words of a line: bare, or quoted where they have to be.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str;

use switchboard_core::Sanitized;

/// Bytes as one word of a line: bare where they can be, else quoted, with escapes for what is no
/// UTF-8 and for what would act on a terminal.
///
/// ```
/// use switchboard_files::Quoted;
///
/// assert_eq!(Quoted(b"notes.txt").to_string(), "notes.txt");
/// assert_eq!(Quoted(b"my notes\n").to_string(), r#""my notes\n""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

/// The words of a line, which are separated by blanks; nothing follows an error.
#[derive(Clone, Debug)]
pub struct Words<'a>(&'a [u8]);

/// Why a line is not made of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotingError {
    /// A control character stands for itself.
    #[error("control characters are written as escapes, between quotes")]
    Control,
    /// A quote in the middle of a word.
    #[error("a quote stands at the beginning of a word, and at its end")]
    Quote,
    /// A quoted word has no end.
    #[error("a quote is missing at the end")]
    Unclosed,
    /// An escape that is none.
    #[error(r#"the escapes are \\ \" \n \r \t and \x with two digits"#)]
    Escape,
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bare) = self.bare() {
            return f.write_str(bare);
        }
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => write!(f, "\\{character}")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    _ if is_plain(character) => f.write_char(character)?,
                    _ => escape(f, character.encode_utf8(&mut [0; 4]).as_bytes())?,
                }
            }
            escape(f, chunk.invalid())?;
        }
        f.write_char('"')
    }
}

impl Quoted<'_> {
    /// It as it is, if it needs no quotes.
    fn bare(&self) -> Option<&str> {
        let text = str::from_utf8(self.0).ok()?;
        let is_bare = |character| is_plain(character) && !matches!(character, ' ' | '"');
        (!text.is_empty() && text.chars().all(is_bare)).then_some(text)
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Whether a character is seen, and does nothing else.
fn is_plain(character: char) -> bool {
    !character.is_control() && !Sanitized::acts(character)
}

impl<'a> Words<'a> {
    /// Of this line.
    #[must_use]
    pub fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    /// What was not cut yet, without blanks in front.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        let blanks = self.0.iter().take_while(|&&byte| byte == b' ').count();
        &self.0[blanks..]
    }

    /// Cuts up to the next blank.
    fn bare(&mut self) -> Result<Cow<'a, [u8]>, QuotingError> {
        let length = self.0.iter().position(|&byte| byte == b' ');
        let (word, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
        self.0 = rest;
        if word.iter().any(u8::is_ascii_control) {
            return Err(QuotingError::Control);
        }
        if word.contains(&b'"') {
            return Err(QuotingError::Quote);
        }
        Ok(Cow::Borrowed(word))
    }

    /// Cuts up to the closing quote; the opening one is cut already.
    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, QuotingError> {
        let mut word = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(QuotingError::Unclosed)?;
            self.0 = rest;
            match byte {
                b'"' if matches!(rest, [] | [b' ', ..]) => return Ok(Cow::Owned(word)),
                b'"' => return Err(QuotingError::Quote),
                b'\\' => word.push(self.escaped()?),
                byte if byte.is_ascii_control() => return Err(QuotingError::Control),
                byte => word.push(byte),
            }
        }
    }

    /// Cuts an escape, behind its backslash.
    fn escaped(&mut self) -> Result<u8, QuotingError> {
        let (byte, rest) = match *self.0 {
            [byte @ (b'\\' | b'"'), ref rest @ ..] => (byte, rest),
            [b'n', ref rest @ ..] => (b'\n', rest),
            [b'r', ref rest @ ..] => (b'\r', rest),
            [b't', ref rest @ ..] => (b'\t', rest),
            [b'x', high, low, ref rest @ ..] => {
                let digit = |byte| char::from(byte).to_digit(16).ok_or(QuotingError::Escape);
                let byte = digit(high)? * 16 + digit(low)?;
                (u8::try_from(byte).map_err(|_| QuotingError::Escape)?, rest)
            }
            [] => return Err(QuotingError::Unclosed),
            _ => return Err(QuotingError::Escape),
        };
        self.0 = rest;
        Ok(byte)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Result<Cow<'a, [u8]>, QuotingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.rest();
        let word = match self.0 {
            [] => return None,
            [b'"', rest @ ..] => {
                self.0 = rest;
                self.quoted()
            }
            _ => self.bare(),
        };
        if word.is_err() {
            self.0 = b"";
        }
        Some(word)
    }
}

/// A number in decimal digits, and nothing else.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(word).ok()?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits) // `parse` would take a sign
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &[u8]) -> Result<Vec<Vec<u8>>, QuotingError> {
        let words = Words::new(line).map(|word| word.map(Cow::into_owned));
        words.collect()
    }

    #[track_caller]
    fn check_written(word: &[u8], written: &str) {
        assert_eq!(Quoted(word).to_string(), written);
    }

    #[track_caller]
    fn check_read(line: &str, words: &[&[u8]]) {
        let words = words.iter().map(|word| word.to_vec()).collect();
        assert_eq!(read(line.as_bytes()), Ok(words));
    }

    #[test]
    fn a_word_is_quoted_where_it_has_to_be() {
        check_written(b"notes.txt", "notes.txt");
        check_written(b"a\\b'c", "a\\b'c");
        check_written("Grüße-你好".as_bytes(), "Grüße-你好");
        check_written(b"", r#""""#);
        check_written(b"my notes", r#""my notes""#);
        check_written(b"say \"\\\"", r#""say \"\\\"""#);
        check_written(b"\"", r#""\"""#);
        check_written(b"a\r\n\tb", r#""a\r\n\tb""#);
        check_written(b"\x1b[2J\x7f", r#""\x1b[2J\x7f""#);
        check_written(b"caf\xe9", r#""caf\xe9""#);
        check_written("\u{202e}\u{9b}".as_bytes(), r#""\xe2\x80\xae\xc2\x9b""#);
    }

    #[test]
    fn words_are_read() {
        check_read("", &[]);
        check_read("  GET  a.txt 5 ", &[b"GET", b"a.txt", b"5"]);
        check_read(r#"GET "a b" c"#, &[b"GET", b"a b", b"c"]);
        check_read(r#""\\\"\n\r\t\x00\xfF""#, &[b"\\\"\n\r\t\0\xff"]);
        check_read(r#""" a\b"#, &[b"", b"a\\b"]);
        for (line, why) in [
            ("a\tb", QuotingError::Control),
            ("\"a\x7f\"", QuotingError::Control),
            ("a\"b", QuotingError::Quote),
            ("\"a\"b", QuotingError::Quote),
            ("\"a", QuotingError::Unclosed),
            ("\"a\\", QuotingError::Unclosed),
            ("\"\\a\"", QuotingError::Escape),
            ("\"\\x1\"", QuotingError::Escape),
            ("\"\\x+1\"", QuotingError::Escape),
            ("\"\\x", QuotingError::Escape),
        ] {
            assert_eq!(read(line.as_bytes()), Err(why), "{line}");
        }
        assert_eq!(Words::new(b"\"\\a b\" c").count(), 1);
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"0012"), Some(12));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "+1", "-1", "1.5", "0x1", " 1", "18446744073709551616"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_printable(words: Vec<Vec<u8>>) {
            let written: Vec<_> = words.iter().map(|word| Quoted(word).to_string()).collect();
            let line = written.join(" ");
            prop_assert_eq!(read(line.as_bytes()), Ok(words));
            prop_assert_eq!(Sanitized(line.as_bytes()).to_string(), line);
        }

        #[test]
        fn any_line_is_read_or_refused(line: Vec<u8>) {
            let words = Words::new(&line).count();
            prop_assert!(words <= line.len());
        }
    }
}
