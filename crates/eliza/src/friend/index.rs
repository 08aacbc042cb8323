//! Finds the patterns that a sentence may match, so that the cost of a reply does not grow with the
//! number of rules.
//!
//! Most patterns can match only where certain words stand. All these words are looked for at once,
//! and only the patterns whose words are there are tried.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use crate::friend::required::{END, Literal, START};

/// What to look for, and whose it is.
#[derive(Debug)]
pub(crate) struct Index {
    texts: AhoCorasick,
    literals: Vec<(Literal, Vec<u32>)>, // with the numbers of the patterns that need it
    always: Vec<u32>,                   // patterns that may match without any literal
}

impl Index {
    /// An index of patterns by what they need, with numbers by their order. `None` is one that has to
    /// be tried always.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = Option<&'a [Literal]>>) -> Self {
        let mut owners: BTreeMap<&Literal, Vec<u32>> = BTreeMap::new();
        let mut always = Vec::new();
        for (number, pattern) in (0..).zip(patterns) {
            match pattern {
                Some(literals) if owners.len() < MOST_LITERALS => {
                    for literal in literals {
                        owners.entry(literal).or_default().push(number);
                    }
                }
                _ => always.push(number),
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

    /// Adds the numbers of all patterns that may match the folded sentence, in no order, some of
    /// them twice.
    pub(crate) fn candidates(&self, sentence: &str, found: &mut Vec<u32>) {
        found.extend(&self.always);
        let sentence = format!("{START}{sentence}{END}");
        for text in self.texts.find_overlapping_iter(&sentence) {
            let (literal, owners) = &self.literals[text.pattern()];
            if literal.fits(&sentence[..text.start()], &sentence[text.end()..]) {
                found.extend(owners);
            }
        }
    }
}

const MOST_LITERALS: usize = 50_000; // ten times what a large script has; they take some 100 bytes each

#[cfg(test)]
mod tests {
    use super::*;
    use crate::friend::required::literals;

    #[track_caller]
    fn check(sentence: &str, numbers: &[u32]) {
        let patterns = ["i need (.+)", "mothers?|mum", r"^\w+$", "(?:no|not) one"];
        let needs = patterns.map(|pattern| {
            let hir = regex_syntax::parse(pattern).expect("it is well formed");
            literals(&hir)
        });
        let index = Index::new(needs.iter().map(Option::as_deref).chain([None]));
        let mut found = Vec::new();
        index.candidates(sentence, &mut found);
        found.sort_unstable();
        found.dedup();
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
