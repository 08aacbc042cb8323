//! Parses scripts.

use std::mem;

use crate::engine::hayden::input;
use crate::engine::hayden::lexer::{self, Line, Tag, Token};
use crate::engine::hayden::pattern::{Pattern, Synonyms};
use crate::engine::hayden::reassembly::{self, Action, Reply};
use crate::engine::hayden::script::{Decomp, Key, Script};
use crate::interner::Id;
use crate::problem::{MAX_PROBLEMS, Problem, ScriptError};

/// Parses a script.
///
/// # Errors
///
/// Up to 100 problems: lines without a known tag or without what must follow it; patterns and
/// replies without a key or pattern before them; unknown keys, lists and parts; no key at all.
pub(crate) fn parse(text: &str) -> Result<Script, ScriptError> {
    let mut compiler = Compiler::default();
    compiler.index(text);
    for line in lexer::lines(text) {
        if let Err(problem) = compiler.line(line) {
            compiler.problems.push(problem);
        }
        if MAX_PROBLEMS <= compiler.problems.len() {
            break;
        }
    }
    compiler.finish(text)
}

/// Compiles lines to a script and collects the problems.
#[derive(Default)]
struct Compiler<'a> {
    script: Script,
    synonyms: Synonyms,
    heads: Vec<(Id, Problem)>, // the first word of each list, and the warning if no pattern uses it
    key: Option<Open<'a>>,
    decomp: Option<Open<'a>>,
    parts: usize, // of the current pattern
    decomps: u32, // number of patterns so far
    problems: Vec<Problem>,
}

/// The current key or pattern.
struct Open<'a> {
    line: Line<'a>,
    is_empty: bool,
}

impl<'a> Compiler<'a> {
    /// Collects the keys and synonym lists, as earlier lines may refer to later ones. Their
    /// problems are reported in the main pass.
    fn index(&mut self, text: &'a str) {
        let mut keys = 0;
        for (tag, line) in lexer::lines(text).filter_map(|line| line.tagged().ok()) {
            let mut words = line.tokens().map(|token| self.word(line, token));
            if tag == Tag::Key {
                if let Some(Ok(word)) = words.next() {
                    self.script.key_of.entry(word).or_insert(keys);
                }
                keys += 1;
            } else if tag == Tag::Synon
                && let Ok(words) = words.collect::<Result<Vec<_>, _>>()
                && !words.is_empty()
            {
                self.synonyms.add(&words);
            }
        }
    }

    fn line(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let (tag, line) = line.tagged()?;
        match tag {
            Tag::Initial => {
                let words = reassembly::normalize_spaces(line.from(expected(line, "words")?));
                self.script.initial.push(words);
            }
            Tag::Final => {
                let words = reassembly::normalize_spaces(line.from(expected(line, "words")?));
                self.script.farewell.push(words);
            }
            Tag::Quit => {
                let first = expected(line, "words")?;
                let words: Vec<_> = input::words(line.from(first)).collect();
                if words.is_empty() {
                    return Err(line.problem_at(Some(first), "expected words"));
                }
                self.script.quit.insert(words.join(" "));
            }
            Tag::Pre => self.pre(line)?,
            Tag::Post => self.post(line)?,
            Tag::Synon => self.synon(line)?,
            Tag::Key => self.key(line)?,
            Tag::Decomp => self.decomp(line)?,
            Tag::Reasmb => self.reasmb(line)?,
        }
        Ok(())
    }

    fn pre(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let (from, to) = self.substitution(line)?;
        let words: Vec<_> = input::words(line.from(to)).collect();
        if words.is_empty() {
            return Err(line.problem_at(Some(to), "expected a replacement"));
        }
        let words: Vec<_> = words
            .iter()
            .map(|word| self.script.vocabulary.intern(word))
            .collect();
        if words == [from] {
            self.warn(line.problem_at_start("this replacement has no effect"));
        } else if self.script.pre.contains_key(&from) {
            self.warn(line.problem_at_start("an earlier `pre:` already replaces this word"));
        }
        self.script.pre.entry(from).or_insert(words);
        Ok(())
    }

