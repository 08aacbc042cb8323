//! An input line in lower case, split into sentences and words.

use crate::chars::is_blank;

/// The words of each sentence, in order. Sentences without a word are left out.
///
/// As in the Java program, `.`, `,`, `?` and `!` end a sentence anywhere, and other punctuation
/// separates words. An apostrophe within a word belongs to it. Text after the first [`MAX_BYTES`]
/// is ignored.
pub(crate) fn sentences(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start_matches(is_separator);
    let line = &line[..line.floor_char_boundary(MAX_BYTES)];
    line.split(SENTENCE_ENDS)
        .map(|sentence| words(sentence).collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect()
}

/// The normalized words of a text. Sentence ends only separate words here.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(is_separator)
        .map(spelled)
        .filter(|word| !word.is_empty())
}

/// Whether it separates words.
fn is_separator(c: char) -> bool {
    let is_mark = c.is_ascii_punctuation() && c != '\'' || MARKS.contains(c);
    is_mark || is_blank(c)
}

/// In lower case, with ASCII apostrophes and without quotation marks.
fn spelled(word: &str) -> String {
    let word = word.replace(APOSTROPHES, "'");
    word.trim_matches('\'').to_lowercase()
}

const SENTENCE_ENDS: [char; 5] = ['.', ',', '?', '!', '…'];
const MARKS: &str = "…¿¡“”„«»‹›–—\u{feff}\u{fffd}"; // outside ASCII; U+FFFD replaces bytes that are not UTF-8
const APOSTROPHES: [char; 4] = ['’', '‘', 'ʼ', '´'];

/// The maximum length of a line: much longer than people type, and cheap for any script.
pub(crate) const MAX_BYTES: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let found: Vec<_> = sentences(line)
            .iter()
            .map(|words| words.join(" "))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_is_split_into_sentences_and_words() {
        check(
            "Hello, I'm HERE. And you?",
            &["hello", "i'm here", "and you"],
        );
        check("so-called \"friends\"; (mine)", &["so called friends mine"]);
        check("Don’t say ‘no’", &["don't say no"]);
        check("3.5!now", &["3", "5", "now"]);
        check("Ärger\tmit\u{1b}[2J", &["ärger mit 2j"]);
        check(" ...?!  ''  ", &[]);
        check("", &[]);
    }

    #[test]
    fn a_line_is_cut_at_the_limit() {
        let read = |line: &str| sentences(line).concat().concat().len();
        assert_eq!(read(&"a".repeat(MAX_BYTES)), MAX_BYTES);
        assert_eq!(read(&"a".repeat(MAX_BYTES + 1)), MAX_BYTES);
        assert_eq!(read(&format!("{}a", " ".repeat(MAX_BYTES))), 1);
        assert_eq!(read(&"我".repeat(MAX_BYTES)), MAX_BYTES - MAX_BYTES % 3);
    }
}
