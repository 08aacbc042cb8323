//! Splits a script into parentheses, numbers and words.

use crate::engine::doctor1966::charset::{Letter, letter};
use crate::problem::ENDS_OF_LINE;

/// A token and its byte range in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Equals,
    /// A number, at most `usize::MAX`.
    Number(usize),
    /// A word, in the character set of input lines.
    Word(String),
    /// The end of the script.
    End,
}

/// An iterator over the tokens of a text.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The tokens from byte `at` on, which must be the start of a token.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The next token; at the end of the text always `End`.
    pub(super) fn next(&mut self) -> Token {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.text[start..];
        let mark = |kind| (kind, 1);
        let (kind, length) = match rest.bytes().next() {
            None => (Kind::End, 0),
            Some(b'(') => mark(Kind::Open),
            Some(b')') => mark(Kind::Close),
            Some(b'=') => mark(Kind::Equals),
            Some(b'0'..=b'9') => {
                let is_digit = |character: char| character.is_ascii_digit();
                let digits = rest.len() - rest.trim_start_matches(is_digit).len();
                // Parsing fails only on overflow.
                (
                    Kind::Number(rest[..digits].parse().unwrap_or(usize::MAX)),
                    digits,
                )
            }
            Some(_) => word(rest),
        };
        self.at += length;
        Token {
            kind,
            start,
            end: self.at,
        }
    }

    /// Skips white space, what is read as such, and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let words = rest.trim_start_matches(is_blank);
            self.at += rest.len() - words.len();
            if !words.starts_with(';') {
                return;
            }
            self.at += words.find(ENDS_OF_LINE).unwrap_or(words.len());
        }
    }
}

/// The word at the start of the text, and its length.
fn word(text: &str) -> (Kind, usize) {
    let ends = |character| matches!(character, '(' | ')' | '=' | ';') || is_blank(character);
    let length = text.find(ends).unwrap_or(text.len());
    let mut word = String::with_capacity(length);
    for character in text[..length].chars() {
        match letter(character) {
            Letter::Is(letter) => word.push(letter),
            Letter::Are(letters) => word.push_str(letters),
            Letter::Blank => unreachable!("a blank ends the word"),
        }
    }
    (Kind::Word(word), length)
}

fn is_blank(character: char) -> bool {
    letter(character) == Letter::Blank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut tokens = Tokens::new(text, 0);
        let mut shown = Vec::new();
        loop {
            let token = tokens.next();
            shown.push(match token.kind {
                Kind::Open => "(".to_owned(),
                Kind::Close => ")".to_owned(),
                Kind::Equals => "=".to_owned(),
                Kind::Number(number) => format!("#{number}"),
                Kind::Word(word) => word,
                Kind::End => break,
            });
        }
        assert_eq!(shown.join(" "), expected, "{text:?}");
    }

    #[test]
    fn words_numbers_and_marks_are_distinguished() {
        check("", "");
        check("(K2=KEY)", "( K2 = KEY )");
        check("(= what)(=Why)", "( = WHAT ) ( = WHY )");
        check("4th 0 007 12(3", "#4 TH #0 #7 #12 ( #3");
        check("A ; note (\nB;more\rC", "A B C");
        check(
            "DLIST(/NOUN FAMILY)(*SAD GLAD )",
            "DLIST ( /NOUN FAMILY ) ( *SAD GLAD )",
        );
        check("really, don’t - '4' ' 4 '", "REALLY, DON'T - '4' ' #4 '");
        check("why? \"yes\" straße", "WHY. YES STRASSE");
        check("99999999999999999999999", &format!("#{}", usize::MAX));
        check("a\x7fb\u{1}c\u{2003}d", "A B C D");
        check(";", "");
    }
}
