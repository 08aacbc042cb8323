//! What people and rooms are called.

use std::fmt;

/// A name of somebody, or of a room: at most 20 letters, digits, `-`, `_` and `.`, the first of
/// them a letter or a digit.
///
/// Letters and digits are those of any script, as Unicode has them. Names that differ in case alone
/// are the same name. Letters that only look alike make different names.
#[derive(Clone, Debug)]
pub(super) struct Name {
    shown: String,
    folded: String,
}

impl Name {
    /// What a name is, in words for somebody who gave another.
    pub(super) const RULE: &'static str =
        "up to 20 letters, digits, '-', '_' and '.', the first a letter or a digit";

    /// The name that these words are, if they are one.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let is_in = |c| is_letter_or_digit(c) || ['-', '_', '.'].contains(&c);
        let is_name = words.chars().next().is_some_and(is_letter_or_digit)
            && words.chars().count() <= MOST_CHARACTERS
            && words.chars().all(is_in);
        is_name.then(|| Self {
            shown: words.to_owned(),
            folded: fold(words),
        })
    }

    /// The name with a number behind it, and cut for that where it would be too long.
    pub(super) fn numbered(&self, number: u32) -> Self {
        let end = format!("-{number}");
        let kept = MOST_CHARACTERS - end.len();
        let shown: String = self.shown.chars().take(kept).chain(end.chars()).collect();
        let folded = fold(&shown);
        Self { shown, folded }
    }

    /// Whether it is the same name, in any case.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// The name as it was given.
    pub(super) fn as_str(&self) -> &str {
        &self.shown
    }

    /// What all who want this name ask the hub for: the same for all of them.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// The hub's room in which whoever is first has this name.
    pub(super) fn claim(&self) -> String {
        format!("@{}", self.folded)
    }

    /// Whether this room of the hub is the [claim](Self::claim).
    pub(super) fn is_claim(&self, room: &str) -> bool {
        room.strip_prefix('@') == Some(&*self.folded)
    }

    /// The hub's room for the people in the room of this name, which they see as its name.
    pub(super) fn room(&self) -> String {
        format!("#{}", self.folded)
    }

    /// Whether this room of the hub is [that one](Self::room).
    pub(super) fn is_room(&self, room: &str) -> bool {
        room.strip_prefix('#') == Some(&*self.folded)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The fillers of Hangul count as letters, and are seen as nothing.
fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() && !['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'].contains(&c)
}

/// The same for words that differ in case alone: by way of upper case, in which several letters of
/// lower case may be one, such as both forms of the Greek sigma.
fn fold(words: &str) -> String {
    let upper = words.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

const MOST_CHARACTERS: usize = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::plain;

    #[track_caller]
    fn check(words: &str, is_name: bool) {
        let name = Name::parse(words);
        assert_eq!(name.is_some(), is_name, "{words:?}");
        assert!(name.is_none_or(|name| name.as_str() == words));
    }

    #[track_caller]
    fn check_same(one: &str, other: &str, same: bool) {
        let [one, other] = [one, other].map(|words| Name::parse(words).expect("it is a name"));
        assert_eq!(one.is(&other), same, "{one} {other}");
        assert!(one.is_claim(&one.claim()) && one.is_room(&one.room()));
        assert!(!one.is_claim(&one.room()) && !one.is_room(&one.claim()));
        assert_eq!(one.is_claim(&other.claim()), same);
        assert_eq!(one.is_room(&other.room()), same);
    }

    #[test]
    fn a_name_is_short_and_visible() {
        for name in ["alice", "A", "7", "al-ice_2.0", "Zoë", "Алиса", "小明"] {
            check(name, true);
        }
        check(&"ß".repeat(20), true);
        check(&"ß".repeat(21), false);
        for other in [
            "", " ", "al ice", "al\tice", "-", "--", ".alice", "*", "@a", "#a", "/a",
        ] {
            check(other, false);
        }
        for unseen in [
            "\u{3164}",
            "a\u{200b}",
            "a\u{202e}b",
            "a\u{200d}b",
            "a\u{ad}",
            "a\u{7f}",
        ] {
            check(unseen, false);
        }
    }

    #[test]
    fn case_makes_no_difference() {
        check_same("Alice", "aLICE", true);
        check_same("ΟΔΟΣ", "οδος", true);
        check_same("Straße", "STRASSE", true);
        check_same("alice", "alice-", false);
        check_same("alice", "аlice", false); // one of them is Cyrillic
    }

    #[test]
    fn a_number_finds_room_behind_it() {
        let numbered = |name, number| Name::parse(name).expect("it is one").numbered(number);
        assert_eq!(numbered("Zoë", 2).as_str(), "Zoë-2");
        assert_eq!(numbered("Zoë", 2).claim(), "@zoë-2");
        let long = "ß".repeat(20);
        assert_eq!(numbered(&long, 9999).as_str(), "ß".repeat(15) + "-9999");
    }

    proptest! {
        #[test]
        fn every_name_may_be_shown(words: String) {
            for words in [&words, words.get(..1).unwrap_or_default()] {
                if let Some(name) = Name::parse(words) {
                    prop_assert_eq!(plain(name.as_str().as_bytes()), words);
                    prop_assert!(Name::parse(name.numbered(10).as_str()).is_some());
                }
            }
        }
    }
}
