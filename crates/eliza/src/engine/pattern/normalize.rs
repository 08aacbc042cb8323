//! Folded text: without case and accents, for comparison.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text in lower case without accents, with the position of each byte in the original.
#[derive(Debug)]
pub(crate) struct Folded {
    text: String,
    starts: Vec<usize>, // empty if all positions are equal
}

impl Folded {
    pub(crate) fn new(original: &str) -> Self {
        if original.is_ascii() {
            return Self {
                text: original.to_ascii_lowercase(),
                starts: Vec::new(),
            };
        }
        let mut text = String::with_capacity(original.len());
        let mut starts = Vec::with_capacity(original.len() + 1);
        for (at, c) in original.char_indices() {
            if c.is_ascii() {
                text.push(c.to_ascii_lowercase());
            } else {
                c.to_lowercase()
                    .for_each(|c| push_without_accents(&mut text, c));
            }
            starts.resize(text.len(), at);
        }
        starts.push(original.len());
        Self { text, starts }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The range in the original of `range` in the folded text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        if self.starts.is_empty() {
            range
        } else {
            self.starts[range.start]..self.starts[range.end]
        }
    }
}

/// A pattern for folded text: without accents. Its case stays, as `\W` is not `\w`.
pub(crate) fn without_accents(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    pattern
        .chars()
        .for_each(|c| push_without_accents(&mut plain, c));
    plain
}

/// Appends the letter without diacritics: "être" becomes "etre".
fn push_without_accents(text: &mut String, c: char) {
    match c {
        c if c.is_ascii() => text.push(c),
        'à' | 'â' | 'ä' => text.push('a'), // fast path for the most common ones
        'é' | 'è' | 'ê' | 'ë' => text.push('e'),
        'ç' => text.push('c'),
        'œ' => text.push_str("oe"),
        'Œ' => text.push_str("OE"),
        'æ' => text.push_str("ae"),
        'Æ' => text.push_str("AE"),
        'ß' => text.push_str("ss"),
        'ø' => text.push('o'),
        'ł' => text.push('l'),
        c => text.extend([c].into_iter().nfd().filter(|&c| !is_combining_mark(c))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(original: &str, folded: &str) {
        assert_eq!(Folded::new(original).text(), folded);
    }

    #[test]
    fn case_and_accents_are_removed() {
        check("I NEED you", "i need you");
        check("Ça va, mon Cœur ? ÉTÉ", "ca va, mon coeur ? ete");
        check("e\u{301}te\u{301}", "ete");
        check("Straße, Łódź", "strasse, łodz".replace('ł', "l").as_str());
        check("Привет, 我", "привет, 我");
        assert_eq!(without_accents(r"\W(?:Été|cœur)"), r"\W(?:Ete|coeur)");
    }

    #[test]
    fn ranges_map_to_the_original() {
        let original = "Où est ma sœur Zoé ?";
        let folded = Folded::new(original);
        let at = |part: &str| {
            let start = folded.text().find(part).expect("it is there");
            &original[folded.original(start..start + part.len())]
        };
        assert_eq!(at("ou"), "Où");
        assert_eq!(at("soeur"), "sœur");
        assert_eq!(at("soeur zoe"), "sœur Zoé");
        assert_eq!(at("zoe ?"), "Zoé ?");
    }

    proptest! {
        #[test]
        fn mapped_ranges_are_character_boundaries(original: String) {
            let folded = Folded::new(&original);
            let text = folded.text();
            for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
                prop_assert!(original.get(folded.original(0..end)).is_some());
            }
            prop_assert_eq!(folded.original(0..text.len()).end, original.len());
        }
    }
}
