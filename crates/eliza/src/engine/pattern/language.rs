//! What the friend has to know of the language that is spoken.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use regex::Regex;

use crate::engine::pattern::normalize::Folded;

/// How a line is cut into what can be matched, and how a part of it is said back.
pub(crate) trait Language: Debug + Sync {
    /// A word as it is spelled with care: "dont" is "don't". Its closing marks stay.
    fn correct_spelling<'a>(&self, word: &'a str) -> Cow<'a, str>;

    /// Whether the full stop of this word ends no sentence.
    fn is_abbreviation(&self, word: &str) -> bool;

    /// Whether a clause of its own begins between what is `before` a space and what is `after`.
    fn begins_clause(&self, before: &str, after: &str) -> bool;

    /// The sentence without its closing courtesies and questions ("please", "are you?"). Something
    /// is always left.
    fn without_tail<'a>(&self, sentence: &'a str) -> &'a str;

    /// The clause without the words that join it to what was said before ("and", "well,").
    /// Something is always left.
    fn without_head<'a>(&self, clause: &'a str) -> &'a str;

    /// Turns a part of a sentence round, in the light of the words around it: "I like your dog"
    /// becomes "you like my dog".
    fn reflect(&self, sentence: &str, folded: &Folded, part: Range<usize>) -> String;

    /// Makes ready what the others need, so that no conversation has to: in a forked child that
    /// would be done again for every peer.
    fn prepare(&self);
}

/// A pattern of a language's own, in any case.
pub(crate) fn ignoring_case(pattern: &str) -> Regex {
    let regex = Regex::new(&format!("(?i){pattern}"));
    regex.expect("a test uses the pattern")
}
