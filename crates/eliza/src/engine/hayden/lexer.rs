//! Splits a script into tagged lines and tokens, with their positions.

use std::iter;

use crate::chars::is_blank;
use crate::problem::Problem;

/// A line that is neither empty nor a comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) number: usize, // from 1
    text: &'a str,            // the whole line
    rest: usize,              // start of the text after the tag
}

/// A word of a line, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) at: usize, // byte offset in the line
    pub(crate) text: &'a str,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Initial,
    Final,
    Quit,
    Pre,
    Post,
    Synon,
    Key,
    Decomp,
    Reasmb,
}

/// The lines of a script without empty lines and comments, which start with `#` or `;`.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let numbered = text.split('\n').enumerate();
    let lines = numbered.map(|(index, text)| Line {
        number: index + 1,
        text,
        rest: 0,
    });
    lines.filter(|line| {
        let first = line.text.trim_start_matches(is_blank).chars().next();
        first.is_some_and(|first| !matches!(first, '#' | ';'))
    })
}

impl Token<'_> {
    /// The token without its first byte, which must be ASCII; `None` if nothing remains.
    pub(crate) fn without_first(self) -> Option<Self> {
        let text = self.text.get(1..).filter(|text| !text.is_empty())?;
        Some(Self {
            at: self.at + 1,
            text,
        })
    }
}

impl<'a> Line<'a> {
    /// The tag, and the line positioned after it.
    ///
    /// # Errors
    ///
    /// The line is too long, or has no tag or an unknown one.
    pub(crate) fn tagged(self) -> Result<(Tag, Self), Problem> {
        let start = self.text.len() - self.text.trim_start_matches(is_blank).len();
        if MAX_BYTES < self.text.len() {
            let what = format!("a line is at most {MAX_BYTES} bytes");
            return Err(self.problem(start, what));
        }
        let Some(length) = self.text[start..].find(':') else {
            return Err(self.problem(start, "expected a tag and a colon, such as `key:`"));
        };
        let end = start + length;
        let name = self.text[start..end].trim_end_matches(is_blank);
        match TAGS.iter().find(|(known, _)| *known == name) {
            Some(&(_, tag)) => Ok((
                tag,
                Self {
                    rest: end + 1,
                    ..self
                },
            )),
            None => {
                let known = TAGS.map(|(name, _)| format!("`{name}:`")).join(", ");
                Err(self.problem(start, format!("expected one of the tags {known}")))
            }
        }
    }

    /// The words after the tag.
    pub(crate) fn tokens(self) -> impl Iterator<Item = Token<'a>> {
        let Self { text, mut rest, .. } = self;
        iter::from_fn(move || {
            let at = rest + text[rest..].find(|c| !is_blank(c))?;
            rest = text[at..]
                .find(is_blank)
                .map_or(text.len(), |length| at + length);
            Some(Token {
                at,
                text: &text[at..rest],
            })
        })
    }

    /// From `token` to the end of the line.
    pub(crate) fn from(self, token: Token<'a>) -> &'a str {
        self.text[token.at..].trim_end_matches(is_blank)
    }

    /// A problem at the token, or at the end of the line if the token is missing.
    pub(crate) fn problem_at(self, token: Option<Token<'_>>, what: impl Into<String>) -> Problem {
        let end = self.text.trim_end_matches(is_blank).len();
        self.problem(token.map_or(end, |token| token.at), what)
    }

    /// A problem at the start of the line.
    pub(crate) fn problem_at_start(self, what: impl Into<String>) -> Problem {
        let start = self.text.len() - self.text.trim_start_matches(is_blank).len();
        self.problem(start, what)
    }

    /// A problem at a byte of the line. `Problem::at` would have to count the lines before it each
    /// time.
    fn problem(self, at: usize, what: impl Into<String>) -> Problem {
        Problem {
            line: self.number,
            column: 1 + self.text[..at].chars().count(),
            what: what.into(),
        }
    }
}

/// Whether a line of this format may start with this tag.
pub(crate) fn is_tag(name: &str) -> bool {
    TAGS.iter().any(|(known, _)| *known == name)
}

/// The maximum length of a line. It limits each word, pattern and reply, and what traces contain.
const MAX_BYTES: usize = 4096;

const TAGS: [(&str, Tag); 9] = [
    ("initial", Tag::Initial),
    ("final", Tag::Final),
    ("quit", Tag::Quit),
    ("pre", Tag::Pre),
    ("post", Tag::Post),
    ("synon", Tag::Synon),
    ("key", Tag::Key),
    ("decomp", Tag::Decomp),
    ("reasmb", Tag::Reasmb),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_numbers_tags_and_words() {
        let text = "# a remark\r\n\n key : ä\u{b}b\tc \r\n  ; another\ndecomp:";
        let found: Vec<_> = lines(text)
            .map(|line| line.tagged().expect("it has a tag"))
            .collect();
        let [(Tag::Key, key), (Tag::Decomp, decomp)] = found[..] else {
            panic!("{found:?}");
        };
        let tokens: Vec<_> = key.tokens().map(|token| (token.at, token.text)).collect();
        assert_eq!(tokens, [(7, "ä"), (10, "b"), (12, "c")]);
        let second = key.tokens().nth(1).expect("there are three");
        assert_eq!(key.from(second), "b\tc");
        assert_eq!(key.problem_at(Some(second), "no").to_string(), "3:10: no");
        assert_eq!(key.problem_at(None, "no").to_string(), "3:13: no");
        assert_eq!(key.problem_at_start("no").to_string(), "3:2: no");
        assert_eq!((decomp.number, decomp.tokens().count()), (5, 0));
    }
}
