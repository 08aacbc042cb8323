//! Names of people and rooms.

use std::fmt;

/// The name of a person or a room: at most 20 letters, digits, `-`, `_` and `.`, the first of them a
/// letter or a digit.
///
/// Letters and digits are those of Unicode. Names that differ only in case are the same name; names
/// that only look alike are different.
#[derive(Clone, Debug)]
pub(super) struct Name {
    shown: String,
    folded: String,
}

impl Name {
    /// The rule for names, as it is shown to a person who gave an invalid one.
    pub(super) const RULE: &'static str =
        "up to 20 letters, digits, '-', '_' and '.', the first a letter or a digit";

    /// The text as a name, if it is valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_valid = |c| is_letter_or_digit(c) || ['-', '_', '.'].contains(&c);
        let is_name = text.chars().next().is_some_and(is_letter_or_digit)
            && text.chars().count() <= MAX_CHARACTERS
            && text.chars().all(is_valid);
        is_name.then(|| Self::new(text.to_owned()))
    }

    fn new(shown: String) -> Self {
        let folded = fold(&shown);
        Self { shown, folded }
    }

    /// The name with a number appended, shortened where it would be too long.
    pub(super) fn numbered(&self, number: u32) -> Self {
        let suffix = format!("-{number}");
        let kept = self.shown.chars().take(MAX_CHARACTERS - suffix.len());
        Self::new(kept.chain(suffix.chars()).collect())
    }

    /// Whether both are the same name, ignoring case.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// The name as its owner wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.shown
    }

    /// The name without differences in case.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// The hub's room whose first member owns this name.
    pub(super) fn claim_room(&self) -> String {
        format!("@{}", self.folded)
    }

    /// The hub's room for the chat room of this name, as people see it.
    pub(super) fn chat_room(&self) -> String {
        format!("#{}", self.folded)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The Hangul fillers are letters in Unicode, but invisible.
fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() && !['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'].contains(&c)
}

/// Removes differences in case. By way of upper case, since several lower-case letters may have the
/// same one, such as both forms of the Greek sigma.
fn fold(text: &str) -> String {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

const MAX_CHARACTERS: usize = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::session::plain;

    #[track_caller]
    fn check(text: &str, is_name: bool) {
        let name = Name::parse(text);
        assert_eq!(name.is_some(), is_name, "{text:?}");
        assert!(name.is_none_or(|name| name.as_str() == text));
    }

    #[track_caller]
    fn check_same(one: &str, other: &str, same: bool) {
        let [one, other] = [one, other].map(|text| Name::parse(text).expect("a name"));
        assert_eq!(one.is(&other), same, "{one} {other}");
        assert_ne!(one.claim_room(), one.chat_room());
        assert_eq!(one.claim_room() == other.claim_room(), same);
        assert_eq!(one.chat_room() == other.chat_room(), same);
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
        for invisible in [
            "\u{3164}",
            "a\u{200b}",
            "a\u{202e}b",
            "a\u{200d}b",
            "a\u{ad}",
            "a\u{7f}",
        ] {
            check(invisible, false);
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
    fn a_number_is_appended_within_the_limit() {
        let numbered = |name, number| Name::parse(name).expect("a name").numbered(number);
        assert_eq!(numbered("Zoë", 2).as_str(), "Zoë-2");
        assert_eq!(numbered("Zoë", 2).claim_room(), "@zoë-2");
        let long = "ß".repeat(20);
        assert_eq!(numbered(&long, 9999).as_str(), "ß".repeat(15) + "-9999");
    }

    proptest! {
        #[test]
        fn every_name_is_plain_text(text: String) {
            for text in [&text, text.get(..1).unwrap_or_default()] {
                if let Some(name) = Name::parse(text) {
                    prop_assert_eq!(plain(name.as_str().as_bytes()), text);
                    prop_assert!(Name::parse(name.numbered(10).as_str()).is_some());
                }
            }
        }
    }
}
