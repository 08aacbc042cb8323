//! Arguments of a line: bare, or between quotes where they have to be.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::str;

use switchboard_core::Sanitized;

use crate::name::Name;

/// Displays bytes as one word of a line: bare where possible, else between quotes, with escapes for
/// invalid UTF-8 and for characters that act on a terminal.
///
/// ```
/// use switchboard_files::Quoted;
///
/// assert_eq!(Quoted(b"notes.txt").to_string(), "notes.txt");
/// assert_eq!(Quoted(b"my notes\n").to_string(), r#""my notes\n""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

/// Iterates over the words of a line, which are separated by spaces. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Words<'a>(&'a [u8]);

/// Why a line cannot be split into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotingError {
    /// A control character that is not escaped.
    #[error("control characters must be written as escapes, between quotes")]
    Control,
    /// A quote in the middle of a word.
    #[error("quotes are allowed only around a whole word")]
    Quote,
    /// The closing quote is missing.
    #[error("the closing quote is missing")]
    Unclosed,
    /// An unknown escape.
    #[error(r#"the escapes are \\ \" \n \r \t and \x with two digits"#)]
    Escape,
}

impl<'a> From<&'a Name> for Quoted<'a> {
    /// The folder itself is displayed as `/`.
    fn from(name: &'a Name) -> Self {
        Self(if name.is_root() {
            b"/"
        } else {
            name.as_path().as_os_str().as_bytes()
        })
    }
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
    /// The bytes as they are, if they need no quotes.
    fn bare(&self) -> Option<&str> {
        let text = str::from_utf8(self.0).ok()?;
        let is_bare = |character| is_plain(character) && !matches!(character, ' ' | '"');
        (!text.is_empty() && text.chars().all(is_bare)).then_some(text)
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Whether a character is visible and does not act on a terminal.
fn is_plain(character: char) -> bool {
    !character.is_control() && !Sanitized::escapes(character)
}

impl<'a> Words<'a> {
    /// The words of `line`.
    #[must_use]
    pub fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    /// The words of `line`, if it has exactly `N`.
    pub(super) fn parse<const N: usize>(line: &'a [u8]) -> Option<[Cow<'a, [u8]>; N]> {
        let words = Self::new(line).collect::<Result<Vec<_>, _>>().ok()?;
        words.try_into().ok()
    }

    /// The rest of the line, without leading spaces.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        let spaces = self.0.iter().take_while(|&&byte| byte == b' ').count();
        &self.0[spaces..]
    }

    /// Takes a word up to the next space.
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

    /// Takes a word up to its closing quote. The opening one has been taken.
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

    /// Takes an escape, behind its backslash.
    fn escaped(&mut self) -> Result<u8, QuotingError> {
        let (byte, rest) = match *self.0 {
            [byte @ (b'\\' | b'"'), ref rest @ ..] => (byte, rest),
            [b'n', ref rest @ ..] => (b'\n', rest),
            [b'r', ref rest @ ..] => (b'\r', rest),
            [b't', ref rest @ ..] => (b'\t', rest),
            [b'x', high, low, ref rest @ ..] => {
                let mut byte = [0];
                base16ct::mixed::decode([high, low], &mut byte)
                    .map_err(|_| QuotingError::Escape)?;
                (byte[0], rest)
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

/// Parses a decimal number: digits and nothing else, no sign.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    let all_digits = word.iter().all(u8::is_ascii_digit); // `parse` would accept a sign
    str::from_utf8(word)
        .ok()?
        .parse()
        .ok()
        .filter(|_| all_digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &[u8]) -> Result<Vec<Vec<u8>>, QuotingError> {
        let words = Words::new(line).map(|word| word.map(Cow::into_owned));
        words.collect()
    }

    #[track_caller]
    fn check_written(word: &[u8], written: &str) {
        assert_eq!(Quoted(word).to_string(), written);
    }

    #[track_caller]
    fn check_parsed(line: &str, words: &[&[u8]]) {
        let words = words.iter().map(|word| word.to_vec()).collect();
        assert_eq!(parse(line.as_bytes()), Ok(words));
    }

    #[test]
    fn a_word_is_quoted_where_necessary() {
        check_written(b"notes.txt", "notes.txt");
        check_written(b"a\\b'c", "a\\b'c");
        check_written("Grüße-你好".as_bytes(), "Grüße-你好");
        check_written(b"", r#""""#);
        assert_eq!(Quoted::from(&Name::root()).to_string(), "/");
        check_written(b"my notes", r#""my notes""#);
        check_written(b"say \"\\\"", r#""say \"\\\"""#);
        check_written(b"\"", r#""\"""#);
        check_written(b"a\r\n\tb", r#""a\r\n\tb""#);
        check_written(b"\x1b[2J\x7f", r#""\x1b[2J\x7f""#);
        check_written(b"caf\xe9", r#""caf\xe9""#);
        check_written("\u{202e}\u{9b}".as_bytes(), r#""\xe2\x80\xae\xc2\x9b""#);
    }

    #[test]
    fn words_are_parsed() {
        check_parsed("", &[]);
        check_parsed("  GET  a.txt 5 ", &[b"GET", b"a.txt", b"5"]);
        check_parsed(r#"GET "a b" c"#, &[b"GET", b"a b", b"c"]);
        check_parsed(r#""\\\"\n\r\t\x00\xfF""#, &[b"\\\"\n\r\t\0\xff"]);
        check_parsed(r#""" a\b"#, &[b"", b"a\\b"]);
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
            assert_eq!(parse(line.as_bytes()), Err(why), "{line}");
        }
        assert_eq!(Words::new(b"\"\\a b\" c").count(), 1);
    }

    #[test]
    fn numbers_have_only_digits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"0012"), Some(12));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "+1", "-1", "1.5", "0x1", " 1", "18446744073709551616"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn written_words_parse_and_are_printable(words: Vec<Vec<u8>>) {
            let written: Vec<_> = words.iter().map(|word| Quoted(word).to_string()).collect();
            let line = written.join(" ");
            prop_assert_eq!(parse(line.as_bytes()), Ok(words));
            prop_assert_eq!(Sanitized(line.as_bytes()).to_string(), line);
        }

        #[test]
        fn any_line_is_parsed_or_refused(line: Vec<u8>) {
            let words = Words::new(&line).count();
            prop_assert!(words <= line.len());
        }
    }
}
