//! A script of 1966, ready to be followed.

use std::sync::Arc;

use crate::engine;
use crate::engine::doctor1966::ast::{Memory, Rule};
use crate::engine::doctor1966::lint;
use crate::engine::doctor1966::parse;
use crate::engine::doctor1966::resolve::{Index, resolve};
use crate::engine::doctor1966::respond::Talk;
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Vocabulary};
use crate::problem::{Problem, ScriptError};

/// Rules, with everything that they name found.
#[derive(Debug)]
pub(crate) struct Script {
    pub(super) source: Source,
    pub(super) vocabulary: Vocabulary,
    pub(super) opening: String,
    pub(super) rules: Vec<Rule>,
    pub(super) index: Index,
    pub(super) none: Id,
    pub(super) memory: Memory,
    /// How many transformations have several replies.
    pub(super) slots: usize,
}

impl Script {
    /// Reads the lists of a script.
    ///
    /// # Errors
    ///
    /// What is wrong with it: all of it, if it is not a hundred things.
    pub(crate) fn parse(text: &str) -> Result<Self, ScriptError> {
        let source = Source::new(text);
        let mut vocabulary = Vocabulary::default();
        // First of all, so that their ids are the lowest.
        for delimiter in DELIMITERS {
            vocabulary.intern(delimiter);
        }
        let none = vocabulary.intern("NONE");
        let mut written = parse::read(text, &source, vocabulary);
        let (index, slots) = resolve(&mut written, &source);
        match written.memory {
            Some(memory) if written.problems.is_empty() => Ok(Self {
                source,
                vocabulary: written.vocabulary,
                opening: written.opening,
                rules: written.rules,
                index,
                none,
                memory,
                slots,
            }),
            _ => Err(ScriptError::new(written.problems)),
        }
    }

    /// The rule of a word, NONE among them.
    pub(super) fn rule(&self, word: Id) -> Option<&Rule> {
        self.index.rule(word).map(|index| &self.rules[index])
    }

    /// The rule of a word that somebody said. Nobody calls for NONE by its name.
    pub(super) fn rule_for(&self, word: Id) -> Option<&Rule> {
        self.rule(word).filter(|_| word != self.none)
    }
}

impl engine::Engine for Script {
    fn begin(self: Arc<Self>, _: u64) -> Box<dyn engine::Talk> {
        Box::new(Talk::new(self)) // nothing is left to chance
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
    }
}

/// Whether a word ends a clause.
pub(super) fn is_delimiter(word: Id) -> bool {
    (word as usize) < DELIMITERS.len()
}

/// What ends a clause. The paper names the marks; BUT is in the program's listing.
const DELIMITERS: [&str; 3] = [",", ".", "BUT"];

#[cfg(test)]
mod tests;
