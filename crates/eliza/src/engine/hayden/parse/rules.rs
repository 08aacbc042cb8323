//! The lines of a key: its patterns and their replies.

use crate::engine::hayden::lexer::{Line, Token};
use crate::engine::hayden::parse::{Compiler, Open, expected};
use crate::engine::hayden::pattern::Pattern;
use crate::engine::hayden::reassembly::{self, Reply, Says};
use crate::engine::hayden::script::{Decomp, Key};
use crate::interner::Id;
use crate::problem::Problem;

impl<'a> Compiler<'a> {
    pub(super) fn key(&mut self, line: Line<'a>) -> Result<(), Problem> {
        self.end_key();
        // Whatever is wrong with it, the lines that follow are its own.
        self.key = Some(Open {
            line,
            is_empty: true,
        });
        let place = self.script.keys.len();
        self.script.keys.push(Key {
            word: Id::MAX,
            rank: USUAL_RANK,
            line: line.number,
            decomps: Vec::new(),
        });
        let first = expected(line, "a keyword")?;
        let word = self.word(line, first)?;
        if self.script.key_of.get(&word) != Some(&place) {
            return Err(line.complaint(Some(first), "this key is there already"));
        }
        let key = &mut self.script.keys[place];
        key.word = word;
        if let Some(rank) = line.tokens().nth(1) {
            let what = || line.complaint(Some(rank), "expected a rank, which is a number");
            key.rank = rank.text.parse().map_err(|_| what())?;
        }
        nothing_more(line, 2)
    }

    pub(super) fn decomp(&mut self, line: Line<'a>) -> Result<(), Problem> {
        self.end_decomp();
        let Some(key) = &mut self.key else {
            return Err(line.whole("expected a `key:` before a `decomp:`"));
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
            first.and_then(Token::behind_first)
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
        // Without a pattern, nobody can say which parts there are.
        self.parts = pattern
            .as_ref()
            .map_or(usize::MAX, |pattern| pattern.parts.len());
        let key = self.script.keys.last_mut().expect("it was begun above");
        key.decomps.push(Decomp {
            line: line.number,
            column: line.whole("").column,
            number: self.decomps,
            written: first.map_or("", |first| line.from(first)).to_owned(),
            pattern: Pattern::default(),
            remembered,
            replies: Vec::new(),
        });
        self.decomps += 1;
        key.decomps.last_mut().expect("it was pushed above").pattern = pattern?;
        Ok(())
    }

    pub(super) fn reasmb(&mut self, line: Line<'a>) -> Result<(), Problem> {
        let Some(decomp) = &mut self.decomp else {
            return Err(line.whole("expected a `decomp:` before a `reasmb:`"));
        };
        decomp.is_empty = false;
        let first = expected(line, "words, or `goto` and a key")?;
        let says = if first.text == "goto" {
            Says::Goto(self.goto(line)?)
        } else {
            let text = line.from(first);
            let what = |at| {
                let parts = self.parts;
                let what = format!("the pattern has {parts} parts, the first of which is (1)");
                line.complaint(
                    Some(Token {
                        at: first.at + at,
                        text: "",
                    }),
                    what,
                )
            };
            Says::Words(reassembly::pieces(text, self.parts).map_err(what)?)
        };
        let decomps = self.script.keys.last_mut().map(|key| &mut key.decomps);
        let decomp = decomps.and_then(|decomps| decomps.last_mut());
        decomp.expect("one is open").replies.push(Reply {
            written: line.from(first).to_owned(),
            says,
        });
        Ok(())
    }

    /// The place of the key behind `goto`.
    fn goto(&mut self, line: Line<'a>) -> Result<usize, Problem> {
        let token = line.tokens().nth(1);
        let token = token.ok_or_else(|| line.complaint(None, "expected a key"))?;
        let word = self.word(line, token)?;
        nothing_more(line, 2)?;
        let key = self.script.key_of.get(&word).copied();
        key.ok_or_else(|| line.complaint(Some(token), format!("no key `{}`", token.text)))
    }

    pub(super) fn end_key(&mut self) {
        self.end_decomp();
        if let Some(Open {
            line,
            is_empty: true,
        }) = self.key.take()
        {
            self.problems
                .push(line.whole("expected a `decomp:` behind this key"));
        }
    }

    fn end_decomp(&mut self) {
        if let Some(Open {
            line,
            is_empty: true,
        }) = self.decomp.take()
        {
            self.problems
                .push(line.whole("expected a `reasmb:` behind this pattern"));
        }
    }
}

fn nothing_more(line: Line<'_>, tokens: usize) -> Result<(), Problem> {
    match line.tokens().nth(tokens) {
        None => Ok(()),
        more => Err(line.complaint(more, "expected the end of the line")),
    }
}

const USUAL_RANK: u32 = 0; // as in the Java program
