//! Finds the patterns that a sentence may match, so that the cost of a reply does not grow with the
//! number of rules.
//!
//! Most patterns can match only where certain words stand. All these words are looked for at once,
//! and only the patterns whose words are there are tried.

use std::collections::BTreeMap;
use std::iter;

use aho_corasick::AhoCorasick;

use crate::friend::required::{END, Literal, START};

/// What to look for, and whose it is.
#[derive(Debug)]
pub(crate) struct Index {
    texts: AhoCorasick,
    literals: Vec<(Literal, Vec<u32>)>, // with the numbers of the patterns that need it
    always: Numbers,                    // patterns that may match without any literal
}

impl Index {
    /// An index of patterns by what they need, with numbers by their order. `None` is one that has to
    /// be tried always.
    pub(crate) fn new<'a>(patterns: impl ExactSizeIterator<Item = Option<&'a [Literal]>>) -> Self {
        let mut owners: BTreeMap<&Literal, Vec<u32>> = BTreeMap::new();
        let mut always = Numbers::below(patterns.len());
        for (number, pattern) in (0..).zip(patterns) {
            match pattern {
                Some(literals) if owners.len() < MOST_LITERALS => {
                    for literal in literals {
                        owners.entry(literal).or_default().push(number);
                    }
                }
                _ => always.add(number),
            }
        }
        let texts = AhoCorasick::new(owners.keys().map(|literal| &literal.text));
        let literals = owners.into_iter();
        Self {
            // It can fail only for more or longer literals than a script has room for.
            texts: texts.expect("a script is of limited size"),
            literals: literals
                .map(|(literal, owners)| (literal.clone(), owners))
                .collect(),
            always,
        }
    }

    /// The patterns that may match the folded sentence.
    pub(crate) fn candidates(&self, sentence: &str) -> Numbers {
        let mut found = self.always.clone();
        let sentence = format!("{START}{sentence}{END}");
        for text in self.texts.find_overlapping_iter(&sentence) {
            let (literal, owners) = &self.literals[text.pattern()];
            if literal.fits(&sentence[..text.start()], &sentence[text.end()..]) {
                owners.iter().for_each(|&number| found.add(number));
            }
        }
        found
    }
}

/// A set of numbers of patterns, a bit for each.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(Vec<u64>);

impl Numbers {
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

const MOST_LITERALS: usize = 50_000; // ten times what a large script has; they take some 100 bytes each

#[cfg(test)]
mod tests {
    use super::*;
    use crate::friend::required::literals;

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
