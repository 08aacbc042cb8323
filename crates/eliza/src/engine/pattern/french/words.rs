//! The words of a sentence and the links between them: `j'aime`, `es-tu`.

use std::ops::Range;

use crate::engine::pattern::normalize::Folded;

/// A word of a sentence, without punctuation around it. "J'aime" is two words.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) range: Range<usize>,
    pub(super) folded: String, // in lower case without accents
    pub(super) link: Link,
}

/// What separates a word from the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Punctuation, or there is no previous word.
    None,
    Space,
    Apostrophe,
    Hyphen,
}

/// Splits a sentence into words.
pub(super) fn words(sentence: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut rest = 0;
    while let Some(start) = sentence[rest..].find(char::is_alphanumeric) {
        let start = rest + start;
        let end = end_of_word(sentence, start);
        let link = words.last().map_or(Link::None, |last: &Word| {
            match &sentence[last.range.end..start] {
                " " => Link::Space,
                "'" => Link::Apostrophe,
                "-" => Link::Hyphen,
                _ => Link::None,
            }
        });
        let folded = folded(&sentence[start..end]);
        words.push(Word {
            range: start..end,
            folded,
            link,
        });
        rest = end;
    }
    words
}

/// The end of the word that starts at `start`. An apostrophe is part of it, as in "aujourd'hui",
/// unless it replaces the vowel of a short word.
fn end_of_word(sentence: &str, start: usize) -> usize {
    let mut end = start;
    for (at, c) in sentence[start..].char_indices() {
        let at = start + at;
        let inside = c == '\'' && !is_elided(&sentence[start..at]);
        if !c.is_alphanumeric() && !inside {
            break;
        }
        if c.is_alphanumeric() {
            end = at + c.len_utf8();
        }
    }
    end
}

fn is_elided(word: &str) -> bool {
    let word = word.to_lowercase();
    word.chars().count() == 1
        || word.ends_with("qu")
        || matches!(word.as_str(), "quelqu" | "entr" | "presqu")
}

/// The word in lower case without accents, as in the lists.
pub(super) fn folded(word: &str) -> String {
    Folded::new(word).text().to_owned()
}

/// Whether a short word before this one loses its vowel.
pub(super) fn asks_elision(word: &str) -> bool {
    let folded = folded(word);
    let begins = |stems: &str| {
        stems
            .split_ascii_whitespace()
            .any(|stem| folded.starts_with(stem))
    };
    match folded.chars().next() {
        Some('h') => !begins(ASPIRATED),
        Some('y') => folded == "y" || begins("yeux yv"),
        Some('o') => !matches!(folded.as_str(), "oui" | "ouais" | "onze" | "onzieme"),
        Some(first) => "aeiu".contains(first),
        None => false,
    }
}

/// Prefixes of words with an aspirated h: "je hais", "le hasard". "Héroïne" is not one of them, but
/// "héros" is.
const ASPIRATED: &str = "\
    hach hai haï haine hall halt hamac hamburger hameau hamster hanch hand hangar hant happ harcel \
    hard harem hareng hargn haricot harnais harp hasard hat haub hauss haut havre heros heriss \
    hernie heurt hibou hic hideu hierarch hip hippie hiss hobb hoch hockey hold holland homard \
    hongr hont hoquet horde hors hot houl housse huee huit hurl hutte";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sentence: &str, expected: &[&str]) {
        let found: Vec<_> = words(sentence)
            .into_iter()
            .map(|word| word.folded)
            .collect();
        assert_eq!(found, expected, "{sentence}");
    }

    #[test]
    fn a_sentence_is_split_into_words() {
        check("J'aime l'été", &["j", "aime", "l", "ete"]);
        check("aujourd'hui", &["aujourd'hui"]);
        check(
            "qu'est-ce qu'il y a",
            &["qu", "est", "ce", "qu", "il", "y", "a"],
        );
        check("lorsqu'elle", &["lorsqu", "elle"]);
        check("« Cœur » !", &["coeur"]);
        check("l'", &["l"]);
        check("'", &[]);
        check("", &[]);
    }

    #[test]
    fn elision_before_a_vowel() {
        for word in [
            "aime", "Été", "habite", "heureux", "y", "Yves", "œuf", "hésite", "une",
        ] {
            assert!(asks_elision(word), "{word}");
        }
        for word in [
            "pense", "hais", "hurle", "honte", "oui", "yaourt", "héros", "haut", "",
        ] {
            assert!(!asks_elision(word), "{word}");
        }
    }
}
