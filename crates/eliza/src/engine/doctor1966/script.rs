//! A parsed and resolved script of 1966.

use crate::engine::doctor1966::ast::{Memory, Rule};
use crate::engine::doctor1966::resolve::Index;
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Interner};

/// The rules of a script, all references resolved.
#[derive(Debug)]
pub(crate) struct Script {
    pub(super) source: Source,
    pub(super) vocabulary: Interner,
    pub(super) opening: String,
    pub(super) rules: Vec<Rule>,
    pub(super) index: Index,
    pub(super) none: Id,
    pub(super) memory: Memory,
    /// The number of transformations with several replies.
    pub(super) slots: usize,
}

impl Script {
    /// The rule of a word, or of NONE.
    pub(super) fn rule(&self, word: Id) -> Option<&Rule> {
        self.index.rule(word).map(|index| &self.rules[index])
    }

    /// The rule of a word of the input. NONE is not a keyword there.
    pub(super) fn rule_for(&self, word: Id) -> Option<&Rule> {
        self.rule(word).filter(|_| word != self.none)
    }
}

/// Whether a word ends a clause.
pub(super) fn is_delimiter(word: Id) -> bool {
    (word as usize) < DELIMITERS.len()
}

/// What ends a clause. The paper names the marks; BUT is in the program's listing.
pub(super) const DELIMITERS: [&str; 3] = [",", ".", "BUT"];
