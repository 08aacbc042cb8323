//! Matches patterns of terms against words, without backtracking.

use std::ops::Range;
use std::sync::Arc;

use crate::interner::Id;

/// One term of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Any number of words, none included; as few as possible.
    Any,
    /// Exactly this many words, at least one.
    Exactly(usize),
    /// This word.
    Word(Id),
    /// One of these words. The list is sorted.
    OneOf(Arc<[Id]>),
}

/// Matches patterns and reuses its buffer.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    parts: Vec<Range<usize>>,
    /// How often a term was compared with a word. Engines that match in a loop use it to limit the
    /// work. One match adds at most the number of terms plus the square of the number of words.
    pub(crate) comparisons: usize,
}

impl Term {
    /// A term for one of these words.
    pub(crate) fn one_of(words: impl IntoIterator<Item = Id>) -> Self {
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable();
        words.dedup();
        match words[..] {
            [word] => Self::Word(word),
            _ => Self::OneOf(words.into()),
        }
    }

    /// The number of words it matches; for `Any`, the minimum.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Exactly(words) => *words,
            Self::Word(_) | Self::OneOf(_) => 1,
        }
    }

    /// Whether it matches these words. Their number is [`Self::words`].
    fn matches(&self, words: &[Id]) -> bool {
        match self {
            Self::Any | Self::Exactly(_) => true,
            Self::Word(word) => words[0] == *word,
            Self::OneOf(some) => some.binary_search(&words[0]).is_ok(),
        }
    }
}

impl Matcher {
    /// Whether `terms` match all of `words`. If so, [`parts`] returns what each term matched.
    ///
    /// Every `Any` takes as few words as possible, from left to right. No backtracking is needed:
    /// the fixed terms between two `Any`s are placed at the first position where they match, which
    /// leaves the most words for the rest, and the terms after the last `Any` are placed at the
    /// end.
    ///
    /// [`parts`]: Self::parts
    pub(crate) fn matches(&mut self, terms: &[Term], words: &[Id]) -> bool {
        self.parts.clear();
        let mut from = 0; // words before it are matched
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
                (true, false) => (from..=last).find(|&at| self.fixed_match(fixed, &words[at..])),
                (true, true) => self.fixed_match(fixed, &words[last..]).then_some(last),
                (false, false) => self.fixed_match(fixed, &words[from..]).then_some(from),
                (false, true) => {
                    (from == last && self.fixed_match(fixed, &words[from..])).then_some(from)
                }
            };
            let Some(start) = start else {
                return false;
            };
            if floats {
                self.parts.push(from..start);
            }
            from = self.record_parts(fixed, start);
        }
        from == words.len()
    }

    /// The words that each term matched in the last successful match.
    pub(crate) fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }

    /// Whether these terms, none of them `Any`, match the first of these words. There are enough
    /// words.
    fn fixed_match(&mut self, fixed: &[Term], words: &[Id]) -> bool {
        let mut rest = words;
        fixed.iter().all(|term| {
            self.comparisons += 1;
            let (taken, after) = rest.split_at(term.words());
            rest = after;
            term.matches(taken)
        })
    }

    fn record_parts(&mut self, fixed: &[Term], start: usize) -> usize {
        fixed.iter().fold(start, |start, term| {
            let end = start + term.words();
            self.parts.push(start..end);
            end
        })
    }
}

#[cfg(test)]
mod tests;
