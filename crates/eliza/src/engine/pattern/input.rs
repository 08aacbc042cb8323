//! An input line, normalized and split into sentences.

use std::borrow::Cow;
use std::mem;

use crate::chars::is_blank;
use crate::engine::pattern::language::Language;
use crate::engine::pattern::normalize::Folded;

/// A line in normalized spelling.
#[derive(Debug)]
pub(crate) struct Input {
    text: String,
    language: &'static dyn Language,
}

/// A sentence of a line, without punctuation at its ends.
#[derive(Debug)]
pub(crate) struct Sentence<'a> {
    pub(crate) text: &'a str,
    pub(crate) folded: Folded,
    pub(crate) is_question: bool,
}

impl Input {
    /// Normalizes the first [`MAX_BYTES`] of a line: white space, control characters and U+FFFD
    /// become single spaces, typographic apostrophes become ASCII ones, spelling is corrected,
    /// "..." ends a sentence, and a line in capitals becomes lower case.
    pub(crate) fn new(line: &str, language: &'static dyn Language) -> Self {
        let line = line.trim_start_matches(is_separator);
        let mut text = String::new();
        let mut line = with_ascii_apostrophes(&line[..line.floor_char_boundary(MAX_BYTES)]);
        if line.contains("...") {
            line = line.replace("...", "… ").into();
        }
        for word in line.split(is_separator) {
            if !text.is_empty() && !word.is_empty() {
                text.push(' ');
            }
            text.push_str(&language.correct_spelling(word));
        }
        if is_all_capitals(&text) {
            text = text.to_lowercase();
        }
        Self { text, language }
    }

    /// The non-empty sentences in order, without openings and closings. A clause after a comma is a
    /// sentence of its own: "he is horrible" in "I hate him, he is horrible".
    pub(crate) fn sentences(&self) -> impl Iterator<Item = Sentence<'_>> {
        let language = self.language;
        let ends = move |before: &str, _: &str| ends_sentence(language, before);
        let clauses = split_at_spaces(&self.text, ends).flat_map(move |sentence| {
            let words = trimmed(sentence);
            let marks = &sentence[sentence.trim_end_matches(MARKS).len()..];
            let is_question = marks.contains('?');
            let begins = |before: &str, after: &str| language.begins_clause(before, after);
            let clauses = split_at_spaces(language.without_tail(words), begins);
            clauses.map(move |clause| (language.without_head(trimmed(clause)), is_question))
        });
        let saying = clauses.filter(|(text, _)| !text.is_empty());
        saying.map(|(text, is_question)| Sentence {
            text,
            folded: Folded::new(text),
            is_question,
        })
    }

    /// The whole line folded, without punctuation at its ends.
    pub(crate) fn folded_line(&self) -> Folded {
        Folded::new(self.text.trim_matches(MARKS))
    }
}

/// `text` with ASCII apostrophes.
pub(crate) fn with_ascii_apostrophes(text: &str) -> Cow<'_, str> {
    if text.contains(APOSTROPHES) {
        text.replace(APOSTROPHES, "'").into()
    } else {
        text.into()
    }
}

/// Splits `text` at each space for which `cuts`, given the text before and after it, is true.
fn split_at_spaces<'a>(
    text: &'a str,
    cuts: impl Fn(&str, &str) -> bool + 'a,
) -> impl Iterator<Item = &'a str> {
    let spaces = (0..text.len()).filter(|&at| text.as_bytes()[at] == b' ');
    let ends = spaces.filter(move |&at| cuts(&text[..at], &text[at + 1..]));
    let mut start = 0;
    ends.chain([text.len()])
        .map(move |end| &text[mem::replace(&mut start, end + 1)..end])
}

/// A sentence ends at a mark before a space, so `3.5` stays whole; not after an abbreviation.
fn ends_sentence(language: &dyn Language, before: &str) -> bool {
    let word = || before.rsplit(' ').next().unwrap_or_default();
    before.ends_with(MARKS) && !language.is_abbreviation(word())
}

