//! Finds the patterns that a sentence may match, so that the cost of a reply does not grow with the
//! number of rules.
//!
//! Most patterns can match only where certain words stand. All these words are looked for at once,
//! and only the patterns whose words are there are tried.

use std::collections::BTreeMap;
use std::iter;

use aho_corasick::AhoCorasick;

use crate::engine::pattern::prefilter::{END, Literal, START, is_word};

/// What to look for, and whose it is.
#[derive(Debug)]
pub(crate) struct Index {
    texts: AhoCorasick,
    literals: Vec<IndexedLiteral>, // as small as can be, as any of them may be looked at
    owners: Vec<u32>,              // of all literals: the numbers of the patterns that need them
    always: PatternSet,            // patterns that may match without any literal
}

/// What has to be around a literal, and where its owners begin; they end where those of the next do.
#[derive(Clone, Copy, Debug)]
struct IndexedLiteral {
    begins_word: bool,
    ends_word: bool,
    owners: u32,
}

impl Index {
    /// An index of patterns by what they need, with numbers by their order. `None` is one that has to
    /// be tried always.
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
            // It can fail only for more or longer literals than a script has room for.
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
            let behind = || sentence[text.end()..].starts_with(is_word);
            if needed.begins_word && before() || needed.ends_word && behind() {
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

/// A set of numbers of patterns, a bit for each.
#[derive(Clone, Debug)]
pub(crate) struct PatternSet(Vec<u64>);

impl PatternSet {
    fn below(end: usize) -> Self {
        Self(vec![0; end.div_ceil(64)])
    }

    fn add(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    /// All of them, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, &bits)| {
            let without_lowest = |bits: &u64| Some(bits & (bits - 1)).filter(|&rest| rest != 0);
            let left = iter::successors(Some(bits).filter(|&bits| bits != 0), without_lowest);
            left.map(move |bits| 64 * index + bits.trailing_zeros() as usize)
        })
    }
}

const MAX_LITERALS: usize = 50_000; // ten times what a large script has; they take some 100 bytes each

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
    fn only_patterns_whose_words_are_there_are_tried() {
        check("hello", &[2, 4]);
        check("i need my mother", &[0, 1, 2, 4]);
        check("mum", &[1, 2, 4]);
        check("not one", &[2, 3, 4]);
        check("no need", &[2, 4]);
        check("smothers", &[2, 4]);
    }
}
