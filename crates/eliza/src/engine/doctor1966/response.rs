//! Computes one reply, step by step as the program of 1966.

use std::collections::VecDeque;
use std::ops::Range;
use std::slice;

use crate::engine::Answer;
use crate::engine::doctor1966::ast::{Action, MAX_REPLY_BYTES, Piece, Reply, Rule, Transformation};
use crate::engine::doctor1966::charset::{MAX_WORDS, words};
use crate::engine::doctor1966::hash::{last_cell, mid_square};
use crate::engine::doctor1966::script::{Script, is_delimiter};
use crate::engine::doctor1966::state::State;
use crate::interner::{Id, LineInterner};
use crate::matching::Matcher;
use crate::trace::{Keyword, Source, Step, Steps};

/// The state while a line is answered.
pub(super) struct Response<'a> {
    script: &'a Script,
    state: &'a mut State,
    steps: &'a mut Steps,
    interner: LineInterner<'a>,
    words: Vec<Id>,
    keywords: VecDeque<Id>, // the first is tried first
    matcher: Matcher,
}

/// The result of a rule, unless another rule follows.
enum Outcome {
    Reply(String),
    NoMatch,
    Exhausted,
}

impl<'a> Response<'a> {
    pub(super) fn new(script: &'a Script, state: &'a mut State, steps: &'a mut Steps) -> Self {
        Self {
            interner: LineInterner::new(&script.vocabulary),
            words: Vec::new(),
            keywords: VecDeque::new(),
            matcher: Matcher::default(),
            script,
            state,
            steps,
        }
    }

    pub(super) fn run(mut self, line: &str) -> Answer {
        self.state.count();
        let limit = self.state.limit;
        self.steps.record(|| Step::Limit { limit });
        self.words = words(line, &mut self.interner);
        let (read, interner) = (&self.words, &self.interner);
        self.steps.record(|| Step::Read {
            words: texts(interner, read),
        });
        self.scan();
        if self.keywords.is_empty()
            && limit == 4
            && let Some(text) = self.state.recall()
        {
            return Answer::new(text, Source::Memory);
        }
        self.follow_rules()
    }

    /// Finds the keywords of the first clause that has any, and makes the substitutions.
    fn scan(&mut self) {
        let (mut start, mut end) = (0, self.words.len());
        let mut top = 0;
        for at in 0..self.words.len() {
            let word = self.words[at];
            if is_delimiter(word) {
                if !self.keywords.is_empty() {
                    end = at;
                    break;
                }
                self.record_discarded(start, at + 1);
                start = at + 1;
            } else if let Some(rule) = self.script.rule_for(word) {
                if rule.can_answer() {
                    if top < rule.precedence {
                        top = rule.precedence;
                        self.keywords.push_front(word);
                    } else {
                        self.keywords.push_back(word);
                    }
                }
                self.substitute(at, rule);
            }
        }
        self.record_discarded(end, self.words.len());
        self.words.truncate(end);
        self.words.drain(..start);
        let (script, keywords) = (self.script, &self.keywords);
        self.steps.record(|| Step::Keywords {
            stack: stack(script, keywords),
        });
    }

    fn substitute(&mut self, at: usize, rule: &Rule) {
        let Some(substitute) = rule.substitute else {
            return;
        };
        let word = self.words[at];
        self.words[at] = substitute;
        self.steps.record(|| Step::Substituted {
            word: self.interner.text(word).to_owned(),
            by: self.interner.text(substitute).to_owned(),
        });
    }

    fn record_discarded(&mut self, start: usize, end: usize) {
        if start < end {
            let words = &self.words[start..end];
            self.steps.record(|| Step::Discarded {
                words: texts(&self.interner, words),
            });
        }
    }

    /// Follows the rules of the keywords in order, then the rule NONE.
    fn follow_rules(mut self) -> Answer {
        let mut source = Source::Rule;
        for _ in 0..MAX_ROUNDS {
            self.matcher.comparisons += self.words.len();
            if MAX_COMPARISONS < self.matcher.comparisons {
                break;
            }
            let keyword = self.keywords.pop_front();
            if keyword.is_none() {
                source = Source::Fallback;
            }
            let keyword = keyword.unwrap_or(self.script.none);
            let rule = self
                .script
                .rule(keyword)
                .expect("all references were checked");
            if keyword == self.script.memory.keyword {
                self.remember();
            }
            let (text, source) = match self.follow(rule) {
                None => continue,
                Some(Outcome::Reply(text)) => (text, source),
                Some(Outcome::NoMatch) => {
                    let text = NO_MATCH[usize::from(self.state.limit - 1)];
                    (text.to_owned(), Source::NoMatch)
                }
                Some(Outcome::Exhausted) => break,
            };
            return Answer::new(text, source);
        }
        Answer::new(EXHAUSTED, Source::Exhausted)
    }

    /// Applies the first transformation that matches. `None` if another rule follows.
    fn follow(&mut self, rule: &'a Rule) -> Option<Outcome> {
        for transformation in &rule.transformations {
            let fits = self
                .matcher
                .matches(&transformation.pattern.terms, &self.words);
            if MAX_COMPARISONS < self.matcher.comparisons {
                return Some(Outcome::Exhausted);
            }
            if fits {
                let reply = self.state.turn(transformation, self.script.slots);
                self.record_matched(rule, transformation, reply);
                return self.act(&reply.action);
            }
        }
        if let Some(to) = rule.reference {
            self.refer(to);
            return None;
        }
        let (script, interner) = (self.script, &self.interner);
        self.steps.record(|| Step::Unmatched {
            keyword: interner.text(rule.keyword).to_owned(),
            line: script.source.line(rule.at),
        });
        Some(Outcome::NoMatch)
    }

