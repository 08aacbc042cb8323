//! Invisible characters in bytes from a peer: safe to write to a terminal or a log, or removed.

use std::borrow::Cow;
use std::fmt::{self, Write};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Bytes from a peer. Their text form cannot control a terminal or forge a line of a log.
///
/// Control characters (C0 except tab, DEL, C1), line and paragraph separators and invisible
/// formatting characters (Unicode category Cf, which includes all that change the direction of text)
/// are escaped, and bytes that are not UTF-8 are shown as `\xNN`. Everything else is unchanged. The
/// joiners U+200C and U+200D are not escaped: many scripts and emoji need them, and they neither move
/// nor hide other characters.
///
/// ```
/// use switchboard_core::Sanitized;
/// assert_eq!(Sanitized(b"\x1b[31mred\r\n").to_string(), r"\x1b[31mred\r\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sanitized<'a>(pub &'a [u8]);

impl fmt::Display for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    _ if !Self::escapes(character) => f.write_char(character)?,
                    _ if character.is_ascii() => write!(f, "\\x{:02x}", u32::from(character))?,
                    _ => write!(f, "\\u{{{:x}}}", u32::from(character))?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Sanitized<'_> {
    /// Whether a character is escaped: it is not visible itself, but changes the text around it or
    /// controls a terminal. Spaces and tabs are not escaped.
    #[must_use]
    pub fn escapes(character: char) -> bool {
        match character {
            '\t' | '\u{200c}' | '\u{200d}' => false,
            _ if character.is_ascii() => character.is_control(), // most are: no table look-up
            _ => matches!(
                character.general_category(),
                GeneralCategory::Control
                    | GeneralCategory::Format
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
            ),
        }
    }
}

/// Removes the characters without a width that come with copied text: the zero-width space, the word
/// joiner, the soft hyphen and the byte-order mark. A service compares a command with the rest.
///
/// ```
/// use switchboard_core::without_zero_width;
/// assert_eq!(*without_zero_width("\u{200b}qu\u{ad}it".as_bytes()), *b"quit");
/// ```
#[must_use]
pub fn without_zero_width(text: &[u8]) -> Cow<'_, [u8]> {
    let has_width = |c: char| !['\u{200b}', '\u{2060}', '\u{ad}', '\u{feff}'].contains(&c);
    let mut chunks = text.utf8_chunks();
    if text.is_ascii() || chunks.all(|chunk| chunk.valid().chars().all(has_width)) {
        return Cow::Borrowed(text);
    }
    let mut kept = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let visible: String = chunk.valid().chars().filter(|&c| has_width(c)).collect();
        kept.extend_from_slice(visible.as_bytes());
        kept.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], shown: &str) {
        assert_eq!(Sanitized(bytes).to_string(), shown);
    }

    #[test]
    fn characters_without_a_glyph_are_escaped() {
        check(b"plain text", "plain text");
        check(b"tab\tstays", "tab\tstays");
        check(
            "Grüße, 你好 👩\u{200d}🚀".as_bytes(),
            "Grüße, 你好 👩\u{200d}🚀",
        );
        check(b"\x1b]0;title\x07", "\\x1b]0;title\\x07");
        check(b"\0\x7f", "\\x00\\x7f");
        check("\u{9b}31m".as_bytes(), "\\u{9b}31m");
        check("\u{202e}evil\u{2028}".as_bytes(), "\\u{202e}evil\\u{2028}");
        check(b"\xff\xfe\x9b", "\\xff\\xfe\\x9b");
    }

    #[test]
    fn every_character_that_changes_the_text_around_it_is_escaped() {
        let bidirectional = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let tags = '\u{e0020}'..='\u{e007f}';
        let controls = ('\0'..='\x1f').chain('\x7f'..='\u{9f}');
        let others =
            "\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{2060}\u{feff}";
        let all = bidirectional
            .chain(tags)
            .chain(controls)
            .chain(others.chars());
        assert!(all.filter(|&c| c != '\t').all(Sanitized::escapes));
        assert!(!"\t a\u{a0}\u{3000}\u{200c}\u{200d}".contains(Sanitized::escapes));
    }

    #[test]
    fn characters_without_a_width_are_removed() {
        let all = "\u{feff}a\u{200b}b\u{2060}c\u{ad}\u{200d}é\u{feff}".as_bytes();
        let kept = "abc\u{200d}é".as_bytes();
        assert_eq!(*without_zero_width(all), *kept);
        for text in [kept, b"plain", b"", b"\xff\xe2\x80\xef\xbb"] {
            assert!(matches!(without_zero_width(text), Cow::Borrowed(same) if same == text));
        }
        let broken = [b"\xff\xe2\x80", all, b"\xef\xbb"].concat();
        assert_eq!(
            *without_zero_width(&broken),
            *[b"\xff\xe2\x80", kept, b"\xef\xbb"].concat()
        );
    }

    proptest! {
        #[test]
        fn no_character_that_must_be_escaped_remains(bytes: Vec<u8>) {
            let shown = Sanitized(&bytes).to_string();
            prop_assert!(!shown.chars().any(Sanitized::escapes));
        }
    }
}
