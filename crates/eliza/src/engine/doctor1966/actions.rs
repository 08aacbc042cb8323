//! Reads the transformations of a script: patterns, and what is said to them.

use crate::engine::doctor1966::ast::{
    Action, Memory, Pattern, Piece, Reply, Tagged, Transformation,
};
use crate::engine::doctor1966::lexer::Kind;
use crate::engine::doctor1966::parser::{MOST_WORD_BYTES, Parsed, Parser};
use crate::interner::Id;
use crate::matching::Term;

/// Each of these goes up to, and over, the parenthesis that closes what it reads.
impl Parser<'_> {
    /// `( PATTERN ) REPLY... )`, behind the parenthesis that opens it.
    pub(super) fn transformation(&mut self) -> Parsed<Transformation> {
        let start = self.token.start;
        self.expect(&Kind::Open, "'(' and a pattern, or '=' and a keyword")?;
        let pattern = self.pattern(start, &Kind::Close, "a term of the pattern, or ')'")?;
        let mut replies = Vec::new();
        while replies.is_empty() || self.token.kind != Kind::Close {
            let start = self.token.start;
            let what = match replies[..] {
                [] => "'(' and a reply",
                _ => "'(' and a reply, or ')'",
            };
            self.expect(&Kind::Open, what)?;
            let action = self.action(pattern.terms.len())?;
            let at = start..self.behind;
            replies.push(Reply { at, action });
        }
        self.advance();
        if MOST_REPLIES < replies.len() {
            let what = format!("a pattern has at most {MOST_REPLIES} replies");
            self.complain(start, what);
        }
        Ok(Transformation {
            pattern,
            replies,
            slot: None,
        })
    }

    /// `KEYWORD ( PATTERN = REPLY )... )`, the rule of what is remembered.
    pub(super) fn memory(&mut self, at: usize) -> Parsed<()> {
        let keyword_at = self.token.start;
        let keyword = self.word("the keyword of MEMORY")?;
        let mut transformations = Vec::new();
        while self.token.kind == Kind::Open {
            self.advance();
            let start = self.token.start;
            let pattern = self.pattern(start, &Kind::Equals, "a term of the pattern, or '='")?;
            if self.token.kind == Kind::Close {
                self.complain(self.token.start, "there is nothing to remember");
            }
            let pieces = self.pieces(pattern.terms.len())?;
            transformations.push((pattern, pieces));
        }
        self.expect(&Kind::Close, "'(' and a transformation, or ')'")?;
        if transformations.len() != 4 {
            let count = transformations.len();
            let what = format!("MEMORY has four transformations, not {count}");
            self.complain(at, what);
        }
        self.written.memory = Some(Memory {
            at: keyword_at,
            keyword,
            transformations,
        });
        Ok(())
    }

    /// The terms of a pattern up to and over what ends it.
    fn pattern(&mut self, start: usize, end: &Kind, what: &str) -> Parsed<Pattern> {
        let mut terms = Vec::new();
        let mut tagged = Vec::new();
        while self.token.kind != *end {
            let at = self.token.start;
            match self.token.kind {
                Kind::Number(words) => {
                    self.advance();
                    terms.push(match words {
                        0 => Term::Any,
                        words => Term::Exactly(words),
                    });
                }
                Kind::Open => {
                    self.advance();
                    let (words, tags) = self.one_of()?;
                    let term = terms.len();
                    tagged.extend(tags.map(|tags| Tagged { term, at, tags }));
                    terms.push(Term::one_of(words));
                }
                _ => terms.push(Term::Word(self.word(what)?)),
            }
        }
        if terms.is_empty() {
            self.complain(start, "the pattern is empty");
        }
        let inner = start..self.behind;
        self.advance();
        let at = match end {
            Kind::Close => start..self.behind,
            _ => inner, // what ends it is not its own
        };
        Ok(Pattern { at, terms, tagged })
    }

    /// `* WORD... )` or `/ TAG... )`: words, or the tags that they are known by.
    fn one_of(&mut self) -> Parsed<(Vec<Id>, Option<Vec<Id>>)> {
        match &self.token.kind {
            Kind::Word(first) if first.starts_with('/') => Ok((Vec::new(), Some(self.tags()?))),
            Kind::Word(first) if first.starts_with('*') => Ok((self.listed('*', "a word")?, None)),
            _ => Err(self.expected("'*' and words, or '/' and tags")),
        }
    }

    /// `/ TAG... )`, as in patterns and behind DLIST.
    pub(super) fn tags(&mut self) -> Parsed<Vec<Id>> {
        self.listed('/', "a tag")
    }

    /// Words, at least one, with a mark before them.
    fn listed(&mut self, mark: char, what: &str) -> Parsed<Vec<Id>> {
        let mut ids = Vec::new();
        let mut is_first = true;
        while is_first || self.token.kind != Kind::Close {
            let word = match ids[..] {
                [] => self.word_or_number(what)?,
                _ => self.word_or_number(&format!("{what}, or ')'"))?,
            };
            let bare = word
                .strip_prefix(mark)
                .filter(|_| is_first)
                .unwrap_or(&word);
            if !bare.is_empty() {
                ids.push(self.written.vocabulary.intern(bare));
            } else if self.token.kind == Kind::Close {
                return Err(self.expected(&format!("something after '{mark}'")));
            }
            is_first = false;
        }
        self.advance();
        Ok(ids)
    }

    /// What a reply does.
    fn action(&mut self, parts: usize) -> Parsed<Action> {
        if self.token.kind == Kind::Equals {
            return Ok(Action::Refer(self.reference()?));
        }
        let Kind::Word(first) = &self.token.kind else {
            return Ok(Action::Say(self.pieces(parts)?));
        };
        let (is_newkey, is_pre) = (first == "NEWKEY", first == "PRE");
        let first = Piece::Word(self.word("a word")?);
        if is_newkey && self.token.kind == Kind::Close {
            self.advance();
            return Ok(Action::NewKey);
        }
        if is_pre && self.token.kind == Kind::Open {
            return self.rewrite(parts);
        }
        let mut pieces = vec![first];
        pieces.append(&mut self.pieces(parts)?);
        Ok(Action::Say(pieces))
    }

    /// `( REPLY ) ( = KEYWORD ) )`, what follows PRE.
    fn rewrite(&mut self, parts: usize) -> Parsed<Action> {
        self.advance();
        let pieces = self.pieces(parts)?;
        self.expect(&Kind::Open, "'(' and '=' and a keyword")?;
        let keyword = self.reference()?;
        self.expect(&Kind::Close, "')': nothing follows a reference")?;
        Ok(Action::Rewrite(pieces, keyword))
    }

    /// Words, and numbers of parts, of which there are so many.
    fn pieces(&mut self, parts: usize) -> Parsed<Vec<Piece>> {
        let mut pieces = Vec::new();
        loop {
            match self.token.kind {
                Kind::Close => {
                    self.advance();
                    return Ok(pieces);
                }
                Kind::Number(number) => pieces.push(Piece::Part(self.part_number(number, parts)?)),
                Kind::Open => pieces.push(Piece::Word(self.nested()?)),
                _ => {
                    let what = "a word, the number of a part, or ')'";
                    pieces.push(Piece::Word(self.word(what)?));
                }
            }
        }
    }

    /// The index of the part that has this number.
    fn part_number(&mut self, number: usize, parts: usize) -> Parsed<usize> {
        let at = self.token.start;
        let written = self.word_or_number("the number of a part")?;
        if !(1..=parts).contains(&number) {
            let s = if parts == 1 { "" } else { "s" };
            let what = format!("there is no part {written}: the pattern has {parts} term{s}");
            self.complain(at, what);
        }
        Ok(number.saturating_sub(1))
    }

    /// A list within a reply, which is said as it is: one word with blanks in it.
    fn nested(&mut self) -> Parsed<Id> {
        let at = self.token.start;
        self.advance();
        let mut words = Vec::new();
        while self.token.kind != Kind::Close {
            words.push(self.word_or_number("a word, or ')'")?);
        }
        self.advance();
        let list = format!("({})", words.join(" "));
        if MOST_WORD_BYTES < list.len() {
            let what = format!("a list in a reply has at most {MOST_WORD_BYTES} bytes");
            self.complain(at, what);
        }
        Ok(self.written.vocabulary.intern(&list))
    }
}

/// As many replies to one pattern are counted, in two bytes for each talk.
pub(super) const MOST_REPLIES: usize = u16::MAX as usize;
