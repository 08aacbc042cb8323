//! Parses scripts. After an error, parsing continues with the next rule.

use crate::engine::doctor1966::ast::{
    Action, Draft, MAX_REPLY_BYTES, Memory, Pattern, Piece, Reply, Rule, TagTerm, Transformation,
};
use crate::engine::doctor1966::lexer::{Kind, Token, Tokens};
use crate::engine::doctor1966::resolve::resolve;
use crate::engine::doctor1966::script::{DELIMITERS, Script};
use crate::engine::doctor1966::source::Source;
use crate::interner::{Id, Interner};
use crate::matching::Term;
use crate::problem::{ENDS_OF_LINE, MAX_PROBLEMS, Problem, ScriptError};

/// Parses a script.
///
/// # Errors
///
/// All problems of the script, up to 100.
pub(crate) fn parse(text: &str) -> Result<Script, ScriptError> {
    let source = Source::new(text);
    let mut vocabulary = Interner::default();
    // The delimiters come first, so that their ids are the lowest.
    for delimiter in DELIMITERS {
        vocabulary.intern(delimiter);
    }
    let none = vocabulary.intern("NONE");
    let mut parser = Parser::new(text, &source, vocabulary);
    parser.script();
    let mut draft = parser.draft;
    let (index, slots) = resolve(&mut draft, &source);
    match draft.memory {
        Some(memory) if draft.problems.is_empty() => Ok(Script {
            source,
            vocabulary: draft.vocabulary,
            opening: draft.opening,
            rules: draft.rules,
            index,
            none,
            memory,
            slots,
        }),
        _ => Err(ScriptError::new(draft.problems)),
    }
}

/// A recursive descent parser with one token of lookahead.
struct Parser<'a> {
    source: &'a Source,
    draft: Draft,
    token: Token,
    /// The end of the previous token.
    previous_end: usize,
    tokens: Tokens<'a>,
    text: &'a str,
    depth: usize,
    /// The last parenthesis in this rule that is first on its line and before a word. After an
    /// error on that line it is probably the start of the next rule.
    margin: Option<usize>,
}

/// Why the rest of the rule cannot be parsed.
struct SyntaxError(Problem);

