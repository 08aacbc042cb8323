//! Warnings: what is valid in a script, but probably unintended.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::engine::doctor1966::ast::{Action, Pattern, Rule};
use crate::engine::doctor1966::script::Script;
use crate::matching::Term;
use crate::problem::{MAX_PROBLEMS, Problem};
use crate::subsumption::{self, Subsumption};

/// Finds unreachable transformations, tags that no keyword has, and rules whose references never
/// lead to a reply.
pub(super) fn lint(script: &Script) -> Vec<Problem> {
    let mut found = unreachable(script);
    found.extend(unknown_tags(script));
    found.extend(endless(script));
    found.truncate(MAX_PROBLEMS);
    let problem = |(at, what)| script.source.problem(at, what);
    found.into_iter().map(problem).collect()
}

/// A warning at a byte offset of the script.
type Finding = (usize, String);

/// Transformations and references after a pattern that matches everything they match.
fn unreachable(script: &Script) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut subsumption = Subsumption {
        budget: MAX_COMPARISONS,
    };
    for rule in &script.rules {
        let mut before: Vec<(&Pattern, Cow<'_, [Term]>)> = Vec::new();
        for pattern in rule.transformations.iter().map(|each| &each.pattern) {
            if matches_nothing(pattern) {
                continue;
            }
            let Some(terms) = subsumption::expand_exactly(&pattern.terms) else {
                continue;
            };
            let earlier = before.iter().find(|(_, earlier)| {
                subsumption.is_exhausted() || subsumption.subsumes(earlier, &terms)
            });
            if subsumption.is_exhausted() {
                return found;
            }
            if let Some((earlier, _)) = earlier {
                let line = script.source.line(earlier.at.start);
                let what = format!(
                    "unreachable: the pattern in line {line} matches everything this one does"
                );
                found.push((pattern.at.start, what));
            } else {
                before.push((pattern, terms));
            }
        }
        let takes_all = before
            .last()
            .filter(|(pattern, _)| matches_everything(pattern));
        if let (Some((general, _)), Some(to)) = (takes_all, rule.reference) {
            let word = script.vocabulary.text(to);
            let line = script.source.line(general.at.start);
            let what = format!(
                "the reference to {word} is unreachable: the pattern in line {line} matches every input"
            );
            found.push((rule.at, what));
        }
    }
    found
}

/// Whether a term has no words, such as one for a tag that no keyword has.
fn matches_nothing(pattern: &Pattern) -> bool {
    let is_nothing = |term: &Term| matches!(term, Term::OneOf(words) if words.is_empty());
    pattern.terms.iter().any(is_nothing)
}

fn matches_everything(pattern: &Pattern) -> bool {
    pattern.terms.iter().all(|term| *term == Term::Any)
}

/// Terms for tags that no keyword has.
fn unknown_tags(script: &Script) -> Vec<Finding> {
    let known: HashSet<_> = script.rules.iter().flat_map(|rule| &rule.tags).collect();
    let in_rules = script.rules.iter().flat_map(|rule| &rule.transformations);
    let in_memory = script
        .memory
        .transformations
        .iter()
        .map(|(pattern, _)| pattern);
    let patterns = in_rules
        .map(|transformation| &transformation.pattern)
        .chain(in_memory);
    let mut found = Vec::new();
    for asked in patterns.flat_map(|pattern| &pattern.tag_terms) {
        for tag in asked.tags.iter().filter(|tag| !known.contains(tag)) {
            let tag = script.vocabulary.text(*tag);
            found.push((asked.at, format!("no keyword has the tag {tag}")));
        }
    }
    found
}

/// Rules whose references lead only to each other.
fn endless(script: &Script) -> Vec<Finding> {
    let mut referring = vec![Vec::new(); script.rules.len()];
    let mut ending = Vec::new();
    for (index, rule) in script.rules.iter().enumerate() {
        match references(script, rule) {
            None => ending.push(index),
            Some(targets) => targets.iter().for_each(|&to| referring[to].push(index)),
        }
    }
    // A rule terminates if one of the rules it refers to does.
    let mut ends = vec![false; script.rules.len()];
    while let Some(index) = ending.pop() {
        if !ends[index] {
            ends[index] = true;
            ending.append(&mut referring[index]);
        }
    }
    let endless = script.rules.iter().zip(ends).filter(|(_, ends)| !ends);
    let found = endless.map(|(rule, _)| {
        let word = script.vocabulary.text(rule.keyword);
        (
            rule.at,
            format!("{word} never leads to a reply: its references form a cycle"),
        )
    });
    found.collect()
}

/// The rules that may follow this one; `None` if it may be the last.
fn references(script: &Script, rule: &Rule) -> Option<Vec<usize>> {
    let mut targets = Vec::new();
    let mut is_open = true; // whether some input gets here
    for transformation in &rule.transformations {
        for reply in &transformation.replies {
            targets.push(match &reply.action {
                Action::Refer(to) | Action::Rewrite(_, to) => *to,
                // If no keyword is left, the rule NONE follows.
                Action::NewKey if rule.keyword == script.none => script.none,
                Action::NewKey | Action::Say(_) => return None,
            });
        }
        if matches_everything(&transformation.pattern) {
            is_open = false;
            break;
        }
    }
    if is_open {
        targets.push(rule.reference?);
    }
    let index = |target: &_| {
        script
            .index
            .rule(*target)
            .expect("all references were checked")
    };
    Some(targets.iter().map(index).collect())
}

/// Takes a fraction of a second. The published script needs some hundred comparisons; a rule with
/// thousands of transformations would need the square of that number.
const MAX_COMPARISONS: usize = 5_000_000;

#[cfg(test)]
mod tests;
