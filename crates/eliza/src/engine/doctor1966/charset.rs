//! The character set of the program: that of a line printer, with modern characters mapped to it.

use crate::chars::is_blank;
use crate::interner::{Id, LineInterner};

/// How a character is read, in input and in scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    /// It separates words.
    Blank,
    /// It is read as this character.
    Is(char),
    /// It is read as these characters.
    Are(&'static str),
}

/// How `letter` is read: in upper case, with a few punctuation marks.
pub(super) fn letter(letter: char) -> Letter {
    if letter.is_ascii() {
        return ascii(letter);
    }
    Letter::Is(match letter {
        '\u{2018}' | '\u{201a}'..='\u{201f}' | '«' | '»' | '‹' | '›' | '¡' | '¿' => {
            return Letter::Blank;
        }
        '\u{2019}' => '\'',
        '\u{2013}' | '\u{2014}' => ',',
        'ß' => return Letter::Are("SS"),
        'ﬀ' => return Letter::Are("FF"),
        'ﬁ' => return Letter::Are("FI"),
        'ﬂ' => return Letter::Are("FL"),
        'ﬃ' => return Letter::Are("FFI"),
        'ﬄ' => return Letter::Are("FFL"),
        'ﬅ' | 'ﬆ' => return Letter::Are("ST"),
        // Characters that act on a terminal must not appear in a reply.
        _ if is_blank(letter) => return Letter::Blank,
        _ => {
            let mut upper = letter.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(upper), None) => upper,
                _ => letter,
            }
        }
    })
}

fn ascii(letter: char) -> Letter {
    Letter::Is(match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        '!' | '?' => '.',
        ':' | ';' => ',',
        '\0'..=' ' | '\x7f' | '`' | '"' => return Letter::Blank,
        _ => letter,
    })
}

/// The words of a line, up to [`MAX_LINE_BYTES`] and [`MAX_WORDS`]. A comma and a full stop are
/// words of their own. Nothing else is split off.
pub(super) fn words(line: &str, interner: &mut LineInterner<'_>) -> Vec<Id> {
    let line = &line[..line.floor_char_boundary(MAX_LINE_BYTES)];
    let mut words = Vec::with_capacity(16);
    let mut word = String::with_capacity(16);
    for character in line.chars() {
        match letter(character) {
            Letter::Is(mark @ (',' | '.')) => {
                end_word(&mut word, &mut words, interner);
                words.push(interner.id(mark.encode_utf8(&mut [0; 4])));
            }
            Letter::Is(letter) => word.push(letter),
            Letter::Are(letters) => word.push_str(letters),
            Letter::Blank => end_word(&mut word, &mut words, interner),
        }
        if MAX_WORDS <= words.len() {
            words.truncate(MAX_WORDS);
            return words;
        }
    }
    end_word(&mut word, &mut words, interner);
    words
}

fn end_word(word: &mut String, words: &mut Vec<Id>, interner: &mut LineInterner<'_>) {
    if !word.is_empty() {
        words.push(interner.id(word));
        word.clear();
    }
}

/// The rest of a longer line is ignored. A teletype's line had 72 characters; a server may be
/// configured to accept much longer lines.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024;

/// The maximum number of words, in input or after a rewrite: a few pages, or a long Turing tape.
/// Matching a pattern may take the square of it.
pub(super) const MAX_WORDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interner::Interner;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let vocabulary = Interner::default();
        let mut interner = LineInterner::new(&vocabulary);
        let words = words(line, &mut interner);
        let words: Vec<_> = words.into_iter().map(|id| interner.text(id)).collect();
        assert_eq!(words, expected, "{line:?}");
    }

    #[test]
    fn lines_are_read_in_upper_case_with_separate_marks() {
        check("", &[]);
        check(" \t\r\n\u{a0}\u{2003}\x0b\x0c ", &[]);
        check(
            "I am\there\u{a0}now\u{3000}too",
            &["I", "AM", "HERE", "NOW", "TOO"],
        );
        check(
            "Yes,no. So?Oh!",
            &["YES", ",", "NO", ".", "SO", ".", "OH", "."],
        );
        check(
            "a:b;c – d—e",
            &["A", ",", "B", ",", "C", ",", "D", ",", "E"],
        );
        check(
            "don’t o'clock well-known (hi) a/b *",
            &["DON'T", "O'CLOCK", "WELL-KNOWN", "(HI)", "A/B", "*"],
        );
        check(
            "\"He\" said “no” ‘x‘ `y` «z» ‹w› ¿que?",
            &["HE", "SAID", "NO", "X", "Y", "Z", "W", "QUE", "."],
        );
        check(
            "straße ﬁn oﬀ ﬂy ﬃ ﬄ ﬅ ﬆ",
            &["STRASSE", "FIN", "OFF", "FLY", "FFI", "FFL", "ST", "ST"],
        );
        check("äöü éß ŉ ψ я", &["ÄÖÜ", "ÉSS", "ŉ", "Ψ", "Я"]);
        check(
            "a\u{1b}[31mb \u{fffd}c\0d\x7fe\u{85}f",
            &["A", "[31MB", "\u{fffd}C", "D", "E", "F"],
        );
        check("...", &[".", ".", "."]);
    }

    #[test]
    fn long_lines_are_cut() {
        let vocabulary = Interner::default();
        let count = |line: &str| words(line, &mut LineInterner::new(&vocabulary)).len();
        assert_eq!(count(&"a ".repeat(MAX_WORDS - 1)), MAX_WORDS - 1);
        assert_eq!(count(&"a ".repeat(3 * MAX_WORDS)), MAX_WORDS);
        assert_eq!(count(&"a,".repeat(3 * MAX_WORDS)), MAX_WORDS);
        let mut interner = LineInterner::new(&vocabulary);
        let long = words(&"ä".repeat(MAX_LINE_BYTES), &mut interner);
        assert_eq!(interner.text(long[0]).len(), MAX_LINE_BYTES);
        assert_eq!(long.len(), 1);
    }
}