    fn act(&mut self, action: &Action) -> Option<Outcome> {
        match action {
            Action::Say(pieces) => return Some(Outcome::Reply(self.say(pieces))),
            Action::Refer(to) => self.refer(*to),
            Action::NewKey => self.steps.record(|| Step::NewKey),
            Action::Rewrite(pieces, to) => {
                if !self.rewrite(pieces) {
                    return Some(Outcome::Exhausted);
                }
                self.refer(*to);
            }
        }
        None
    }

    fn refer(&mut self, to: Id) {
        let interner = &self.interner;
        self.steps.record(|| Step::Referred {
            to: interner.text(to).to_owned(),
        });
        self.keywords.push_front(to);
    }

    fn record_matched(&mut self, rule: &Rule, transformation: &Transformation, reply: &Reply) {
        let Self {
            script,
            interner,
            words,
            matcher,
            ..
        } = self;
        let excerpt = |at| script.source.excerpt(at);
        let part = |part: &Range<usize>| texts(interner, &words[part.clone()]).join(" ");
        self.steps.record(|| Step::Matched {
            keyword: Some(interner.text(rule.keyword).to_owned()),
            line: script.source.line(transformation.pattern.at.start),
            pattern: excerpt(&transformation.pattern.at),
            parts: matcher.parts().iter().map(part).collect(),
            reply: excerpt(&reply.at),
        });
    }

    /// Replaces the words by those of a reply. `false` if there would be more than [`MAX_WORDS`].
    fn rewrite(&mut self, pieces: &[Piece]) -> bool {
        let mut made = Vec::with_capacity(self.words.len());
        for &piece in pieces {
            made.extend_from_slice(self.piece(&piece));
            self.matcher.comparisons += 1;
            if MAX_WORDS < made.len() {
                return false;
            }
        }
        self.matcher.comparisons += made.len();
        self.words = made;
        let (words, interner) = (&self.words, &self.interner);
        self.steps.record(|| Step::Rewritten {
            words: texts(interner, words),
        });
        true
    }

    /// The text of a reply, cut to [`MAX_REPLY_BYTES`].
    fn say(&mut self, pieces: &[Piece]) -> String {
        let mut text = String::with_capacity(64);
        for &word in pieces.iter().flat_map(|piece| self.piece(piece)) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(self.interner.text(word));
            if MAX_REPLY_BYTES < text.len() {
                break;
            }
        }
        self.matcher.comparisons += pieces.len() + text.len();
        cut(text)
    }

    /// The words of a piece.
    fn piece<'b>(&'b self, piece: &'b Piece) -> &'b [Id] {
        match piece {
            Piece::Word(word) => slice::from_ref(word),
            Piece::Part(part) => &self.words[self.matcher.parts()[*part].clone()],
        }
    }

    /// Remembers a text if the transformation that the hash of the last word selects matches.
    fn remember(&mut self) {
        let script = self.script;
        let last = self
            .words
            .last()
            .map_or("", |&word| self.interner.text(word));
        let choice = usize::try_from(mid_square(last_cell(last), 2)).expect("it has two bits");
        let (pattern, pieces) = &script.memory.transformations[choice];
        if !self.matcher.matches(&pattern.terms, &self.words) {
            self.steps.record(|| Step::NotRemembered {
                pattern: script.source.excerpt(&pattern.at),
            });
        } else if self.state.can_remember() {
            let text = self.say(pieces);
            self.steps
                .record(|| Step::Remembered { text: text.clone() });
            self.state.remember(text);
        }
    }
}

/// The words with these ids.
fn texts(interner: &LineInterner<'_>, words: &[Id]) -> Vec<String> {
    words
        .iter()
        .map(|&word| interner.text(word).to_owned())
        .collect()
}

/// `text`, cut after the last word that fits in a reply.
fn cut(mut text: String) -> String {
    if MAX_REPLY_BYTES < text.len() {
        let room = text.floor_char_boundary(MAX_REPLY_BYTES);
        let ends_word = text[room..].starts_with(' ');
        text.truncate(room);
        if let Some(end) = text.rfind(' ').filter(|_| !ends_word) {
            text.truncate(end);
        }
    }
    text
}

fn stack(script: &Script, keywords: &VecDeque<Id>) -> Vec<Keyword> {
    let keyword = |&word: &Id| Keyword {
        word: script.vocabulary.text(word).to_owned(),
        precedence: script.rule(word).map_or(0, |rule| rule.precedence),
    };
    keywords.iter().map(keyword).collect()
}

/// The replies if no pattern of a keyword matches, by the counter.
const NO_MATCH: [&str; 4] = ["PLEASE CONTINUE", "HMMM", "GO ON , PLEASE", "I SEE"];

/// The reply if one of the limits below is reached.
const EXHAUSTED: &str = "I THOUGHT ABOUT THAT FOR TOO LONG AND GOT NOWHERE";

/// The maximum number of rules per reply. A usual script needs three or four, a Turing machine one
/// per step, and a cycle would never end.
pub(super) const MAX_ROUNDS: usize = 10_000;

/// The maximum number of comparisons per reply, which take less than half a second. It allows
/// [`MAX_ROUNDS`] rules for hundreds of words, but not for very long or very many patterns.
pub(super) const MAX_COMPARISONS: usize = 30_000_000;

#[cfg(test)]
mod tests;
