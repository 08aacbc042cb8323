//! Selects the patterns that may match a sentence, so that the cost of a reply does not grow with
//! the number of rules.
//!
//! Most patterns require certain words. One search finds all these words in a sentence, and only
//! the patterns whose words were found are tried.

use std::collections::BTreeMap;
use std::iter;

use aho_corasick::AhoCorasick;

use crate::engine::pattern::prefilter::{END, Literal, START, is_word};

/// The required literals, and the patterns that require them.
#[derive(Debug)]
pub(crate) struct Index {
    texts: AhoCorasick,
    literals: Vec<IndexedLiteral>, // compact, as any of them may be accessed
    owners: Vec<u32>,              // pattern numbers, grouped by literal
    always: PatternSet,            // patterns that require no literal
}

/// Word boundaries of a literal, and the start of its owners, which end where the next ones start.
#[derive(Clone, Copy, Debug)]
struct IndexedLiteral {
    begins_word: bool,
    ends_word: bool,
    owners: u32,
}

impl Index {
    /// An index of patterns by required literals. Patterns are numbered in order; `None` requires
    /// no literal and is always tried.
    pub(crate) fn new<'a>(patterns: impl ExactSizeIterator<Item = Option<&'a [Literal]>>) -> Self {
        let mut needed: BTreeMap<&Literal, Vec<u32>> = BTreeMap::new();
        let mut always = PatternSet::below(patterns.len());
        for (number, pattern) in (0..).zip(patterns) {
            match pattern {
                Some(literals) if needed.len() < MAX_LITERALS => {
                    for literal in literals {
                        needed.entry(literal).or_default().push(number);
                    }
                }
                _ => always.add(number),
            }
        }
        let texts = AhoCorasick::new(needed.keys().map(|literal| &literal.text));
        let mut owners = Vec::new();
        let mut literals = Vec::new();
        for (literal, numbers) in needed {
            literals.push(IndexedLiteral {
                begins_word: literal.begins_word,
                ends_word: literal.ends_word,
                owners: owners.len() as u32,
            });
            owners.extend(numbers);
        }
        literals.push(IndexedLiteral {
            begins_word: false,
            ends_word: false,
            owners: owners.len() as u32,
        });
        Self {
            // Fails only for more or longer literals than fit in a script.
            texts: texts.expect("a script is of limited size"),
            literals,
            owners,
            always,
        }
    }

    /// The patterns that may match the folded sentence.
    pub(crate) fn candidates(&self, sentence: &str) -> PatternSet {
        let mut found = self.always.clone();
        let sentence = format!("{START}{sentence}{END}");
        for text in self.texts.find_overlapping_iter(&sentence) {
            let place = text.pattern().as_usize();
            let needed = self.literals[place];
            let before = || sentence[..text.start()].ends_with(is_word);
            let after = || sentence[text.end()..].starts_with(is_word);
            if needed.begins_word && before() || needed.ends_word && after() {
                continue;
            }
            let owners = needed.owners as usize..self.literals[place + 1].owners as usize;
            self.owners[owners]
                .iter()
                .for_each(|&number| found.add(number));
        }
        found
    }
}

/// A set of pattern numbers, as a bit set.
#[derive(Clone, Debug)]
pub(crate) struct PatternSet(Vec<u64>);

impl PatternSet {
    fn below(end: usize) -> Self {
        Self(vec![0; end.div_ceil(64)])
    }

    fn add(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    /// The numbers in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, &bits)| {
            let without_lowest = |bits: &u64| Some(bits & (bits - 1)).filter(|&rest| rest != 0);
            let left = iter::successors(Some(bits).filter(|&bits| bits != 0), without_lowest);
            left.map(move |bits| 64 * index + bits.trailing_zeros() as usize)
        })
    }
}

const MAX_LITERALS: usize = 50_000; // ten times those of a large script; each takes some 100 bytes

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pattern::prefilter::literals;

    #[track_caller]
    fn check(sentence: &str, numbers: &[usize]) {
        let patterns = ["i need (.+)", "mothers?|mum", r"^\w+$", "(?:no|not) one"];
        let needs = patterns.map(|pattern| {
            let hir = regex_syntax::parse(pattern).expect("it is well formed");
            literals(&hir)
        });
        let needs = [needs.to_vec(), vec![None]].concat();
        let index = Index::new(needs.iter().map(Option::as_deref));
        let found: Vec<_> = index.candidates(sentence).iter().collect();
        assert_eq!(found, numbers, "{sentence}");
    }

    #[test]
    fn only_patterns_with_their_literals_present_are_candidates() {
        check("hello", &[2, 4]);
        check("i need my mother", &[0, 1, 2, 4]);
        check("mum", &[1, 2, 4]);
        check("not one", &[2, 3, 4]);
        check("no need", &[2, 4]);
        check("smothers", &[2, 4]);
    }
}
