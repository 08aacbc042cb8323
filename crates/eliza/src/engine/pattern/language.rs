//! The interface of a natural language.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use regex::Regex;

use crate::engine::pattern::normalize::Folded;

/// How to split a line into sentences that can be matched, and how to reflect a part of one.
pub(crate) trait Language: Debug + Sync {
    /// Corrects the spelling of a word: "dont" becomes "don't". Punctuation at its end stays.
    fn correct_spelling<'a>(&self, word: &'a str) -> Cow<'a, str>;

    /// Whether the full stop of this word does not end a sentence.
    fn is_abbreviation(&self, word: &str) -> bool;

    /// Whether a clause starts at a space, given the text before and after it.
    fn begins_clause(&self, before: &str, after: &str) -> bool;

    /// The sentence without closing phrases such as "please" or "are you?". Never empty.
    fn without_tail<'a>(&self, sentence: &'a str) -> &'a str;

    /// The clause without opening words such as "and" or "well,". Never empty.
    fn without_head<'a>(&self, clause: &'a str) -> &'a str;

    /// Exchanges the first and second person in a part of a sentence: "I like your dog" becomes
    /// "you like my dog". The other words of the sentence decide ambiguous cases.
    fn reflect(&self, sentence: &str, folded: &Folded, part: Range<usize>) -> String;

    /// Initializes all lazy tables. A forking server calls it before it forks; otherwise each child
    /// would build them again.
    fn prepare(&self);
}

/// A case-insensitive regular expression from a constant.
pub(crate) fn ignoring_case(pattern: &str) -> Regex {
    let regex = Regex::new(&format!("(?i){pattern}"));
    regex.expect("a test uses the pattern")
}
