//! Word lists, with a lookup that finds all lists of a word at once.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A list: its number within the language, and its words separated by blanks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List(pub(crate) u8, pub(crate) &'static str);

/// All lists of a language.
#[derive(Debug)]
pub(crate) struct Lists(HashMap<&'static str, Membership, FixedState>);

/// The lists that contain a word, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership(u32);

impl Lists {
    /// Each list needs a different number below 32.
    pub(crate) fn new(lists: &[List]) -> Self {
        let mut words: HashMap<_, Membership, _> = HashMap::default();
        for List(number, listed) in lists {
            for word in listed.split_ascii_whitespace() {
                words.entry(word).or_default().0 |= 1 << number;
            }
        }
        Self(words)
    }

    /// The lists that contain this word.
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
    fn membership_per_list() {
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
