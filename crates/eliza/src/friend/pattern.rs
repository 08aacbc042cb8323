//! Patterns over whole words of a sentence.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Look;

use crate::friend::folded::{Folded, without_accents};
use crate::friend::said::{PUNCTUATION, plain};
use crate::friend::synonyms::Synonyms;

/// A regular expression that is searched for anywhere in a sentence, between whole words, whatever
/// the case, the accents and the kind of apostrophe.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    text: String,
    written: String,
}

/// What a pattern captured of a sentence.
pub(crate) type Parts = Vec<Range<usize>>;

impl Pattern {
    /// Compiles a pattern, in which `<name>` stands for any of the words that `synonyms` has under
    /// that name.
    ///
    /// # Errors
    ///
    /// Says in one line why it is none, or that it is too big.
    pub(crate) fn parse(written: &str, synonyms: &Synonyms) -> Result<Self, String> {
        let text = without_accents(&synonyms.expand(&plain(written))?);
        // Read alone first, so that it cannot close a bracket that it did not open. That no room is
        // left to compile it is as it should be: once is enough.
        match build(&text, 0) {
            Ok(_) | Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return Err(reason(&error)),
        }
        let between_words = format!(r"(?:^|\b)(?:{text})(?:\b|$)");
        let regex = build(&between_words, MOST_COMPILED_BYTES).map_err(|error| reason(&error))?;
        Ok(Self {
            regex,
            text,
            written: written.to_owned(),
        })
    }

    /// The regular expression, for folded text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// As in the script.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether it asks where a sentence begins or ends.
    pub(crate) fn is_anchored(&self) -> bool {
        let hir = regex_syntax::parse(&self.text);
        hir.is_ok_and(|hir| {
            let looks = hir.properties().look_set();
            looks.contains(Look::Start) || looks.contains(Look::End)
        })
    }

    /// Whether it matches this text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How many parts it captures.
    pub(crate) fn parts(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// The parts it captures of a sentence, by their place in its original; `None` if it does not
    /// match, or if a part is missing, says nothing or is too long to be repeated.
    pub(crate) fn capture(&self, sentence: &Folded) -> Option<Parts> {
        let text = sentence.text();
        if self.parts() == 0 {
            return self.regex.is_match(text).then(Vec::new);
        }
        let captures = self.regex.captures(text)?;
        let parts = captures.iter().skip(1).map(|part| {
            let part = part?;
            let words = part.as_str().trim_start_matches(is_punctuation);
            let start = part.end() - words.len();
            let words = words.trim_end_matches(is_punctuation);
            let sayable =
                words.chars().any(char::is_alphanumeric) && words.len() <= MOST_PART_BYTES;
            sayable.then(|| sentence.original(start..start + words.len()))
        });
        parts.collect()
    }
}

fn build(text: &str, most_bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(most_bytes)
        .dfa_size_limit(MOST_COMPILED_BYTES)
        .build()
}

/// Why there is no pattern, in one line.
fn reason(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        let most = limit / 1024;
        return format!("the pattern is too big: more than {most} KiB when compiled");
    }
    // The last line of a syntax error says what it is; the others draw where.
    let words = error.to_string();
    let last = words.lines().last().unwrap_or_default();
    format!("not a pattern: {}", last.trim_start_matches("error: "))
}

fn is_punctuation(c: char) -> bool {
    PUNCTUATION.contains(c)
}

const MOST_PART_BYTES: usize = 300; // nobody wants to hear more than that of his own words
const MOST_COMPILED_BYTES: usize = 256 * 1024; // ten times what a pattern of ordinary words needs

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, sentence: &str, parts: Option<&[&str]>) {
        let pattern = Pattern::parse(pattern, &Synonyms::default()).expect("it is well formed");
        let found = pattern.capture(&Folded::new(sentence));
        let found = found.map(|parts| parts.into_iter().map(|part| &sentence[part]).collect());
        assert_eq!(found, parts.map(<[&str]>::to_vec), "{sentence}");
    }

    #[test]
    fn whole_words_are_matched_anywhere() {
        check("yes", "Yesterday was fine", None);
        check("yes", "well, YES", Some(&[]));
        check(
            "i need (.+)",
            "Honestly I NEED a holiday",
            Some(&["a holiday"]),
        );
        check("i need (.+)", "I needle you", None);
        check("(.+) is (.+)", "This is \"mine\"", Some(&["This", "mine"]));
        check("a|b", "abc", None);
        check("très (.+)", "je suis TRES fâché", Some(&["fâché"]));
        check("i can’t (.+)", "I can't sleep", Some(&["sleep"]));
    }

    #[test]
    fn a_part_has_something_to_say() {
        check("i need (.+)", "I need -", None);
        check("i need (.+)", &format!("I need {}", "a".repeat(301)), None);
        check("i (?:need (.+)|want (.+))", "I need help", None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let reason = |text| {
            let parsed = Pattern::parse(text, &Synonyms::default());
            parsed.map(|_| ()).expect_err("it is refused")
        };
        assert_eq!(reason("a("), "not a pattern: unclosed group");
        assert_eq!(reason("a)(b"), "not a pattern: unopened group");
        assert_eq!(
            reason("(a{1000}){1000}"),
            "the pattern is too big: more than 256 KiB when compiled"
        );
    }
}
