//! Reply templates, as in `reasmb:` lines.

use crate::chars::is_blank;

/// A reply of a pattern.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) source: String,
    pub(crate) action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    /// Replies with text and parts of the input.
    Words(Vec<Piece>),
    /// Continues with another key, given by its index.
    Goto(usize),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    Part(usize), // from 0
}

/// Splits a text at each `(1)`, `(2)`, … up to `parts`. Other parentheses are text.
///
/// # Errors
///
/// The byte offset of a number that is 0 or greater than `parts`.
pub(crate) fn pieces(text: &str, parts: usize) -> Result<Vec<Piece>, usize> {
    let mut pieces = Vec::new();
    let mut rest = 0; // start of the text that is not yet in `pieces`
    for (open, _) in text.match_indices('(') {
        let digits = &text[open + 1..];
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 || !digits[length..].starts_with(')') {
            continue;
        }
        let number = digits[..length].parse().ok();
        let part = number
            .filter(|number| (1..=parts).contains(number))
            .ok_or(open)?;
        if rest < open {
            pieces.push(Piece::Text(text[rest..open].into()));
        }
        pieces.push(Piece::Part(part - 1));
        rest = open + 1 + length + 1;
    }
    if rest < text.len() {
        pieces.push(Piece::Text(text[rest..].into()));
    }
    Ok(pieces)
}

/// Fills in the words of each part. `None` if the reply would exceed [`MAX_BYTES`].
pub(crate) fn fill<'w, W>(pieces: &[Piece], words: impl Fn(usize) -> W) -> Option<String>
where
    W: Iterator<Item = &'w str>,
{
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(words) => push_words(&mut text, words),
            Piece::Part(index) => {
                for (index, word) in words(*index).enumerate() {
                    text.push_str(if index == 0 { "" } else { " " });
                    push_words(&mut text, word);
                    if MAX_BYTES < text.len() {
                        return None;
                    }
                }
            }
        }
    }
    let text = normalize_spaces(&text);
    (text.len() <= MAX_BYTES).then_some(text)
}

/// Appends words, with a space if two words would join otherwise.
fn push_words(text: &mut String, words: &str) {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    if is_word(text.chars().next_back()) && is_word(words.chars().next()) {
        text.push(' ');
    }
    text.push_str(words);
}

/// Normalizes white space: single spaces, and none before punctuation.
pub(crate) fn normalize_spaces(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        let is_mark = word.starts_with(MARKS) && word.trim_matches(MARKS).is_empty();
        if !tidied.is_empty() && !is_mark {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    tidied
}

const MARKS: [char; 4] = ['.', ',', '?', '!'];

/// The maximum size of a reply, in which a whole input line fits twice.
pub(crate) const MAX_BYTES: usize = 4096;
