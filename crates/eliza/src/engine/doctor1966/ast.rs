//! The parts of a script of 1966.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::interner::{Id, Interner};
use crate::matching::Term;
use crate::problem::Problem;

/// A script as parsed, before its cross-references are resolved.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) vocabulary: Interner,
    pub(super) opening: String,
    pub(super) rules: Vec<Rule>,
    pub(super) memory: Option<Memory>,
    /// Referenced keywords and the positions of the references.
    pub(super) references: Vec<(Id, usize)>,
    /// The positions of the keywords of all rules, unreadable ones and MEMORY included.
    pub(super) keywords: HashMap<Id, usize>,
    /// Keywords whose rules could not be read. References to them are not reported again.
    pub(super) broken: HashSet<Id>,
    pub(super) problems: Vec<Problem>,
}

/// A rule: what to do if its keyword occurs.
#[derive(Debug)]
pub(super) struct Rule {
    /// The byte offset of its keyword.
    pub(super) at: usize,
    pub(super) keyword: Id,
    pub(super) precedence: u32,
    pub(super) substitute: Option<Id>,
    pub(super) tags: Vec<Id>,
    pub(super) transformations: Vec<Transformation>,
    /// The keyword whose rule is followed if no transformation matches.
    pub(super) reference: Option<Id>,
}

/// A pattern and its replies, which are used in turn.
#[derive(Debug)]
pub(super) struct Transformation {
    pub(super) pattern: Pattern,
    pub(super) replies: Vec<Reply>, // at least one
    /// The index of the counter of its next reply; `None` if there is only one reply.
    pub(super) slot: Option<usize>,
}

/// Terms to match against words.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) at: Range<usize>,
    pub(super) terms: Vec<Term>,
    /// Which terms are tags. Their words are known once all rules are parsed.
    pub(super) tag_terms: Vec<TagTerm>,
}

/// A term that stands for all words with one of these tags.
#[derive(Debug)]
pub(super) struct TagTerm {
    pub(super) term: usize,
    pub(super) at: usize,
    pub(super) tags: Vec<Id>,
}

/// One of the replies of a pattern.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) at: Range<usize>,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    /// Replies with these pieces.
    Say(Vec<Piece>),
    /// Continues with the rule of another keyword.
    Refer(Id),
    /// Continues with the next keyword.
    NewKey,
    /// Continues with the rule of another keyword and these pieces as the input.
    Rewrite(Vec<Piece>, Id),
}

/// A piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Word(Id),
    /// The words that a term of the pattern matched, from 0.
    Part(usize),
}

/// The rule MEMORY: what to remember if its keyword occurs.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) at: usize,
    pub(super) keyword: Id,
    pub(super) transformations: Vec<(Pattern, Vec<Piece>)>, // four
}

impl Rule {
    /// Whether it does more than replace its keyword or give it tags.
    pub(super) fn can_answer(&self) -> bool {
        !self.transformations.is_empty() || self.reference.is_some()
    }
}

/// The maximum size of a reply. A reply may contain a part of the line many times.
pub(super) const MAX_REPLY_BYTES: usize = 4 * 1024;
