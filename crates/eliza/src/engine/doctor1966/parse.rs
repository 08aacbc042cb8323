//! Reads the lists of a script. What is wrong in one rule does not hide what is wrong in the next.

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

/// Reads the lists of a script.
///
/// # Errors
///
/// What is wrong with it: all of it, if it is not a hundred things.
pub(crate) fn parse(text: &str) -> Result<Script, ScriptError> {
    let source = Source::new(text);
    let mut vocabulary = Interner::default();
    // First of all, so that their ids are the lowest.
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

/// Reads a script with one token of foresight.
struct Parser<'a> {
    source: &'a Source,
    draft: Draft,
    token: Token,
    /// Where the token before it ends.
    previous_end: usize,
    tokens: Tokens<'a>,
    text: &'a str,
    depth: usize,
    /// The latest parenthesis inside of a rule that opens at the beginning of a line. Likely it is
    /// the next rule, if there is an error in its line.
    margin: Option<usize>,
}

/// The rule cannot be read any further, for this reason.
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
        self.draft.opening = words.join(" ");
        if MAX_REPLY_BYTES < self.draft.opening.len() {
            let what = format!("the opening has at most {MAX_REPLY_BYTES} bytes");
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
            let what = format!("{word} has a rule already, in line {before}");
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

    /// `= KEYWORD )`, to another rule.
    fn reference(&mut self) -> Parsed<Id> {
        self.expect(&Kind::Equals, "'=' and a keyword")?;
        let at = self.token.start;
        let keyword = self.word("a keyword after '='")?;
        self.expect(&Kind::Close, "')' after the keyword")?;
        self.draft.references.push((keyword, at));
        Ok(keyword)
    }

    /// `( PATTERN ) REPLY... )`, behind the parenthesis that opens it.
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

    /// `KEYWORD ( PATTERN = REPLY )... )`, the rule of what is remembered.
    fn memory(&mut self, at: usize) -> Parsed<()> {
        let keyword_at = self.token.start;
        let keyword = self.word("the keyword of MEMORY")?;
        let mut transformations = Vec::new();
        while self.token.kind == Kind::Open {
            self.advance();
            let start = self.token.start;
            let pattern = self.pattern(start, &Kind::Equals, "a term of the pattern, or '='")?;
            if self.token.kind == Kind::Close {
                self.report(self.token.start, "there is nothing to remember");
            }
            let pieces = self.pieces(pattern.terms.len())?;
            transformations.push((pattern, pieces));
        }
        self.expect(&Kind::Close, "'(' and a transformation, or ')'")?;
        if transformations.len() != 4 {
            let count = transformations.len();
            let what = format!("MEMORY has four transformations, not {count}");
            self.report(at, what);
        }
        self.draft.memory = Some(Memory {
            at: keyword_at,
            keyword,
            transformations,
        });
        Ok(())
    }

    /// The terms of a pattern up to and over what ends it.
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
            _ => inner, // what ends it is not its own
        };
        Ok(Pattern {
            at,
            terms,
            tag_terms,
        })
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
    fn tags(&mut self) -> Parsed<Vec<Id>> {
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
                ids.push(self.draft.vocabulary.intern(bare));
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
        let found = self.word_or_number("the number of a part")?;
        if !(1..=parts).contains(&number) {
            let s = if parts == 1 { "" } else { "s" };
            let what = format!("there is no part {found}: the pattern has {parts} term{s}");
            self.report(at, what);
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
        if MAX_WORD_BYTES < list.len() {
            let what = format!("a list in a reply has at most {MAX_WORD_BYTES} bytes");
            self.report(at, what);
        }
        Ok(self.draft.vocabulary.intern(&list))
    }

    /// A word, by its id.
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

    /// A word, or a number as it is written.
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

    /// That this comes next, which stays.
    fn is(&self, what: &str, kind: &Kind) -> Parsed<()> {
        if self.token.kind == *kind {
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// That the next token is not what it must be.
    fn expected(&self, what: &str) -> SyntaxError {
        let found = match &self.token.kind {
            Kind::Open => "'('",
            Kind::Close => "')'",
            Kind::Equals => "'='",
            Kind::Number(_) => "a number",
            Kind::Word(_) => "a word",
            Kind::End => "the end",
        };
        let what = format!("expected {what}, not {found}");
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

    /// After an error in the list that begins at byte `start`, goes on with the next rule: behind the
    /// parenthesis that closes this one, or, if nothing does, where one opens at the beginning of a
    /// line.
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

    /// Whether a word follows on the next token, as on the parenthesis that opens a rule.
    fn is_before_word(&self) -> bool {
        matches!(self.tokens.clone().next().kind, Kind::Word(_))
    }

    fn is_at_margin(&self) -> bool {
        let before = &self.text[..self.token.start];
        before.is_empty() || before.ends_with(ENDS_OF_LINE)
    }

    /// Notes what is wrong, but no obstacle to reading on.
    fn report(&mut self, at: usize, what: impl Into<String>) {
        if !self.is_full() {
            self.push_problem(self.source.problem(at, what));
        }
    }

    /// Notes a problem. Behind the last for which there is room, the script is not read any further.
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
const MAX_WORD_BYTES: usize = 256;

/// As many replies to one pattern are counted, in two bytes for each talk.
const MAX_REPLIES: usize = u16::MAX as usize;

#[cfg(test)]
mod tests;
