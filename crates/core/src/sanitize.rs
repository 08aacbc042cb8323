//! The one way for a peer's bytes to reach a terminal or a log.

use std::fmt::{self, Write};

/// Bytes from a peer, shown so that they cannot act on a terminal or forge a line.
///
/// Control characters (C0 except tab, DEL, C1), line and paragraph separators and invisible
/// formatting characters (Unicode category Cf, among them all that turn the direction of writing)
/// are shown as escapes, and bytes that are not UTF-8 as `\xNN`. Everything else is left as it is.
/// The joiners U+200C and U+200D pass: many scripts and emoji are written with them, and they
/// neither move nor hide what stands beside them.
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
                    _ if acts(character) => write!(f, "\\u{{{:x}}}", u32::from(character))?,
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
    /// Whether a character does something to the text around it, or to a terminal, rather than being
    /// seen itself. Blanks and tabs do not.
    #[must_use]
    pub fn acts(character: char) -> bool {
        (character.is_control() && character != '\t') || acts(character)
    }
}

/// Whether a character beyond ASCII does something to the text around it rather than being seen
/// itself.
fn acts(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' // C1 and the separators; the rest is Cf of Unicode 16
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
    fn what_acts_is_made_visible() {
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
        fn nothing_that_acts_passes(bytes: Vec<u8>) {
            let shown = Sanitized(&bytes).to_string();
            prop_assert!(!shown.chars().any(|c| (c.is_control() && c != '\t') || acts(c)));
        }
    }
}