/// Whether it has at least two words, some capitals and no lower case letter.
fn is_all_capitals(text: &str) -> bool {
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    !text.chars().any(char::is_lowercase)
        && text.contains(' ')
        && letters().nth(1).is_some()
        && letters().any(char::is_uppercase)
}

fn is_separator(c: char) -> bool {
    is_blank(c) || c == char::REPLACEMENT_CHARACTER
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| MARKS.contains(&c) || PUNCTUATION.contains(c))
}

/// What may surround the words of a sentence or of a part.
pub(crate) const PUNCTUATION: &str = " ,:;-–—\"“”()[]{}";
const MARKS: &[char] = &['.', '!', '?', ';', '…', ' '];
const APOSTROPHES: &[char] = &['’', '‘', 'ʼ', '`', '´'];
const MAX_BYTES: usize = 2000; // much longer than people type, and cheap for any pattern

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pattern::english::English;

    #[track_caller]
    fn check(line: &str, sentences: &[(&str, bool)]) {
        let input = Input::new(line, &English);
        let found: Vec<_> = input
            .sentences()
            .map(|sentence| (sentence.text, sentence.is_question))
            .collect();
        assert_eq!(found, sentences);
    }

    #[test]
    fn a_line_is_split_into_sentences() {
        check("I need help!?", &[("I need help", true)]);
        check("  I need\thelp . . . ", &[("I need help", false)]);
        check(
            "Really? Yes! It costs 3.5 euros.",
            &[
                ("Really", true),
                ("Yes", false),
                ("It costs 3.5 euros", false),
            ],
        );
        check("...you?", &[("you", true)]);
        check("I\0am \x1b[31mred", &[("I am [31mred", false)]);
        check("\u{fffd}\u{fffd} I need", &[("I need", false)]);
        check("\"I am sad :)\"", &[("I am sad", false)]);
        check(
            "I need you...or not",
            &[("I need you", false), ("or not", false)],
        );
        check("I met Mr. Smith.", &[("I met Mr. Smith", false)]);
        check("", &[]);
        check(" ?! … ", &[]);
    }

    #[test]
    fn a_new_clause_is_split_off() {
        check(
            "I can't stand my boss, he is horrible",
            &[("I can't stand my boss", false), ("he is horrible", false)],
        );
        check(
            "Hello, I am ill, and my boss is angry!",
            &[
                ("Hello", false),
                ("I am ill", false),
                ("my boss is angry", false),
            ],
        );
        check(
            "I miss my cat, my dog and him",
            &[("I miss my cat, my dog and him", false)],
        );
        check(
            "I love Peter, Anna, and you",
            &[("I love Peter, Anna, and you", false)],
        );
        check("You like me, don't you?", &[("You like me", true)]);
        check(
            "I'm proud of her but I don't want to leave",
            &[
                ("I'm proud of her", false),
                ("I don't want to leave", false),
            ],
        );
        check("anything but you", &[("anything but you", false)]);
    }

    #[test]
    fn spelling_is_normalized() {
        check("don’t", &[("don't", false)]);
        check("I cant, DONT.", &[("I can't, don't", false)]);
        check("cantor", &[("cantor", false)]);
        check("I cannot", &[("I can't", false)]);
    }

    #[test]
    fn lines_in_capitals_become_lower_case() {
        check("HELP ME!", &[("help me", false)]);
        check(
            "I AM NOT FINE. OK?",
            &[("i am not fine", false), ("ok", true)],
        );
        check("I love the USA", &[("I love the USA", false)]);
        check("STOP", &[("STOP", false)]);
        check("我 我", &[("我 我", false)]);
    }

    #[test]
    fn a_long_line_is_cut() {
        for endless in ["word ".repeat(100_000), "a".repeat(3000), "我".repeat(3000)] {
            let input = Input::new(&endless, &English);
            assert!((MAX_BYTES - 3..=MAX_BYTES).contains(&input.text.len()));
            assert_eq!(input.sentences().count(), 1);
        }
        assert_eq!(
            Input::new(&(" ".repeat(5000) + "yes"), &English).text,
            "yes"
        );
    }
}