type Parsed<T> = Result<T, SyntaxError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, source: &'a Source, vocabulary: Interner) -> Self {
        let mut tokens = Tokens::new(text, 0);
        Self {
            source,
            draft: Draft {
                vocabulary,
                ..Draft::default()
            },
            token: tokens.next(),
            previous_end: 0,
            tokens,
            text,
            depth: 0,
            margin: None,
        }
    }

    fn script(&mut self) {
        let start = self.token.start;
        let opening = self.opening();
        self.recover(start, opening);
        if self.token.kind == Kind::Word("START".to_owned()) {
            self.advance();
        }
        while self.token.kind != Kind::End && self.draft.problems.len() < MAX_PROBLEMS {
            let start = self.token.start;
            let rule = self.rule();
            self.recover(start, rule);
        }
    }

    /// The greeting, which may be empty.
    fn opening(&mut self) -> Parsed<()> {
        let at = self.token.start;
        self.expect(&Kind::Open, "'(' and the greeting")?;
        self.margin = None;
        let mut words = Vec::new();
        while self.token.kind != Kind::Close {
            words.push(self.word_or_number("a word of the greeting, or ')'")?);
        }
        self.advance();
        self.draft.opening = words.join(" ");
        if MAX_REPLY_BYTES < self.draft.opening.len() {
            let what = format!("the greeting has at most {MAX_REPLY_BYTES} bytes");
            self.report(at, what);
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
        let before = self.draft.keywords.get(&keyword).copied();
        if let Some(before) = before {
            let before = self.source.line(before);
            let word = self.draft.vocabulary.text(keyword);
            let what = format!("{word} already has a rule, in line {before}");
            self.report(at, what);
        } else {
            self.draft.keywords.insert(keyword, at);
        }
        let is_memory = self.draft.vocabulary.text(keyword) == "MEMORY";
        if self.token.kind == Kind::Close && !is_memory {
            if before.is_none() {
                let word = self.draft.vocabulary.text(keyword);
                let what = format!("the rule of {word} is empty");
                self.report(at, what);
            }
            self.draft.broken.insert(keyword);
            self.advance();
            return Ok(());
        }
        let read = if is_memory {
            self.memory(at)
        } else {
            self.body(keyword, at)
        };
        if read.is_err() {
            self.draft.broken.insert(keyword);
        }
        read
    }

    /// The rest of a rule after its keyword.
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
        self.draft.rules.push(rule);
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

    /// `= KEYWORD )`, a reference to another rule.
    fn reference(&mut self) -> Parsed<Id> {
        self.expect(&Kind::Equals, "'=' and a keyword")?;
        let at = self.token.start;
        let keyword = self.word("a keyword after '='")?;
        self.expect(&Kind::Close, "')' after the keyword")?;
        self.draft.references.push((keyword, at));
        Ok(keyword)
    }

    /// `( PATTERN ) REPLY... )`, after the opening parenthesis.
    fn transformation(&mut self) -> Parsed<Transformation> {
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
            let at = start..self.previous_end;
            replies.push(Reply { at, action });
        }
        self.advance();
        if MAX_REPLIES < replies.len() {
            let what = format!("a pattern has at most {MAX_REPLIES} replies");
            self.report(start, what);
        }
        Ok(Transformation {
            pattern,
            replies,
            slot: None,
        })
    }

    /// `KEYWORD ( PATTERN = REPLY )... )`, the rule MEMORY after its name.
    fn memory(&mut self, at: usize) -> Parsed<()> {
        let keyword_at = self.token.start;
        let keyword = self.word("the keyword of MEMORY")?;
        let mut transformations = Vec::new();
        while self.token.kind == Kind::Open {
            self.advance();
            let start = self.token.start;
            let pattern = self.pattern(start, &Kind::Equals, "a term of the pattern, or '='")?;
            if self.token.kind == Kind::Close {
                self.report(self.token.start, "a reply to remember is missing");
            }
            let pieces = self.pieces(pattern.terms.len())?;
            transformations.push((pattern, pieces));
        }
        self.expect(&Kind::Close, "'(' and a transformation, or ')'")?;
        if transformations.len() != 4 {
            let count = transformations.len();
            let what = format!("MEMORY needs four transformations, found {count}");
            self.report(at, what);
        }
        self.draft.memory = Some(Memory {
            at: keyword_at,
            keyword,
            transformations,
        });
        Ok(())
    }

    /// The terms of a pattern, with the token that ends it.
    fn pattern(&mut self, start: usize, end: &Kind, what: &str) -> Parsed<Pattern> {
        let mut terms = Vec::new();
        let mut tag_terms = Vec::new();
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
                    tag_terms.extend(tags.map(|tags| TagTerm { term, at, tags }));
                    terms.push(Term::one_of(words));
                }
                _ => terms.push(Term::Word(self.word(what)?)),
            }
        }
        if terms.is_empty() {
            self.report(start, "the pattern is empty");
        }
        let inner = start..self.previous_end;
        self.advance();
        let at = match end {
            Kind::Close => start..self.previous_end,
            _ => inner, // the closing token is not part of it
        };
        Ok(Pattern {
            at,
            terms,
            tag_terms,
        })
    }

    /// `* WORD... )` or `/ TAG... )`: the words, or the tags that stand for them.
    fn one_of(&mut self) -> Parsed<(Vec<Id>, Option<Vec<Id>>)> {
        match &self.token.kind {
            Kind::Word(first) if first.starts_with('/') => Ok((Vec::new(), Some(self.tags()?))),
            Kind::Word(first) if first.starts_with('*') => Ok((self.listed('*', "a word")?, None)),
            _ => Err(self.expected("'*' and words, or '/' and tags")),
        }
    }

    /// `/ TAG... )`, in patterns and after DLIST.
    fn tags(&mut self) -> Parsed<Vec<Id>> {
        self.listed('/', "a tag")
    }

    /// At least one word, the first with a mark before it.
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
                ids.push(self.draft.vocabulary.intern(bare));
            } else if self.token.kind == Kind::Close {
                return Err(self.expected(&format!("something after '{mark}'")));
            }
            is_first = false;
        }
        self.advance();
        Ok(ids)
    }

    /// A reply.
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

    /// `( REPLY ) ( = KEYWORD ) )`, after PRE.
    fn rewrite(&mut self, parts: usize) -> Parsed<Action> {
        self.advance();
        let pieces = self.pieces(parts)?;
        self.expect(&Kind::Open, "'(' and '=' and a keyword")?;
        let keyword = self.reference()?;
        self.expect(&Kind::Close, "')': nothing follows a reference")?;
        Ok(Action::Rewrite(pieces, keyword))
    }

    /// Words, and numbers from 1 to `parts`.
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

    /// The index of the part with this number.
    fn part_number(&mut self, number: usize, parts: usize) -> Parsed<usize> {
        let at = self.token.start;
        let found = self.word_or_number("the number of a part")?;
        if !(1..=parts).contains(&number) {
            let s = if parts == 1 { "" } else { "s" };
            let what = format!("there is no part {found}: the pattern has {parts} term{s}");
            self.report(at, what);
        }
        Ok(number.saturating_sub(1))
    }

    /// A list within a reply, used literally: one word that contains blanks.
    fn nested(&mut self) -> Parsed<Id> {
        let at = self.token.start;
        self.advance();
        let mut words = Vec::new();
        while self.token.kind != Kind::Close {
            words.push(self.word_or_number("a word, or ')'")?);
        }
        self.advance();
        let list = format!("({})", words.join(" "));
        if MAX_WORD_BYTES < list.len() {
            let what = format!("a list in a reply has at most {MAX_WORD_BYTES} bytes");
            self.report(at, what);
        }
        Ok(self.draft.vocabulary.intern(&list))
    }

    /// A word, as its id.
    fn word(&mut self, what: &str) -> Parsed<Id> {
        let Kind::Word(word) = &self.token.kind else {
            return Err(self.expected(what));
        };
        let (id, length) = (self.draft.vocabulary.intern(word), word.len());
        if MAX_WORD_BYTES < length {
            let what = format!("a word has at most {MAX_WORD_BYTES} bytes");
            self.report(self.token.start, what);
        }
        self.advance();
        Ok(id)
    }

    /// A word, or a number as written.
    fn word_or_number(&mut self, what: &str) -> Parsed<String> {
        let word = match &self.token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Number(_) => self.text[self.token.start..self.token.end].to_owned(),
            _ => return Err(self.expected(what)),
        };
        self.advance();
        Ok(word)
    }

    fn expect(&mut self, kind: &Kind, what: &str) -> Parsed<()> {
        self.is(what, kind)?;
        self.advance();
        Ok(())
    }

    /// Checks that the next token is of this kind, without consuming it.
    fn is(&self, what: &str, kind: &Kind) -> Parsed<()> {
        if self.token.kind == *kind {
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// The error for an unexpected token.
    fn expected(&self, what: &str) -> SyntaxError {
        let found = match &self.token.kind {
            Kind::Open => "'('",
            Kind::Close => "')'",
            Kind::Equals => "'='",
            Kind::Number(_) => "a number",
            Kind::Word(_) => "a word",
            Kind::End => "the end",
        };
        let what = format!("expected {what}, found {found}");
        SyntaxError(self.source.problem(self.token.start, what))
    }

    fn advance(&mut self) {
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
        self.previous_end = self.token.end;
        self.token = self.tokens.next();
    }

    /// After an error in the list that starts at byte `start`, skips to the next rule: after the
    /// matching parenthesis, or, if there is none, at a parenthesis at the start of a line.
    fn recover(&mut self, start: usize, read: Parsed<()>) {
        let Err(SyntaxError(problem)) = read else {
            return;
        };
        if let Some(end) = end_of_list(self.text, start) {
            self.go_to(end);
            self.depth = 0;
            return self.push_problem(problem);
        }
        let here = self.is_at_next_rule() && self.is_at_margin();
        let here = here.then_some(self.token.start);
        let margin = self
            .margin
            .take()
            .filter(|&at| self.source.line(at) == problem.line);
        if let Some(at) = here.or(margin).filter(|_| 0 < self.depth) {
            self.go_to(at);
            self.report(at, "expected ')' before the next rule");
        } else {
            self.push_problem(problem);
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

    /// Whether the token after the next one is a word, as at the start of a rule.
    fn is_before_word(&self) -> bool {
        matches!(self.tokens.clone().next().kind, Kind::Word(_))
    }

    fn is_at_margin(&self) -> bool {
        let before = &self.text[..self.token.start];
        before.is_empty() || before.ends_with(ENDS_OF_LINE)
    }

    /// Records a problem that does not stop the parser.
    fn report(&mut self, at: usize, what: impl Into<String>) {
        if !self.is_full() {
            self.push_problem(self.source.problem(at, what));
        }
    }

    /// Records a problem. At [`MAX_PROBLEMS`] it skips the rest of the script.
    fn push_problem(&mut self, problem: Problem) {
        if !self.is_full() {
            self.draft.problems.push(problem);
        }
        if self.is_full() {
            self.tokens = Tokens::new(self.text, self.text.len());
        }
    }

    fn is_full(&self) -> bool {
        MAX_PROBLEMS <= self.draft.problems.len()
    }
}

/// The end of the list that starts at a byte; `None` if there is no list or no matching
/// parenthesis.
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

/// The maximum size of a word of a script. A script may substitute it for each word of a line.
const MAX_WORD_BYTES: usize = 256;

/// The maximum number of replies of a pattern. A conversation counts them in two bytes.
const MAX_REPLIES: usize = u16::MAX as usize;

#[cfg(test)]
mod tests;
