//! Names of people and rooms.

use std::fmt;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The name of a person or a room: at most 20 letters, digits, `-`, `_` and `.`, the first of them a
/// letter or a digit.
///
/// Letters and digits are those of Unicode, with their marks (accents, vowel signs). Names that differ
/// only in case or in the form of their characters (composed, full width, ligatures) are the same
/// name; other names that look alike are different.
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
        let text: String = text.nfc().take(MAX_CHARACTERS + 1).collect();
        let is_valid = |c| is_letter_or_digit(c) || is_mark(c) || ['-', '_', '.'].contains(&c);
        let is_first = |c| is_letter_or_digit(c) && !is_mark(c);
        let is_name = text.chars().next().is_some_and(is_first)
            && text.chars().count() <= MAX_CHARACTERS
            && text.chars().all(is_valid);
        is_name.then(|| Self::new(text))
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

    /// Whether both are the same name.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// The name as its owner wrote it, with composed characters.
    pub(super) fn as_str(&self) -> &str {
        &self.shown
    }

    /// The text that is equal for all forms of the same name.
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

/// A mark that belongs to the character before it. Those that are invisible are not accepted.
fn is_mark(c: char) -> bool {
    let is_visible = !matches!(
        c,
        '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180d}' | '\u{180f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    );
    let category = c.general_category();
    is_visible
        && matches!(
            category,
            GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark
        )
}

/// The text for a caseless comparison of compatible characters (Unicode, definition D146). Folding
/// twice is necessary: a compatible character may have a capital letter.
fn fold(text: &str) -> String {
    let fold = |text: String| UniCase::unicode(text).to_folded_case();
    let once: String = fold(text.nfd().collect()).nfkd().collect();
    fold(once).nfkc().collect()
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
        for name in [
            "alice",
            "A",
            "7",
            "al-ice_2.0",
            "Zoë",
            "Алиса",
            "小明",
            "हिन्दी",
            "x\u{301}",
        ] {
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
            "a\u{fe0f}",
            "a\u{34f}",
        ] {
            check(invisible, false);
        }
    }

    #[test]
    fn a_name_does_not_begin_with_a_mark() {
        for mark in ["\u{301}", "\u{345}", "\u{93e}", "\u{20dd}"] {
            check(&format!("{mark}a"), false);
        }
    }

    #[test]
    fn the_form_of_the_characters_makes_no_difference() {
        check_same("Zoë", "Zoe\u{308}", true);
        check_same("Alice", "Ａｌｉｃｅ", true);
        check_same("ﬁona", "Fiona", true);
        check_same("x²", "X2", true);
        check_same(
            "한글",
            "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
            true,
        );
        check_same("ǅ", "dž", true);
        check_same("Zoë", "Zoe", false);
        let name = Name::parse(&"e\u{308}".repeat(20)).expect("20 letters");
        assert_eq!(name.as_str(), "ë".repeat(20));
        assert!(Name::parse(&"e\u{308}".repeat(21)).is_none());
    }

    #[test]
    fn case_makes_no_difference() {
        check_same("STRAẞE", "straße", true);
        check_same("ꭰ", "Ꭰ", true); // Cherokee, whose small letters are folded to capitals
        check_same("ıp", "ip", false); // Turkish has both letters
        check_same("İp", "i\u{307}p", true);
        check_same("ſam", "Sam", true);
        check_same("ᾳ", "ᾼ", true);
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
        fn every_name_is_plain_text(text in "\\PC*|[\\p{L}\\p{M}\\p{N}._-]{0,20}") {
            for text in [&text, text.get(..1).unwrap_or_default()] {
                if let Some(name) = Name::parse(text) {
                    prop_assert_eq!(plain(name.as_str().as_bytes()), name.as_str());
                    prop_assert!(Name::parse(name.numbered(10).as_str()).is_some());
                    let folded = Name::parse(name.folded());
                    prop_assert!(folded.is_none_or(|folded| folded.is(&name)));
                }
            }
        }
    }
}
