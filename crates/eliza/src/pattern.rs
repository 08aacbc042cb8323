//! Patterns over whole words of a sentence.

use regex::{Regex, RegexBuilder};

use crate::reflect::reflect;
use crate::said::{PUNCTUATION, plain};

/// A regular expression that is searched for anywhere in a sentence, between whole words, whatever
/// the case and the kind of apostrophe.
#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// Says in one line why it is none, or that it is too big.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = plain(text);
        // Read alone first, so that it cannot close a bracket that it did not open. That no room is
        // left to compile it is as it should be: once is enough.
        match build(&text, 0) {
            Ok(_) | Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return Err(reason(&error)),
        }
        let between_words = format!(r"(?:^|\b)(?:{text})(?:\b|$)");
        build(&between_words, MOST_COMPILED_BYTES)
            .map(Self)
            .map_err(|error| reason(&error))
    }

    /// How many parts it captures.
    pub(crate) fn parts(&self) -> usize {
        self.0.captures_len() - 1
    }

    /// The parts it captures of `sentence`, turned round to be said back; `None` if it does not
    /// match, or if a part is missing, says nothing or is too long to be repeated.
    pub(crate) fn capture(&self, sentence: &str) -> Option<Vec<String>> {
        if self.parts() == 0 {
            return self.0.is_match(sentence).then(Vec::new);
        }
        let captures = self.0.captures(sentence)?;
        let parts = captures.iter().skip(1).map(|part| {
            let part = part?;
            let words = part.as_str().trim_start_matches(is_punctuation);
            let start = part.end() - words.len();
            let words = words.trim_end_matches(is_punctuation);
            let sayable =
                words.chars().any(char::is_alphanumeric) && words.len() <= MOST_PART_BYTES;
            sayable.then(|| reflect(sentence, start..start + words.len()))
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
        let pattern = Pattern::parse(pattern).expect("it is well formed");
        let expected = parts.map(|parts| parts.iter().map(|&part| part.to_owned()).collect());
        assert_eq!(pattern.capture(sentence), expected, "{sentence}");
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
        check("(.+) is (.+)", "This is \"mine\"", Some(&["this", "yours"]));
        check("a|b", "abc", None);
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
        let reason = |text| Pattern::parse(text).map(|_| ()).expect_err("it is refused");
        assert_eq!(reason("a("), "not a pattern: unclosed group");
        assert_eq!(reason("a)(b"), "not a pattern: unopened group");
        assert_eq!(
            reason("(a{1000}){1000}"),
            "the pattern is too big: more than 256 KiB when compiled"
        );
    }
}
