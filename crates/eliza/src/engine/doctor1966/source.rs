//! The text of a script, for positions in problems and excerpts in traces.

use std::ops::Range;

use crate::engine::doctor1966::lexer::{Kind, Tokens};
use crate::problem::{LineIndex, Problem};

/// A text and the start of each of its lines.
#[derive(Debug)]
pub(super) struct Source {
    text: Box<str>,
    lines: LineIndex,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        Self {
            lines: LineIndex::new(text.as_bytes()),
            text: text.into(),
        }
    }

    /// The length in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.line(at)
    }

    /// A problem at a byte of the text or at its end.
    pub(super) fn problem(&self, at: usize, what: impl Into<String>) -> Problem {
        self.lines.problem(self.text.as_bytes(), at, what)
    }

    /// The text at `place`, in one line without comments.
    pub(super) fn excerpt(&self, place: &Range<usize>) -> String {
        let mut tokens = Tokens::new(&self.text[..place.end], place.start);
        let mut excerpt = String::new();
        loop {
            let token = tokens.next();
            let is_joined = excerpt.is_empty() || excerpt.ends_with(['(', '=']);
            if !is_joined && !matches!(token.kind, Kind::Close | Kind::End) {
                excerpt.push(' ');
            }
            match token.kind {
                Kind::End => return excerpt,
                Kind::Word(word) => excerpt.push_str(&word),
                _ => excerpt.push_str(&self.text[token.start..token.end]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line() {
        let text = "(0  you ; who?\n\t( * want need)0) (pre (a 3)\n( = b))";
        let source = Source::new(text);
        let all = source.excerpt(&(0..text.len()));
        assert_eq!(all, "(0 YOU (* WANT NEED) 0) (PRE (A 3) (=B))");
        assert_eq!(source.excerpt(&(4..7)), "YOU");
    }
}
