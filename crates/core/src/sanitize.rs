//! Makes bytes from a peer safe to write to a terminal or a log. All of them pass through here.

use std::fmt::{self, Write};

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
                    '\0'..' ' | '\x7f' if character != '\t' => {
                        write!(f, "\\x{:02x}", u32::from(character))?
                    }
                    _ if is_format(character) => write!(f, "\\u{{{:x}}}", u32::from(character))?,
                    _ => f.write_char(character)?,
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
        (character.is_control() && character != '\t') || is_format(character)
    }
}

/// Whether a character beyond ASCII is a control or formatting character, or a separator of lines.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' // C1 and the separators; the rest is category Cf of Unicode 16
        | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}')
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

    proptest! {
        #[test]
        fn no_character_that_must_be_escaped_remains(bytes: Vec<u8>) {
            let shown = Sanitized(&bytes).to_string();
            prop_assert!(!shown.chars().any(Sanitized::escapes));
        }
    }
}
