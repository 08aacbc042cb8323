//! Reads the lists of a script. What is wrong in one rule does not hide what is wrong in the next.

use std::collections::{HashMap, HashSet};

use crate::classic::pieces::{Memory, Rule};
use crate::classic::response::MOST_REPLY_BYTES;
use crate::classic::source::Source;
use crate::classic::tokens::{Kind, Token, Tokens};
use crate::problem::Problem;
use crate::words::{Id, Vocabulary};

/// A script as it is written, before its rules are held against each other.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) vocabulary: Vocabulary,
    pub(super) opening: String,
    pub(super) rules: Vec<Rule>,
    pub(super) memory: Option<Memory>,
    /// Keywords that rules refer to, and where.
    pub(super) references: Vec<(Id, usize)>,
    /// Keywords of all rules, also of those that could not be read, and MEMORY; with their places.
    pub(super) keywords: HashMap<Id, usize>,
    /// Those that could not be read: whoever misses something of them is not told again.
    pub(super) broken: HashSet<Id>,
    pub(super) problems: Vec<Problem>,
}

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
    margin: Option<usize>,
}

/// The rule cannot be read any further, for this reason.
pub(super) struct Unreadable(Problem);

pub(super) type Parsed<T> = Result<T, Unreadable>;

/// Reads all of it.
pub(super) fn read(text: &str, source: &Source, vocabulary: Vocabulary) -> Written {
    let mut tokens = Tokens::new(text, 0);
    let mut parser = Parser {
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
    };
    parser.script();
    parser.written
}

impl Parser<'_> {
    fn script(&mut self) {
        let opening = self.opening();
        self.recover(opening);
        if self.token.kind == Kind::Word("START".to_owned()) {
            self.advance();
        }
        while self.token.kind != Kind::End && self.written.problems.len() < MOST_PROBLEMS {
            let rule = self.rule();
            self.recover(rule);
        }
    }

    /// The words that a talk begins with, which may be none.
    fn opening(&mut self) -> Parsed<()> {
        let at = self.token.start;
        self.expect(&Kind::Open, "'(' and the words to open with")?;
        self.margin = None;
        let mut words = Vec::new();
        while self.token.kind != Kind::Close {
            words.push(self.word_or_number("a word to open with, or ')'")?);
        }
        self.advance();
        self.written.opening = words.join(" ");
        if MOST_REPLY_BYTES < self.written.opening.len() {
            let what = format!("the opening has at most {MOST_REPLY_BYTES} bytes");
            self.complain(at, what);
        }
        Ok(())
    }

    /// A list: a rule, or nothing.
    fn rule(&mut self) -> Parsed<()> {
        self.expect(&Kind::Open, "'(' and a rule")?;
        self.margin = None;
        if self.token.kind == Kind::Close {
            self.advance();
            return Ok(());
        }
        let at = self.token.start;
        let keyword = self.word("a keyword, or ')'")?;
        if let Some(before) = self.written.keywords.get(&keyword) {
            let before = self.source.line(*before);
            let word = self.written.vocabulary.text(keyword);
            let what = format!("{word} has a rule already, in line {before}");
            self.complain(at, what);
        } else {
            self.written.keywords.insert(keyword, at);
        }
        let read = match self.written.vocabulary.text(keyword) {
            "MEMORY" => self.memory(at),
            _ => self.body(keyword, at),
        };
        if read.is_err() {
            self.written.broken.insert(keyword);
        }
        read
    }

    /// What follows a keyword, up to the end of its rule.
    fn body(&mut self, keyword: Id, at: usize) -> Parsed<()> {
        let mut rule = Rule {
            at,
            keyword,
            precedence: 0,
            substitute: None,
            tags: Vec::new(),
            transformations: Vec::new(),
            reference: None,
        };
        if self.token.kind == Kind::Close {
            let word = self.written.vocabulary.text(keyword);
            let what = format!("the rule of {word} is empty");
            self.complain(at, what);
        }
        while self.token.kind != Kind::Close {
            self.part(&mut rule)?;
        }
        self.advance();
        self.written.rules.push(rule);
        Ok(())
    }

    fn part(&mut self, rule: &mut Rule) -> Parsed<()> {
        match &self.token.kind {
            Kind::Equals => {
                self.advance();
                rule.substitute = Some(self.word("a word after '='")?);
            }
            Kind::Number(number) => {
                rule.precedence = u32::try_from(*number).unwrap_or(u32::MAX);
                self.advance();
            }
            Kind::Word(word) if word == "DLIST" => {
                self.advance();
                self.expect(&Kind::Open, "'(' and the tags of DLIST")?;
                rule.tags = self.tags()?;
            }
            Kind::Open => {
                self.advance();
                if self.token.kind == Kind::Equals {
                    rule.reference = Some(self.reference()?);
                    self.is("')': nothing follows a reference", &Kind::Close)?;
                } else {
                    let transformation = self.transformation()?;
                    rule.transformations.push(transformation);
                }
            }
            _ => return Err(self.expected("'(', ')', '=', a precedence or DLIST")),
        }
        Ok(())
    }

    /// `= KEYWORD )`, to another rule.
    pub(super) fn reference(&mut self) -> Parsed<Id> {
        self.expect(&Kind::Equals, "'=' and a keyword")?;
        let at = self.token.start;
        let keyword = self.word("a keyword after '='")?;
        self.expect(&Kind::Close, "')' after the keyword")?;
        self.written.references.push((keyword, at));
        Ok(keyword)
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
    fn is(&self, what: &str, kind: &Kind) -> Parsed<()> {
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
                if self.is_at_margin() {
                    self.margin = Some(self.token.start);
                }
            }
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            _ => (),
        }
        self.behind = self.token.end;
        self.token = self.tokens.next();
    }

    /// After an error, goes on with the next rule: behind the parenthesis that closes this one, or
    /// where one opens at the beginning of a line.
    fn recover(&mut self, read: Parsed<()>) {
        let Err(Unreadable(problem)) = read else {
            return;
        };
        let here =
            (self.token.kind == Kind::Open && self.is_at_margin()).then_some(self.token.start);
        let margin = self
            .margin
            .take()
            .filter(|&at| self.source.line(at) == problem.line);
        if let Some(at) = here.or(margin).filter(|_| 0 < self.depth) {
            self.complain(at, "expected ')' before the next rule");
            self.tokens = Tokens::new(self.text, at);
            self.token = self.tokens.next();
        } else {
            self.note(problem);
            while self.token.kind != Kind::End && !self.is_at_next_rule() {
                self.advance();
            }
        }
        self.depth = 0;
    }

    fn is_at_next_rule(&self) -> bool {
        self.token.kind == Kind::Open && (self.depth == 0 || self.is_at_margin())
    }

    fn is_at_margin(&self) -> bool {
        let before = &self.text[..self.token.start];
        before.is_empty() || before.ends_with(['\n', '\r'])
    }

    /// Notes what is wrong, but no obstacle to reading on.
    pub(super) fn complain(&mut self, at: usize, what: impl Into<String>) {
        self.note(self.source.problem(at, what));
    }

    fn note(&mut self, problem: Problem) {
        if self.written.problems.len() < MOST_PROBLEMS {
            self.written.problems.push(problem);
        }
    }
}

/// As many problems are told: more are not read, and most follow from the first ones.
pub(super) const MOST_PROBLEMS: usize = 100;

/// A word of a script has as many bytes. It may stand for each word of a line.
pub(super) const MOST_WORD_BYTES: usize = 256;
