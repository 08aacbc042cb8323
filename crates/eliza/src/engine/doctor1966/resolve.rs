//! Resolves the cross-references of a script: keywords, and words by tag.

use std::collections::HashMap;

use crate::engine::doctor1966::ast::{Draft, Memory, Pattern, Rule};
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Interner};
use crate::matching::Term;
use crate::problem::MAX_PROBLEMS;

/// The rule of each word.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_word: Vec<Option<u32>>, // by word id
}

impl Index {
    fn new(rules: &[Rule], vocabulary: &Interner) -> Self {
        let mut by_word = vec![None; vocabulary.len()];
        for (index, rule) in rules.iter().enumerate().rev() {
            by_word[rule.keyword as usize] = u32::try_from(index).ok();
        }
        Self { by_word }
    }

    /// The index of the rule of a word, which may be unknown to the script.
    pub(super) fn rule(&self, word: Id) -> Option<usize> {
        let rule = self.by_word.get(word as usize).copied().flatten()?;
        Some(rule as usize)
    }
}

/// Checks all references, replaces tags by their words, and assigns slots. Returns the index of the
/// rules and the number of slots.
pub(super) fn resolve(draft: &mut Draft, source: &Source) -> (Index, usize) {
    let index = Index::new(&draft.rules, &draft.vocabulary);
    let mut faults = unresolved_references(draft, &index);
    faults.extend(missing_rules(draft, &index, source));
    faults.extend(resolve_tags(&mut draft.rules, &mut draft.memory));
    let problems = faults
        .into_iter()
        .map(|(at, what)| source.problem(at, what));
    let room = MAX_PROBLEMS.saturating_sub(draft.problems.len());
    draft.problems.extend(problems.take(room));
    (index, assign_slots(&mut draft.rules))
}

/// A problem at a byte offset of the script.
type Fault = (usize, String);

fn unresolved_references(draft: &Draft, index: &Index) -> Vec<Fault> {
    let fault = |&(keyword, at): &(Id, usize)| {
        if draft.broken.contains(&keyword) {
            return None;
        }
        let word = draft.vocabulary.text(keyword);
        let what = match index.rule(keyword) {
            None => format!("{word} has no rule"),
            Some(rule) if !draft.rules[rule].can_answer() => {
                format!("the rule of {word} has neither transformations nor a reference")
            }
            Some(_) => return None,
        };
        Some((at, what))
    };
    draft
        .references
        .iter()
        .filter_map(fault)
        .take(MAX_PROBLEMS)
        .collect()
}

fn missing_rules(draft: &Draft, index: &Index, source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    let id = |word| draft.vocabulary.id(word);
    let is_there = |word| id(word).is_some_and(|id| draft.keywords.contains_key(&id));
    for word in ["NONE", "MEMORY"] {
        if !is_there(word) {
            faults.push((source.len(), format!("missing rule {word}")));
        }
    }
    let none = id("NONE").and_then(|none| index.rule(none));
    if let Some(none) = none
        .map(|none| &draft.rules[none])
        .filter(|none| !none.can_answer())
    {
        let what = "NONE has neither transformations nor a reference";
        faults.push((none.at, what.to_owned()));
    }
    if let Some(memory) = &draft.memory {
        let is_keyword = index.rule(memory.keyword).is_some() && Some(memory.keyword) != id("NONE");
        if !is_keyword && !draft.broken.contains(&memory.keyword) {
            let word = draft.vocabulary.text(memory.keyword);
            faults.push((
                memory.at,
                format!("{word}, the keyword of MEMORY, has no rule"),
            ));
        }
    }
    faults
}

/// Replaces each tag in a pattern by the words that have it.
fn resolve_tags(rules: &mut [Rule], memory: &mut Option<Memory>) -> Option<Fault> {
    let mut members: HashMap<Id, Vec<Id>> = HashMap::new();
    for rule in rules.iter() {
        for &tag in &rule.tags {
            members.entry(tag).or_default().push(rule.keyword);
        }
    }
    let in_rules = rules.iter_mut().flat_map(|rule| &mut rule.transformations);
    let in_memory = memory
        .iter_mut()
        .flat_map(|memory| &mut memory.transformations);
    let patterns = in_rules
        .map(|transformation| &mut transformation.pattern)
        .chain(in_memory.map(|(pattern, _)| pattern));
    let mut known: HashMap<Vec<Id>, Term> = HashMap::new();
    let mut total = 0;
    for Pattern {
        terms, tag_terms, ..
    } in patterns
    {
        for asked in tag_terms {
            let mut tags = asked.tags.clone();
            tags.sort_unstable();
            tags.dedup();
            let words = || {
                tags.iter()
                    .filter_map(|tag| members.get(tag))
                    .flatten()
                    .copied()
            };
            if let Some(term) = known.get(&tags) {
                terms[asked.term] = term.clone();
                continue;
            }
            total += words().count();
            if MAX_TAGGED_WORDS < total {
                return Some((asked.at, "too many tagged words".to_owned()));
            }
            let term = Term::one_of(words());
            terms[asked.term] = term.clone();
            known.insert(tags, term);
        }
    }
    None
}

/// Assigns a slot to each transformation that has several replies.
fn assign_slots(rules: &mut [Rule]) -> usize {
    let mut slots = 0;
    for transformation in rules.iter_mut().flat_map(|rule| &mut rule.transformations) {
        if 1 < transformation.replies.len() {
            transformation.slot = Some(slots);
            slots += 1;
        }
    }
    slots
}

/// The maximum number of words of all tags together, counted once for each combination of tags in
/// use. It limits the memory for scripts with many words, tags and combinations.
const MAX_TAGGED_WORDS: usize = 1 << 18;
