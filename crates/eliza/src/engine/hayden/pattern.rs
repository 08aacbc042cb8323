//! Patterns, as in `decomp:` lines, and the synonym lists that they use.

use std::collections::HashMap;
use std::iter;

use crate::engine::hayden::input;
use crate::engine::hayden::lexer::{Line, Token};
use crate::interner::{Id, Interner};
use crate::matching::Term;
use crate::problem::Problem;

/// A pattern for a sentence.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    pub(crate) terms: Vec<Term>,
    pub(crate) parts: Vec<usize>, // the terms that `(1)`, `(2)`, … refer to
}

/// Lists of words with the same meaning.
#[derive(Debug, Default)]
pub(crate) struct Synonyms {
    lists: Vec<List>,
    heads: HashMap<Id, usize>,
    members: HashMap<Id, usize>, // the first list that contains the word
}

#[derive(Debug, Default)]
struct List {
    words: Vec<Id>,
    term: Option<Term>, // built on first use and shared by all patterns
}

impl Pattern {
    /// Parses the tokens of a line.
    ///
    /// # Errors
    ///
    /// The pattern is empty, a token is not a term, or a synonym list is unknown.
    pub(crate) fn parse<'a>(
        line: Line<'a>,
        tokens: impl Iterator<Item = Token<'a>>,
        vocabulary: &mut Interner,
        synonyms: &mut Synonyms,
    ) -> Result<Self, Problem> {
        let mut pattern = Self::default();
        for piece in tokens.flat_map(pieces) {
            if piece.text == "*" {
                pattern.capture(Term::Any);
            } else if let Some(name) = piece.text.strip_prefix('@') {
                let list = input::words(name)
                    .next()
                    .and_then(|name| vocabulary.id(&name));
                let list = list.and_then(|name| synonyms.list(name));
                let what = || format!("no synonym list `{name}`");
                pattern.capture(list.ok_or_else(|| line.problem_at(Some(piece), what()))?);
            } else {
                let before = pattern.terms.len();
                let words = input::words(piece.text).map(|word| vocabulary.intern(&word));
                pattern.terms.extend(words.map(Term::Word));
                if pattern.terms.len() == before {
                    let what = "expected a word, `*` or `@` and a synonym list";
                    return Err(line.problem_at(Some(piece), what));
                }
            }
        }
        if pattern.terms.is_empty() {
            return Err(line.problem_at(None, "expected a pattern"));
        }
        Ok(pattern)
    }

    fn capture(&mut self, term: Term) {
        self.parts.push(self.terms.len());
        self.terms.push(term);
    }
}

impl Synonyms {
    /// Adds words to the list of the first one. A list may span several lines.
    pub(crate) fn add(&mut self, words: &[Id]) {
        let index = *self.heads.entry(words[0]).or_insert(self.lists.len());
        if index == self.lists.len() {
            self.lists.push(List::default());
        }
        self.lists[index].words.extend(words);
        for &word in words {
            self.members.entry(word).or_insert(index);
        }
    }

    /// Whether a pattern uses the list with this first word.
    pub(crate) fn is_used(&self, head: Id) -> bool {
        let list = self.heads.get(&head).map(|&index| &self.lists[index]);
        list.is_some_and(|list| list.term.is_some())
    }

    /// The list with this first word; otherwise, as in the Java program, the first that contains
    /// it.
    fn list(&mut self, name: Id) -> Option<Term> {
        let index = *self.heads.get(&name).or_else(|| self.members.get(&name))?;
        let list = &mut self.lists[index];
        let term = list
            .term
            .get_or_insert_with(|| Term::one_of(list.words.iter().copied()));
        Some(term.clone())
    }
}

/// Splits a token around each `*` and before each `@`: scripts write `my*` for `my *`.
fn pieces(token: Token<'_>) -> impl Iterator<Item = Token<'_>> {
    let Token { mut at, mut text } = token;
    iter::from_fn(move || {
        let first = text.chars().next()?;
        let length = match first {
            '*' => 1,
            // The first character may be the `@` itself.
            _ => text[first.len_utf8()..]
                .find(['*', '@'])
                .map_or(text.len(), |length| first.len_utf8() + length),
        };
        let piece = Token {
            at,
            text: &text[..length],
        };
        (at, text) = (at + length, &text[length..]);
        Some(piece)
    })
}