    fn post(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let (from, to) = self.substitution(line)?;
        let words = reassembly::normalize_spaces(line.from(to));
        if words == self.script.vocabulary.text(from) {
            self.warn(line.problem_at_start("this replacement has no effect"));
        } else if self.script.post.contains_key(&from) {
            self.warn(line.problem_at_start("an earlier `post:` already replaces this word"));
        }
        self.script.post.entry(from).or_insert(words);
        Ok(())
    }

    /// The word to replace, and the first token of its replacement.
    fn substitution(&mut self, line: Line<'a>) -> Result<(Id, Token<'a>), Problem> {
        let from = self.word(line, expected(line, "the word to replace")?)?;
        let what = "expected a replacement";
        let to = line
            .tokens()
            .nth(1)
            .ok_or_else(|| line.problem_at(None, what))?;
        Ok((from, to))
    }

    fn synon(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let head = self.word(line, expected(line, "a word")?)?;
        for token in line.tokens().skip(1) {
            self.word(line, token)?;
        }
        let word = self.script.vocabulary.text(head);
        let unused = line.problem_at_start(format!("no pattern uses `@{word}`"));
        self.heads.push((head, unused));
        Ok(())
    }

    fn key(&mut self, line: Line<'a>) -> Result<(), Problem> {
        self.end_key();
        // Even if this line is wrong, the next lines belong to this key.
        self.key = Some(Open {
            line,
            is_empty: true,
        });
        let place = self.script.keys.len();
        self.script.keys.push(Key {
            word: Id::MAX,
            rank: DEFAULT_RANK,
            line: line.number,
            decomps: Vec::new(),
        });
        let first = expected(line, "a keyword")?;
        let word = self.word(line, first)?;
        if self.script.key_of.get(&word) != Some(&place) {
            return Err(line.problem_at(Some(first), "duplicate key"));
        }
        let key = &mut self.script.keys[place];
        key.word = word;
        if let Some(rank) = line.tokens().nth(1) {
            let what = || line.problem_at(Some(rank), "expected a rank, a number");
            key.rank = rank.text.parse().map_err(|_| what())?;
        }
        nothing_more(line, 2)
    }

    fn decomp(&mut self, line: Line<'a>) -> Result<(), Problem> {
        self.end_decomp();
        let Some(key) = &mut self.key else {
            return Err(line.problem_at_start("expected a `key:` before a `decomp:`"));
        };
        key.is_empty = false;
        self.decomp = Some(Open {
            line,
            is_empty: true,
        });
        let mut tokens = line.tokens();
        let first = tokens.next();
        let remembered = first.is_some_and(|first| first.text.starts_with('$'));
        let pattern = if remembered {
            first.and_then(Token::without_first)
        } else {
            first
        };
        let tokens = pattern.into_iter().chain(tokens);
        let pattern = Pattern::parse(
            line,
            tokens,
            &mut self.script.vocabulary,
            &mut self.synonyms,
        );
        // The number of parts of an invalid pattern is unknown, so references to them are not
        // checked.
        self.parts = pattern
            .as_ref()
            .map_or(usize::MAX, |pattern| pattern.parts.len());
        let key = self.script.keys.last_mut().expect("it was begun above");
        key.decomps.push(Decomp {
            line: line.number,
            column: line.problem_at_start("").column,
            number: self.decomps,
            source: first.map_or("", |first| line.from(first)).to_owned(),
            pattern: Pattern::default(),
            remembered,
            replies: Vec::new(),
        });
        self.decomps += 1;
        key.decomps.last_mut().expect("it was pushed above").pattern = pattern?;
        Ok(())
    }

