//! Lists of words, and in which of them a word is.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A list: its number among those of its language, and its words with blanks between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List(pub(crate) u8, pub(crate) &'static str);

/// All lists of a language, so that a word is looked up once for all of them.
#[derive(Debug)]
pub(crate) struct Lists(HashMap<&'static str, Membership, FixedState>);

/// The lists that a word is in, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership(u32);

impl Lists {
    /// The lists, of which each has a number of its own, below 32.
    pub(crate) fn new(lists: &[List]) -> Self {
        let mut words: HashMap<_, Membership, _> = HashMap::default();
        for List(number, listed) in lists {
            for word in listed.split_ascii_whitespace() {
                words.entry(word).or_default().0 |= 1 << number;
            }
        }
        Self(words)
    }

    /// The lists that this word is in.
    pub(crate) fn of(&self, word: &str) -> Membership {
        self.0.get(word).copied().unwrap_or_default()
    }
}

impl Membership {
    pub(crate) fn is_in(self, list: List) -> bool {
        self.0 & 1 << list.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_in_its_lists() {
        let (fruit, red) = (List(0, "apple pear"), List(31, "cherry apple"));
        let lists = Lists::new(&[fruit, red]);
        let check = |word, in_fruit, in_red| {
            let found = lists.of(word);
            assert_eq!(
                (found.is_in(fruit), found.is_in(red)),
                (in_fruit, in_red),
                "{word}"
            );
        };
        check("apple", true, true);
        check("pear", true, false);
        check("cherry", false, true);
        check("plum", false, false);
        check("", false, false);
    }
}
