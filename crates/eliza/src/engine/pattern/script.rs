//! What the friend says to what.

use std::collections::HashSet;

use crate::engine::pattern::index::Index;
use crate::engine::pattern::input::{Input, Sentence};
use crate::engine::pattern::language::Language;
use crate::engine::pattern::template::Template;
use crate::engine::pattern::word_pattern::Pattern;
use crate::problem::Problem;

/// Patterns and replies of a friend.
///
/// A script is a TOML document with the lists `greeting`, `farewell`, `silence` (answers to an
/// empty line) and `otherwise` (to what no rule knows), the words that `quit`, the `language`, a
/// table `[synonyms]`, and tables `[[rule]]` in the order they are tried and `[[topic]]`. A rule
/// has `patterns`, regular expressions that are searched for between whole words of a sentence in
/// any case; and `replies`, in which `{1}` is the first part captured, turned round.
///
/// A sentence is matched without what joins it to others ("and", "well,"), without closing
/// courtesies and questions ("please", "aren't you?"), and up to a comma with a new clause behind.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) language: &'static dyn Language,
    pub(crate) greeting: Replies,
    pub(crate) farewell: Replies,
    pub(crate) silence: Replies,
    pub(crate) otherwise: Replies,
    pub(crate) rules: Vec<Rule>,
    pub(crate) topics: Vec<Topic>,
    pub(crate) quit: HashSet<String>, // folded
    pub(crate) names: Vec<String>,    // of what is learnt
    pub(crate) unused: Vec<Problem>,  // what is written down and never used
    pub(crate) index: Index,
    pub(crate) indexed_patterns: Vec<(u16, u16)>, // the rule and the place in it, by number in the index
}

/// A rule that may know a sentence.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) rule: u16,
    pub(crate) sentence: u16,
    pub(crate) pattern: u16, // by its place in the rule, which may have none
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) line: usize,
    pub(crate) patterns: Vec<Pattern>, // none: whatever is said
    pub(crate) question: bool,         // only what is asked
    pub(crate) weak: bool,             // only if there is nothing to come back to
    pub(crate) capital: bool,          // only what has a capital letter in its first part
    pub(crate) within: Option<usize>,  // only while the talk is about this topic
    pub(crate) topic: Option<usize>,   // what the talk is about then
    pub(crate) learn: Option<usize>,   // what the first part tells, by its place in `names`
    pub(crate) remember: Replies,      // what is told later, to come back to it; may be none
    pub(crate) replies: Replies,
}

/// What a talk may be about for some turns.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) turns: u8,
    pub(crate) replies: Replies, // to what no rule knows, meanwhile
}

/// Replies to choose from, numbered through the whole script.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) first: usize,
    pub(crate) templates: Vec<Template>,
}

impl Script {
    /// The rules that may know one of the sentences, by the patterns that may match, in the order of
    /// the rules. Of those of one rule, the first sentences come first.
    pub(crate) fn candidates(&self, sentences: &[Sentence<'_>]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (sentence, input) in (0..).zip(sentences) {
            let numbers = self.index.candidates(input.folded.text());
            candidates.extend(numbers.iter().map(|number| {
                let (rule, pattern) = self.indexed_patterns[number];
                Candidate {
                    rule,
                    sentence,
                    pattern,
                }
            }));
        }
        candidates.sort_by_key(|candidate| candidate.rule); // and else as they are
        candidates
    }

    /// Whether this line, as a whole, ends the conversation.
    pub(crate) fn is_farewell(&self, input: &Input) -> bool {
        self.quit.contains(input.as_one().text())
    }
}