    fn reasmb(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let Some(decomp) = &mut self.decomp else {
            return Err(line.problem_at_start("expected a `decomp:` before a `reasmb:`"));
        };
        decomp.is_empty = false;
        let first = expected(line, "words, or `goto` and a key")?;
        let action = if first.text == "goto" {
            Action::Goto(self.goto(line)?)
        } else {
            let text = line.from(first);
            let what = |at| {
                let parts = self.parts;
                let what = format!("the pattern has {parts} parts, numbered from (1)");
                line.problem_at(
                    Some(Token {
                        at: first.at + at,
                        text: "",
                    }),
                    what,
                )
            };
            Action::Words(reassembly::pieces(text, self.parts).map_err(what)?)
        };
        let decomps = self.script.keys.last_mut().map(|key| &mut key.decomps);
        let decomp = decomps.and_then(|decomps| decomps.last_mut());
        decomp.expect("one is open").replies.push(Reply {
            source: line.from(first).to_owned(),
            action,
        });
        Ok(())
    }

    /// The index of the key after `goto`.
    fn goto(&mut self, line: Line<'a>) -> Result<usize, Problem> {
        let token = line.tokens().nth(1);
        let token = token.ok_or_else(|| line.problem_at(None, "expected a key"))?;
        let word = self.word(line, token)?;
        nothing_more(line, 2)?;
        let key = self.script.key_of.get(&word).copied();
        key.ok_or_else(|| line.problem_at(Some(token), format!("no key `{}`", token.text)))
    }

    fn end_key(&mut self) {
        self.end_decomp();
        if let Some(Open {
            line,
            is_empty: true,
        }) = self.key.take()
        {
            self.problems
                .push(line.problem_at_start("expected a `decomp:` after this key"));
        }
    }

    fn end_decomp(&mut self) {
        if let Some(Open {
            line,
            is_empty: true,
        }) = self.decomp.take()
        {
            self.problems
                .push(line.problem_at_start("expected a `reasmb:` after this pattern"));
        }
    }

    /// The script, if there are no problems.
    fn finish(mut self, text: &str) -> Result<Script, ScriptError> {
        self.end_key();
        if self.script.keys.is_empty() && self.problems.is_empty() {
            let end = text.split('\n').count();
            let (line, column) = (end, 1);
            let what = "expected a `key:` with a `decomp:` and a `reasmb:`".to_owned();
            self.problems.push(Problem { line, column, what });
        }
        if !self.problems.is_empty() {
            self.problems.truncate(MAX_PROBLEMS);
            return Err(ScriptError::new(self.problems));
        }
        for (head, unused) in mem::take(&mut self.heads) {
            if !self.synonyms.is_used(head) {
                self.warn(unused);
            }
        }
        let Self { mut script, .. } = self;
        let word = script.vocabulary.id(FALLBACK);
        script.fallback = word.and_then(|word| script.key_of.get(&word).copied());
        Ok(script)
    }

    /// Records a warning.
    fn warn(&mut self, problem: Problem) {
        if self.script.warnings.len() < MAX_PROBLEMS {
            self.script.warnings.push(problem);
        }
    }

    /// A token that must be one word.
    fn word(&mut self, line: Line<'a>, token: Token<'a>) -> Result<Id, Problem> {
        let mut words = input::words(token.text);
        match (words.next(), words.next()) {
            (Some(word), None) => Ok(self.script.vocabulary.intern(&word)),
            _ => Err(line.problem_at(Some(token), "expected one word, of letters and digits")),
        }
    }
}

/// The first token of a line, which must not be missing.
fn expected<'a>(line: Line<'a>, what: &str) -> Result<Token<'a>, Problem> {
    let first = line.tokens().next();
    first.ok_or_else(|| line.problem_at(None, format!("expected {what}")))
}

fn nothing_more(line: Line<'_>, tokens: usize) -> Result<(), Problem> {
    match line.tokens().nth(tokens) {
        None => Ok(()),
        more => Err(line.problem_at(more, "expected the end of the line")),
    }
}

const DEFAULT_RANK: u32 = 0; // as in the Java program
const FALLBACK: &str = "xnone";
