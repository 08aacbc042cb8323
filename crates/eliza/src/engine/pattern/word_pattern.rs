//! Patterns that match whole words of a sentence.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::engine::pattern::input::{PUNCTUATION, with_ascii_apostrophes};
use crate::engine::pattern::normalize::{Folded, without_accents};
use crate::engine::pattern::prefilter::{self, Literal};
use crate::engine::pattern::synonyms::Synonyms;

/// A regular expression that matches between whole words anywhere in a sentence, regardless of
/// case, accents and the kind of apostrophe.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    is_whole: bool, // its only part is the whole match
    required: Option<Vec<Literal>>,
    source: String,
}

/// The byte ranges of a sentence that a pattern captured.
pub(crate) type Parts = Vec<Range<usize>>;

impl Pattern {
    /// Compiles a pattern, in which `<name>` stands for the alternatives of a synonym list.
    ///
    /// # Errors
    ///
    /// A message of one line: why it is invalid, or that it is too large.
    pub(crate) fn parse(source: &str, synonyms: &Synonyms) -> Result<Self, String> {
        let text = without_accents(&synonyms.expand(&with_ascii_apostrophes(source))?);
        let hir = ParserBuilder::new()
            .case_insensitive(text.contains(char::is_uppercase)) // slower, and folded text has no capitals
            .build()
            .parse(&text)
            .map_err(|error| reason(&error.to_string()))?;
        Ok(Self {
            regex: compile(&between_words(&hir))?,
            is_whole: is_whole(&hir),
            required: prefilter::literals(&hir),
            source: source.to_owned(),
        })
    }

    /// The literals of which a folded sentence must contain one; `None` if it requires none.
    pub(crate) fn required(&self) -> Option<&[Literal]> {
        self.required.as_deref()
    }

    /// As in the script.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The number of parts it captures.
    pub(crate) fn parts(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// The parts it captures, as ranges of the original sentence. `None` if it does not match, or
    /// if a part is missing, has no word or is too long.
    pub(crate) fn capture(&self, sentence: &Folded) -> Option<Parts> {
        let text = sentence.text();
        if self.parts() == 0 {
            return self.regex.is_match(text).then(Vec::new);
        }
        if self.is_whole {
            let part = self.regex.find(text)?;
            return Some(vec![repeatable(sentence, part.range())?]);
        }
        let mut captures = self.regex.create_captures();
        self.regex.captures(text, &mut captures);
        if !captures.is_match() {
            return None;
        }
        let parts = captures
            .iter()
            .skip(1)
            .map(|part| repeatable(sentence, part?.range()));
        parts.collect()
    }
}

/// The pattern between word boundaries or sentence ends.
fn between_words(pattern: &Hir) -> Hir {
    let or_word = |end| Hir::alternation(vec![Hir::look(end), Hir::look(Look::WordUnicode)]);
    Hir::concat(vec![
        or_word(Look::Start),
        pattern.clone(),
        or_word(Look::End),
    ])
}

/// Compiles without the optimizations that short sentences do not need, which saves two thirds of
/// the time. The index already checks the required literals.
fn compile(pattern: &Hir) -> Result<Regex, String> {
    let config = Regex::config()
        .nfa_size_limit(Some(MAX_COMPILED_BYTES))
        .hybrid_cache_capacity(MAX_COMPILED_BYTES)
        .auto_prefilter(false)
        .onepass(false)
        .dfa(false);
    let regex = Regex::builder().configure(config).build_from_hir(pattern);
    regex.map_err(|error| match error.size_limit() {
        Some(limit) => {
            let most = limit / 1024;
            format!("the pattern is too large: more than {most} KiB when compiled")
        }
        None => reason(&error.to_string()),
    })
}

/// The range of a part without punctuation at its ends, if it has a word and is short enough.
fn repeatable(sentence: &Folded, part: Range<usize>) -> Option<Range<usize>> {
    let words = sentence.text()[part.clone()].trim_start_matches(is_punctuation);
    let start = part.end - words.len();
    let words = words.trim_end_matches(is_punctuation);
    let is_sayable = words.chars().any(char::is_alphanumeric) && words.len() <= MAX_PART_BYTES;
    is_sayable.then(|| sentence.original(start..start + words.len()))
}

/// Whether its only part is the whole match, which is cheaper to find than captures.
fn is_whole(pattern: &Hir) -> bool {
    let is_part = |hir: &Hir| matches!(hir.kind(), HirKind::Capture(_));
    let is_place = |hir: &Hir| matches!(hir.kind(), HirKind::Look(_));
    let is_alone = match pattern.kind() {
        HirKind::Concat(all) => all.iter().all(|hir| is_part(hir) || is_place(hir)),
        _ => is_part(pattern),
    };
    is_alone && pattern.properties().explicit_captures_len() == 1
}

/// A regex error as one line. The last line of a syntax error is its message; the others draw the
/// position.
fn reason(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    format!("invalid pattern: {}", last.trim_start_matches("error: "))
}

fn is_punctuation(c: char) -> bool {
    PUNCTUATION.contains(c)
}

const MAX_PART_BYTES: usize = 300; // longer parts are not repeated in replies
const MAX_COMPILED_BYTES: usize = 256 * 1024; // ten times that of a usual pattern

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
    fn a_part_must_contain_a_word() {
        check("i need (.+)", "I need -", None);
        check("i need (.+)", &format!("I need {}", "a".repeat(301)), None);
        check("i (?:need (.+)|want (.+))", "I need help", None);
    }

    #[test]
    fn invalid_patterns_are_rejected() {
        let reason = |text| {
            let parsed = Pattern::parse(text, &Synonyms::default());
            parsed.map(|_| ()).expect_err("it is refused")
        };
        assert_eq!(reason("a("), "invalid pattern: unclosed group");
        assert_eq!(reason("a)(b"), "invalid pattern: unopened group");
        assert_eq!(
            reason("(a{1000}){1000}"),
            "the pattern is too large: more than 256 KiB when compiled"
        );
    }
}
