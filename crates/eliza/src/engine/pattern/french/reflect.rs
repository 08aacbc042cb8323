//! Exchanges the first and second person: "j'aime ton chien" becomes "tu aimes mon chien".
//!
//! The friend says "tu" and accepts "tu" and "vous". The verb follows its subject; an inverted
//! question becomes a statement, which fits after "si" and "que". These are heuristics over word
//! lists, not a grammar.

use std::ops::Range;

use super::lists::{CLITICS, FEMININE, FEMININE_ENDINGS, FUNCTION_WORDS, MIRROR, lists};
use super::roles::{after, before, inverted, is_clitic, subject};
use super::verbs::Person;
use super::words::{Link, Word, asks_elision, words};

/// Reflects a part of a sentence. The words around the part decide ambiguous cases.
pub(super) fn reflect(sentence: &str, part: Range<usize>) -> String {
    let words = words(sentence);
    let turned = Reflected::of(sentence, &words);
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut done = part.start;
    for (index, word) in words.iter().enumerate() {
        if word.range.start < done || part.end < word.range.end {
            continue;
        }
        let mut between = &sentence[done..word.range.start];
        done = word.range.end;
        if let Some((_, subject, pronoun)) = turned.moved.iter().find(|moved| moved.0 == index)
            && words[*pronoun].range.end <= part.end
        {
            pieces.push(Piece::changed(between, subject));
            between = " ";
        }
        let is_moved = turned
            .moved
            .iter()
            .any(|&(start, _, pronoun)| pronoun == index && part.start <= words[start].range.start);
        if is_moved {
            continue;
        }
        pieces.push(match &turned.words[index] {
            Some(text) => Piece::changed(between, text),
            None if index == 0 && lists(FUNCTION_WORDS, &word.folded) => Piece {
                text: sentence[word.range.clone()].to_lowercase(),
                between,
                changed: false,
            },
            None => Piece {
                text: sentence[word.range.clone()].to_owned(),
                between,
                changed: false,
            },
        });
    }
    joined(&pieces) + &sentence[done.min(part.end)..part.end]
}

/// A word of the result, and the text before it.
struct Piece<'a> {
    between: &'a str,
    text: String,
    changed: bool,
}

impl<'a> Piece<'a> {
    fn changed(between: &'a str, text: &str) -> Self {
        Self {
            between,
            text: text.to_owned(),
            changed: true,
        }
    }
}

/// Joins words. Where one of them changed, the word before it loses its vowel or gets it back.
fn joined(pieces: &[Piece<'_>]) -> String {
    let mut text = String::new();
    let mut linked = false;
    for (index, piece) in pieces.iter().enumerate() {
        if !linked {
            text.push_str(piece.between);
        }
        linked = false;
        let next = pieces.get(index + 1);
        let next = next
            .filter(|next| matches!(next.between, " " | "'") && (piece.changed || next.changed));
        match next.and_then(|next| Some((next, full(&piece.text)?))) {
            Some((next, full)) if asks_elision(&next.text) => {
                text.push_str(&full[..full.len() - 1]);
                text.push('\'');
                linked = true;
            }
            Some((_, full)) => {
                text.push_str(full);
                text.push(' ');
                linked = true;
            }
            None => text.push_str(&piece.text),
        }
        // "J'ai" becomes "tu as".
        if next.is_some_and(|next| next.between == "'") && !linked {
            text.push(' ');
            linked = true;
        }
    }
    text
}

/// The full form of a word that may lose its vowel.
fn full(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let mut pairs = ["je", "me", "te", "ne", "le", "se", "de", "que"].into_iter();
    pairs.find(|full| full.strip_suffix('e') == Some(&word) || *full == word)
}

/// The replacements of the words of a sentence.
struct Reflected {
    words: Vec<Option<String>>,
    moved: Vec<(usize, &'static str, usize)>, // the word index to insert before, the subject, and the word index it replaces
}

impl Reflected {
    fn of(sentence: &str, words: &[Word]) -> Self {
        let mut turned = Self {
            words: vec![None; words.len()],
            moved: Vec::new(),
        };
        for index in 0..words.len() {
            if let Some(person) = subject(words, index) {
                turned.clause(sentence, words, index, person);
            } else if turned.words[index].is_none() {
                turned.words[index] = mirrored(words, index).map(str::to_owned);
            }
        }
        turned
    }

    /// Replaces a subject and its verb.
    fn clause(&mut self, sentence: &str, words: &[Word], index: usize, person: Person) {
        let inverted = inverted(words, index);
        let verb = inverted.or_else(|| {
            let mut verb = after(words, index)?;
            while lists(CLITICS, &words[verb].folded) {
                verb = after(words, verb)?;
            }
            Some(verb)
        });
        if let Some(verb) = inverted {
            let mut start = verb;
            while let Some(clitic) = before(words, start)
                && words[start].link != Link::Hyphen
                && lists(CLITICS, &words[clitic].folded)
            {
                start = clitic;
            }
            self.moved.push((start, person.turned(), index));
        } else if words[index].folded != "qui" {
            self.words[index] = Some(person.turned().to_owned());
        }
        if let Some(verb) = verb {
            let turned = person.turn(&sentence[words[verb].range.clone()]);
            self.words[verb] = Some(turned);
        }
    }
}

/// The replacement of a word that is not a subject, if it changes.
fn mirrored(words: &[Word], index: usize) -> Option<&'static str> {
    let here = words[index].folded.as_str();
    match here {
        _ if is_both_of_us(words, index) => None,
        // "A-t-il", and single letters.
        "t" | "m"
            if words
                .get(index + 1)
                .is_none_or(|next| next.link != Link::Apostrophe) =>
        {
            None
        }
        "vous" if is_clitic(words, index) => Some("me"),
        "vous" => Some("moi"),
        "votre"
            if before(words, index)
                .is_some_and(|word| ["le", "la"].contains(&words[word].folded.as_str())) =>
        {
            let la = before(words, index).is_some_and(|word| words[word].folded == "la");
            Some(if la { "mienne" } else { "mien" })
        }
        "votre" if after(words, index).is_some_and(|noun| is_feminine(&words[noun])) => Some("ma"),
        _ => {
            let found = MIRROR.iter().find(|(word, _)| *word == here);
            found.map(|&(_, turned)| turned)
        }
    }
}

/// Whether a noun takes "ma" rather than "mon": a guess by its ending.
fn is_feminine(noun: &Word) -> bool {
    let ends = |end: &str| noun.folded.ends_with(end);
    !asks_elision(&noun.folded)
        && (lists(FEMININE, &noun.folded) || FEMININE_ENDINGS.split_ascii_whitespace().any(ends))
}

/// Whether the word at `index` is part of "toi et moi", which does not change.
fn is_both_of_us(words: &[Word], index: usize) -> bool {
    let phrase = |start: usize| {
        let phrase = words.get(start..start + 3)?;
        let [first, second, third] = phrase else {
            return None;
        };
        let both = ["toi", "moi"].contains(&first.folded.as_str())
            && ["toi", "moi"].contains(&third.folded.as_str());
        Some(both && ["et", "ou"].contains(&second.folded.as_str()))
    };
    let starts = [Some(index), index.checked_sub(2)].into_iter().flatten();
    starts.filter_map(phrase).any(|both| both)
}

#[cfg(test)]
mod tests;
