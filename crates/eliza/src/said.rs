//! A line as it was said: plain text, cut into sentences.

/// A line, with everything made equal that people type differently.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said(String);

/// One sentence of a line, without its closing marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence<'a> {
    pub(crate) text: &'a str,
    pub(crate) is_question: bool,
}

impl Said {
    /// Takes the first [`MOST_BYTES`] of a line: white space of any kind, and control characters,
    /// become single spaces, and a typographic apostrophe the plain one.
    pub(crate) fn new(line: &str) -> Self {
        let mut text = String::new();
        for word in line
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
        {
            if MOST_BYTES < text.len() + word.len() {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.extend(
                word.chars()
                    .map(|c| if APOSTROPHES.contains(c) { '\'' } else { c }),
            );
        }
        Self(text)
    }

    /// The sentences that say anything, in their order.
    pub(crate) fn sentences(&self) -> impl Iterator<Item = Sentence<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let end = sentence_end(rest);
                let (sentence, following) = rest.split_at(end);
                rest = following;
                let text = sentence.trim_end_matches(MARKS).trim_start_matches(MARKS);
                if !text.is_empty() {
                    let marks = &sentence[sentence.trim_end_matches(MARKS).len()..];
                    return Some(Sentence {
                        text,
                        is_question: marks.contains('?'),
                    });
                }
            }
            None
        })
    }

    /// The whole line in lower case, without its closing marks.
    pub(crate) fn as_one(&self) -> String {
        self.0.trim_matches(MARKS).to_lowercase()
    }
}

/// Where the first sentence ends: behind a run of marks that a space or nothing follows. So `3.5`
/// stays whole.
fn sentence_end(text: &str) -> usize {
    let mut after_mark = false;
    for (index, character) in text.char_indices() {
        if after_mark && character == ' ' {
            return index;
        }
        after_mark = MARKS.contains(&character) && character != ' ';
    }
    text.len()
}

const MARKS: &[char] = &['.', '!', '?', ';', '…', ' '];
const APOSTROPHES: &str = "’‘ʼ`´";
const MOST_BYTES: usize = 2000; // far more than one says in one breath, and no work for any pattern

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, sentences: &[(&str, bool)]) {
        let said = Said::new(line);
        let found: Vec<_> = said
            .sentences()
            .map(|sentence| (sentence.text, sentence.is_question))
            .collect();
        assert_eq!(found, sentences);
    }

    #[test]
    fn a_line_is_cut_into_sentences() {
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
        check("...so what?", &[("so what", true)]);
        check("I\0am \x1b[31mred", &[("I am [31mred", false)]);
        check("don’t", &[("don't", false)]);
        check("", &[]);
        check(" ?! … ", &[]);
    }

    #[test]
    fn a_line_without_end_is_cut_short() {
        let said = Said::new(&"word ".repeat(100_000));
        assert!(said.0.len() <= MOST_BYTES);
        assert_eq!(Said::new(&"a".repeat(1 << 20)).sentences().count(), 0);
    }
}
