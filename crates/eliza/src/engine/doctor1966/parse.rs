//! Reads the lists of a script. What is wrong in one rule does not hide what is wrong in the next.

use std::collections::{HashMap, HashSet};

use crate::engine::doctor1966::ast::{Memory, Rule};
use crate::engine::doctor1966::lexer::Kind;
use crate::engine::doctor1966::parser::{Parsed, Parser};
use crate::engine::doctor1966::reassembly::MOST_REPLY_BYTES;
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Vocabulary};
use crate::problem::{MOST_PROBLEMS, Problem};

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

/// Reads all of it.
pub(super) fn read(text: &str, source: &Source, vocabulary: Vocabulary) -> Written {
    let mut parser = Parser::new(text, source, vocabulary);
    parser.script();
    parser.written
}

impl Parser<'_> {
    fn script(&mut self) {
        let start = self.token.start;
        let opening = self.opening();
        self.recover(start, opening);
        if self.token.kind == Kind::Word("START".to_owned()) {
            self.advance();
        }
        while self.token.kind != Kind::End && self.written.problems.len() < MOST_PROBLEMS {
            let start = self.token.start;
            let rule = self.rule();
            self.recover(start, rule);
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
        let before = self.written.keywords.get(&keyword).copied();
        if let Some(before) = before {
            let before = self.source.line(before);
            let word = self.written.vocabulary.text(keyword);
            let what = format!("{word} has a rule already, in line {before}");
            self.complain(at, what);
        } else {
            self.written.keywords.insert(keyword, at);
        }
        let is_memory = self.written.vocabulary.text(keyword) == "MEMORY";
        if self.token.kind == Kind::Close && !is_memory {
            if before.is_none() {
                let word = self.written.vocabulary.text(keyword);
                let what = format!("the rule of {word} is empty");
                self.complain(at, what);
            }
            self.written.broken.insert(keyword);
            self.advance();
            return Ok(());
        }
        let read = if is_memory {
            self.memory(at)
        } else {
            self.body(keyword, at)
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
}
