//! Patterns of terms, fitted to words in linear time.

use std::ops::Range;
use std::sync::Arc;

use crate::interner::Id;

/// One term of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Any number of words, as few as possible; none included.
    Any,
    /// That many words, at least one.
    Exactly(usize),
    /// This word.
    Word(Id),
    /// One of these words, which are sorted.
    OneOf(Arc<[Id]>),
}

/// Fits patterns to words, and keeps its room from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    parts: Vec<Range<usize>>,
    /// How often a term was held against a word, so that whoever matches again and again has
    /// something to bound. One match adds at most the number of its terms and the square of that of
    /// its words.
    pub(crate) comparisons: usize,
}

impl Term {
    /// One word of these; of a single one, that word.
    pub(crate) fn one_of(words: impl IntoIterator<Item = Id>) -> Self {
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable();
        words.dedup();
        match words[..] {
            [word] => Self::Word(word),
            _ => Self::OneOf(words.into()),
        }
    }

    /// How many words it takes; for `Any`, at least.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Exactly(words) => *words,
            Self::Word(_) | Self::OneOf(_) => 1,
        }
    }

    /// Whether it takes these words, of which there are as many as it takes.
    fn takes(&self, words: &[Id]) -> bool {
        match self {
            Self::Any | Self::Exactly(_) => true,
            Self::Word(word) => words[0] == *word,
            Self::OneOf(some) => some.binary_search(&words[0]).is_ok(),
        }
    }
}

impl Matcher {
    /// Whether `terms` fit all of `words`; then [`parts`] tells what each term took.
    ///
    /// Every `Any` takes as few words as it can, the first of them first. There is no going back:
    /// what stands between one `Any` and the next is put at the first place where it fits, which
    /// leaves the most room for the rest, and what follows the last one is put at the end.
    ///
    /// [`parts`]: Self::parts
    pub(crate) fn fit(&mut self, terms: &[Term], words: &[Id]) -> bool {
        self.parts.clear();
        let mut from = 0; // the words before it are taken
        let mut segments = terms.chunk_by(|_, next| *next != Term::Any).peekable();
        while let Some(segment) = segments.next() {
            let (floats, fixed) = match segment {
                [Term::Any, fixed @ ..] => (true, fixed),
                fixed => (false, fixed),
            };
            let length = fixed.iter().map(Term::words).fold(0, usize::saturating_add);
            self.comparisons += segment.len();
            let Some(last) = words.len().checked_sub(length).filter(|&last| from <= last) else {
                return false;
            };
            let start = match (floats, segments.peek().is_none()) {
                (true, false) => (from..=last).find(|&at| self.stands(fixed, &words[at..])),
                (true, true) => self.stands(fixed, &words[last..]).then_some(last),
                (false, false) => self.stands(fixed, &words[from..]).then_some(from),
                (false, true) => {
                    (from == last && self.stands(fixed, &words[from..])).then_some(from)
                }
            };
            let Some(start) = start else {
                return false;
            };
            if floats {
                self.parts.push(from..start);
            }
            from = self.take(fixed, start);
        }
        from == words.len()
    }

    /// What each term took of the words in the last match, if they fitted.
    pub(crate) fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }

    /// Whether these terms, none of them `Any`, take the first of these words, which are enough.
    fn stands(&mut self, fixed: &[Term], words: &[Id]) -> bool {
        let mut rest = words;
        fixed.iter().all(|term| {
            self.comparisons += 1;
            let (taken, behind) = rest.split_at(term.words());
            rest = behind;
            term.takes(taken)
        })
    }

    fn take(&mut self, fixed: &[Term], start: usize) -> usize {
        fixed.iter().fold(start, |start, term| {
            let end = start + term.words();
            self.parts.push(start..end);
            end
        })
    }
}

#[cfg(test)]
mod tests;
