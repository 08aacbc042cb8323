//! What a script is made of.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::interner::{Id, Interner};
use crate::matching::Term;
use crate::problem::Problem;

/// A script as it is written, before its rules are held against each other.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) vocabulary: Interner,
    pub(super) opening: String,
    pub(super) rules: Vec<Rule>,
    pub(super) memory: Option<Memory>,
    /// Keywords that rules refer to, and where.
    pub(super) references: Vec<(Id, usize)>,
    /// Keywords of all rules, also of those that could not be read, and MEMORY; with their places.
    pub(super) keywords: HashMap<Id, usize>,
    /// Those that could not be read: whoever misses something of them is not told again.
    pub(super) broken: HashSet<Id>,
    pub(super) problems: Vec<Problem>,
}

/// What is done when a keyword was said.
#[derive(Debug)]
pub(super) struct Rule {
    /// The byte where its keyword stands.
    pub(super) at: usize,
    pub(super) keyword: Id,
    pub(super) precedence: u32,
    pub(super) substitute: Option<Id>,
    pub(super) tags: Vec<Id>,
    pub(super) transformations: Vec<Transformation>,
    /// The keyword whose rule is followed if no transformation fits.
    pub(super) reference: Option<Id>,
}

/// A pattern and what is said to what it fits, one after the other.
#[derive(Debug)]
pub(super) struct Transformation {
    pub(super) pattern: Pattern,
    pub(super) replies: Vec<Reply>, // at least one
    /// Where a talk keeps which reply is the next; nowhere if there is only one.
    pub(super) slot: Option<usize>,
}

/// Terms that words are fitted to.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) at: Range<usize>,
    pub(super) terms: Vec<Term>,
    /// Which of the terms are tags. What these stand for is known when all rules are.
    pub(super) tag_terms: Vec<TagTerm>,
}

/// A term that stands for all words with one of these tags.
#[derive(Debug)]
pub(super) struct TagTerm {
    pub(super) term: usize,
    pub(super) at: usize,
    pub(super) tags: Vec<Id>,
}

/// One of the things to do when a pattern fits.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) at: Range<usize>,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    /// Answers this.
    Say(Vec<Piece>),
    /// Goes on with another rule.
    Refer(Id),
    /// Goes on with the next best keyword.
    NewKey,
    /// Goes on with another rule and these words.
    Rewrite(Vec<Piece>, Id),
}

/// A piece of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Word(Id),
    /// The words of a term of the pattern, from 0.
    Part(usize),
}

/// The rule MEMORY: what is remembered when its keyword is met.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) at: usize,
    pub(super) keyword: Id,
    pub(super) transformations: Vec<(Pattern, Vec<Piece>)>, // four
}

impl Rule {
    /// Whether it can do anything but replace its keyword, or give it tags.
    pub(super) fn can_answer(&self) -> bool {
        !self.transformations.is_empty() || self.reference.is_some()
    }
}

/// A reply has as many bytes at most, as a part of the line may come back many times.
pub(super) const MAX_REPLY_BYTES: usize = 4 * 1024;
