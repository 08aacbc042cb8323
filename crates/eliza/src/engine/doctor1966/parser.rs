//! What reading a script is made of: one token after the other, and going on after an error.

use crate::engine::doctor1966::lexer::{Kind, Token, Tokens};
use crate::engine::doctor1966::parse::Written;
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Vocabulary};
use crate::problem::{ENDS_OF_LINE, MOST_PROBLEMS, Problem};

/// Reads a script with one token of foresight.
pub(super) struct Parser<'a> {
    pub(super) source: &'a Source,
    pub(super) written: Written,
    pub(super) token: Token,
    /// Where the token before it ends.
    pub(super) behind: usize,
    tokens: Tokens<'a>,
    text: &'a str,
    depth: usize,
    /// The latest parenthesis inside of a rule that opens at the beginning of a line. Likely it is
    /// the next rule, if there is an error in its line.
    pub(super) margin: Option<usize>,
}

/// The rule cannot be read any further, for this reason.
pub(super) struct Unreadable(Problem);

pub(super) type Parsed<T> = Result<T, Unreadable>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, source: &'a Source, vocabulary: Vocabulary) -> Self {
        let mut tokens = Tokens::new(text, 0);
        Self {
            source,
            written: Written {
                vocabulary,
                ..Written::default()
            },
            token: tokens.next(),
            behind: 0,
            tokens,
            text,
            depth: 0,
            margin: None,
        }
    }

    /// A word, by its id.
    pub(super) fn word(&mut self, what: &str) -> Parsed<Id> {
        let Kind::Word(word) = &self.token.kind else {
            return Err(self.expected(what));
        };
        let (id, length) = (self.written.vocabulary.intern(word), word.len());
        if MOST_WORD_BYTES < length {
            let what = format!("a word has at most {MOST_WORD_BYTES} bytes");
            self.complain(self.token.start, what);
        }
        self.advance();
        Ok(id)
    }

    /// A word, or a number as it is written.
    pub(super) fn word_or_number(&mut self, what: &str) -> Parsed<String> {
        let word = match &self.token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Number(_) => self.text[self.token.start..self.token.end].to_owned(),
            _ => return Err(self.expected(what)),
        };
        self.advance();
        Ok(word)
    }

    pub(super) fn expect(&mut self, kind: &Kind, what: &str) -> Parsed<()> {
        self.is(what, kind)?;
        self.advance();
        Ok(())
    }

    /// That this comes next, which stays.
    pub(super) fn is(&self, what: &str, kind: &Kind) -> Parsed<()> {
        if self.token.kind == *kind {
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// That the next token is not what it must be.
    pub(super) fn expected(&self, what: &str) -> Unreadable {
        let found = match &self.token.kind {
            Kind::Open => "'('",
            Kind::Close => "')'",
            Kind::Equals => "'='",
            Kind::Number(_) => "a number",
            Kind::Word(_) => "a word",
            Kind::End => "the end",
        };
        let what = format!("expected {what}, not {found}");
        Unreadable(self.source.problem(self.token.start, what))
    }

    pub(super) fn advance(&mut self) {
        match self.token.kind {
            Kind::Open => {
                self.depth += 1;
                if self.is_at_margin() && self.is_before_word() {
                    self.margin = Some(self.token.start);
                }
            }
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            _ => (),
        }
        self.behind = self.token.end;
        self.token = self.tokens.next();
    }

    /// After an error in the list that begins at byte `start`, goes on with the next rule: behind the
    /// parenthesis that closes this one, or, if nothing does, where one opens at the beginning of a
    /// line.
    pub(super) fn recover(&mut self, start: usize, read: Parsed<()>) {
        let Err(Unreadable(problem)) = read else {
            return;
        };
        if let Some(end) = end_of_list(self.text, start) {
            self.go_to(end);
            self.depth = 0;
            return self.note(problem);
        }
        let here = self.is_at_next_rule() && self.is_at_margin();
        let here = here.then_some(self.token.start);
        let margin = self
            .margin
            .take()
            .filter(|&at| self.source.line(at) == problem.line);
        if let Some(at) = here.or(margin).filter(|_| 0 < self.depth) {
            self.go_to(at);
            self.complain(at, "expected ')' before the next rule");
        } else {
            self.note(problem);
            while self.token.kind != Kind::End && !self.is_at_next_rule() {
                self.advance();
            }
        }
        self.depth = 0;
    }

    fn go_to(&mut self, at: usize) {
        self.tokens = Tokens::new(self.text, at);
        self.token = self.tokens.next();
    }

    fn is_at_next_rule(&self) -> bool {
        self.token.kind == Kind::Open
            && (self.depth == 0 || self.is_at_margin() && self.is_before_word())
    }

    /// Whether a word follows on the next token, as on the parenthesis that opens a rule.
    fn is_before_word(&self) -> bool {
        matches!(self.tokens.clone().next().kind, Kind::Word(_))
    }

    fn is_at_margin(&self) -> bool {
        let before = &self.text[..self.token.start];
        before.is_empty() || before.ends_with(ENDS_OF_LINE)
    }

    /// Notes what is wrong, but no obstacle to reading on.
    pub(super) fn complain(&mut self, at: usize, what: impl Into<String>) {
        if !self.is_full() {
            self.note(self.source.problem(at, what));
        }
    }

    /// Notes a problem. Behind the last for which there is room, the script is not read any further.
    fn note(&mut self, problem: Problem) {
        if !self.is_full() {
            self.written.problems.push(problem);
        }
        if self.is_full() {
            self.tokens = Tokens::new(self.text, self.text.len());
        }
    }

    fn is_full(&self) -> bool {
        MOST_PROBLEMS <= self.written.problems.len()
    }
}

/// Where the list that begins at a byte is over, if it is a list, and anything closes it.
fn end_of_list(text: &str, start: usize) -> Option<usize> {
    let (mut depth, mut is_comment) = (0, false);
    for (at, character) in text[start..].char_indices() {
        match character {
            _ if is_comment => is_comment = !ENDS_OF_LINE.contains(&character),
            ';' => is_comment = true,
            '(' => depth += 1,
            ')' if 1 < depth => depth -= 1,
            ')' if depth == 1 => return Some(start + at + 1),
            _ if depth == 0 => return None,
            _ => (),
        }
    }
    None
}

/// A word of a script has as many bytes. It may stand for each word of a line.
pub(super) const MOST_WORD_BYTES: usize = 256;
