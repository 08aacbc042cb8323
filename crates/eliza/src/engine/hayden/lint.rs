//! Warnings: what is valid in a script, but probably unintended.

use crate::engine::hayden::reassembly::Action;
use crate::engine::hayden::script::{Decomp, Script};
use crate::problem::Problem;
use crate::subsumption::Subsumption;

/// The warnings of the parser, unreachable patterns, and endless loops of `goto`s.
pub(crate) fn lint(script: &Script) -> Vec<Problem> {
    let mut problems = script.warnings.clone();
    problems.extend(unreachable(script));
    problems.extend(cycles(script));
    problems
}

/// Patterns that are never reached: an earlier one of the same key matches all that they match.
fn unreachable(script: &Script) -> Vec<Problem> {
    let mut subsumption = Subsumption {
        budget: MAX_COMPARISONS,
    };
    let mut problems = Vec::new();
    for key in &script.keys {
        let mut ending: Vec<&Decomp> = Vec::new();
        for decomp in &key.decomps {
            let earlier = ending.iter().find(|earlier| {
                subsumption.is_exhausted() || subsumes(&mut subsumption, earlier, decomp)
            });
            if subsumption.is_exhausted() {
                return problems;
            }
            if let Some(earlier) = earlier {
                let line = earlier.line;
                let what = format!(
                    "unreachable: the pattern in line {line} matches everything this one does"
                );
                problems.push(decomp.problem(what));
            }
            // After a pattern that only remembers something, the search continues.
            if !decomp.remembered {
                ending.push(decomp);
            }
        }
    }
    problems
}

/// Patterns from which every path is an endless loop of `goto`s.
///
/// All patterns start as members of a loop. Those that lead to a reply are removed, then those that
/// lead to a removed one. A `goto` stays in a loop if some pattern of the target key matches all
/// that the pattern with the `goto` matches, and that one and all before it are in a loop.
fn cycles(script: &Script) -> Vec<Problem> {
    let mut search = LoopSearch::new(script);
    let mut subsumption = Subsumption {
        budget: MAX_COMPARISONS,
    };
    for (decomp, _) in search.decomps.clone() {
        let in_loop = decomp.replies.iter().all(|reply| match reply.action {
            Action::Words(_) => decomp.remembered,
            Action::Goto(to) => search.may_loop(&mut subsumption, decomp, to),
        });
        if !in_loop {
            search.remove(decomp.number as usize);
        }
    }
    search.propagate();
    let found = search.decomps.iter().filter(|(decomp, _)| {
        let number = decomp.number as usize;
        search.in_loop[number] && search.only_refer[number]
    });
    found
        .map(|(decomp, _)| decomp.problem("endless loop: no `goto` from here leads to a reply"))
        .collect()
}

/// The patterns that may be in an endless loop.
struct LoopSearch<'s> {
    script: &'s Script,
    decomps: Vec<(&'s Decomp, usize)>, // by number, each with the index of its key
    only_refer: Vec<bool>,             // by number
    in_loop: Vec<bool>,                // by number
    removed: Vec<usize>,               // removed patterns whose predecessors must still be removed
    dependents: Vec<Vec<(u32, u32)>>, // by key: the last pattern that must be in a loop, and the pattern that depends on it
}

impl<'s> LoopSearch<'s> {
    fn new(script: &'s Script) -> Self {
        let keys = script.keys.iter().enumerate();
        let decomps: Vec<_> = keys
            .flat_map(|(index, key)| key.decomps.iter().map(move |decomp| (decomp, index)))
            .collect();
        Self {
            script,
            only_refer: decomps
                .iter()
                .map(|(decomp, _)| only_refers(decomp))
                .collect(),
            in_loop: vec![true; decomps.len()],
            decomps,
            removed: Vec::new(),
            dependents: vec![Vec::new(); script.keys.len()],
        }
    }

    /// Whether a `goto` from this pattern to that key may be part of a loop.
    fn may_loop(&mut self, subsumption: &mut Subsumption, decomp: &Decomp, to: usize) -> bool {
        let mut targets = self.script.keys[to].decomps.iter();
        let last = targets.find(|other| {
            subsumption.is_exhausted()
                || subsumes(subsumption, other, decomp) && self.only_refer[other.number as usize]
        });
        let Some(last) = last.filter(|_| !subsumption.is_exhausted()) else {
            return false;
        };
        self.dependents[to].push((last.number, decomp.number));
        true
    }

    fn remove(&mut self, number: usize) {
        if self.in_loop[number] {
            self.in_loop[number] = false;
            self.removed.push(number);
        }
    }

    /// Removes every pattern that leads to a removed one.
    fn propagate(&mut self) {
        self.dependents
            .iter_mut()
            .for_each(|dependents| dependents.sort_unstable());
        while let Some(number) = self.removed.pop() {
            let (decomp, key) = self.decomps[number];
            while let Some((_, dependent)) =
                self.dependents[key].pop_if(|(last, _)| decomp.number <= *last)
            {
                self.remove(dependent as usize);
            }
        }
    }
}

impl Decomp {
    fn problem(&self, what: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: self.column,
            what: what.into(),
        }
    }
}

fn only_refers(decomp: &Decomp) -> bool {
    decomp
        .replies
        .iter()
        .all(|reply| matches!(reply.action, Action::Goto(_)))
}

fn subsumes(subsumption: &mut Subsumption, general: &Decomp, special: &Decomp) -> bool {
    subsumption.subsumes(&general.pattern.terms, &special.pattern.terms)
}

/// Takes a fraction of a second. Beyond it, no further warnings are found.
const MAX_COMPARISONS: usize = 10_000_000;
