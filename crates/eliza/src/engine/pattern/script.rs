//! A compiled script of patterns.

use std::collections::HashSet;

use crate::engine::pattern::index::Index;
use crate::engine::pattern::input::{Input, Sentence};
use crate::engine::pattern::language::Language;
use crate::engine::pattern::template::Template;
use crate::engine::pattern::word_pattern::Pattern;
use crate::problem::Problem;

/// Patterns and replies.
///
/// A script is a TOML document with the lists `greeting`, `farewell`, `silence` (replies to an
/// empty line), `otherwise` (the fallback) and `quit` (farewells of the peer), the `language`, a
/// table `[synonyms]`, and tables `[[topic]]` and `[[rule]]`, the latter in the order in which they
/// are tried. A rule has `patterns`, case-insensitive regular expressions that match between whole
/// words of a sentence; and `replies`, in which `{1}` is the first captured part, reflected.
///
/// A sentence is matched without opening words ("and", "well,"), without closing phrases ("please",
/// "aren't you?"), and up to a comma that a new clause follows.
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
    pub(crate) names: Vec<String>,    // of learnt values
    pub(crate) unused: Vec<Problem>,  // warnings about unused items
    pub(crate) index: Index,
    pub(crate) indexed_patterns: Vec<(u16, u16)>, // by number in the index: the rule, and the index of the pattern in it
}

/// A rule that may match a sentence.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) rule: u16,
    pub(crate) sentence: u16,
    pub(crate) pattern: u16, // its index in the rule, which may have no patterns
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) line: usize,
    pub(crate) patterns: Vec<Pattern>, // if empty, every sentence matches
    pub(crate) question: bool,         // matches only questions
    pub(crate) weak: bool,             // tried only after topic and memory
    pub(crate) capital: bool, // matches only if its first part starts with a capital letter
    pub(crate) within: Option<usize>, // matches only during this topic
    pub(crate) topic: Option<usize>, // the topic that it enters
    pub(crate) learn: Option<usize>, // the index in `names` of the value that its first part is
    pub(crate) remember: Replies, // what to recall later; may be empty
    pub(crate) replies: Replies,
}

/// A topic of some turns of a conversation.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) turns: u8,
    pub(crate) replies: Replies, // if no rule matches during the topic
}

/// Replies to choose from, numbered through the whole script.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) first: usize,
    pub(crate) templates: Vec<Template>,
}

impl Script {
    /// The rules that may match one of the sentences, in the order of the rules. For one rule,
    /// earlier sentences come first.
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
        candidates.sort_by_key(|candidate| candidate.rule); // stable
        candidates
    }

    /// Whether the whole line is a farewell.
    pub(crate) fn is_farewell(&self, input: &Input) -> bool {
        self.quit.contains(input.folded_line().text())
    }
}
