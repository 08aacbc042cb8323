//! One response, step by step, as in 1966.

use std::collections::VecDeque;

use crate::engine::Answer;
use crate::engine::doctor1966::ast::{Action, Reply, Rule, Transformation};
use crate::engine::doctor1966::charset::words;
use crate::engine::doctor1966::reassembly::texts;
use crate::engine::doctor1966::respond::State;
use crate::engine::doctor1966::script::{Script, is_delimiter};
use crate::interner::{Heard, Id};
use crate::matching::Matcher;
use crate::trace::{Keyword, Source, Step, Steps};

/// What is known while a line is answered.
pub(super) struct Response<'a> {
    pub(super) script: &'a Script,
    pub(super) state: &'a mut State,
    pub(super) steps: &'a mut Steps,
    pub(super) heard: Heard<'a>,
    pub(super) words: Vec<Id>,
    keywords: VecDeque<Id>, // the best first
    pub(super) matcher: Matcher,
}

/// How a round with one keyword ends, if not with the next keyword.
enum Ended {
    Said(String),
    NoMatch,
    Exhausted,
}

impl<'a> Response<'a> {
    pub(super) fn new(script: &'a Script, state: &'a mut State, steps: &'a mut Steps) -> Self {
        Self {
            heard: Heard::new(&script.vocabulary),
            words: Vec::new(),
            keywords: VecDeque::new(),
            matcher: Matcher::default(),
            script,
            state,
            steps,
        }
    }

    pub(super) fn to(mut self, line: &str) -> Answer {
        self.state.count();
        let limit = self.state.limit;
        self.steps.note(|| Step::Limit { limit });
        self.words = words(line, &mut self.heard);
        let (read, heard) = (&self.words, &self.heard);
        self.steps.note(|| Step::Read {
            words: texts(heard, read),
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
                self.note_discarded(start, at + 1);
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
        self.note_discarded(end, self.words.len());
        self.words.truncate(end);
        self.words.drain(..start);
        let (script, keywords) = (self.script, &self.keywords);
        self.steps.note(|| Step::Keywords {
            stack: stack(script, keywords),
        });
    }

    fn substitute(&mut self, at: usize, rule: &Rule) {
        let Some(substitute) = rule.substitute else {
            return;
        };
        let word = self.words[at];
        self.words[at] = substitute;
        self.steps.note(|| Step::Substituted {
            word: self.heard.text(word).to_owned(),
            by: self.heard.text(substitute).to_owned(),
        });
    }

    fn note_discarded(&mut self, start: usize, end: usize) {
        if start < end {
            let words = &self.words[start..end];
            self.steps.note(|| Step::Discarded {
                words: texts(&self.heard, words),
            });
        }
    }

    /// Follows the rules of the keywords, and that of NONE when there are no more.
    fn follow_rules(mut self) -> Answer {
        let mut source = Source::Rule;
        for _ in 0..MOST_ROUNDS {
            self.matcher.looks += self.words.len();
            if MOST_LOOKS < self.matcher.looks {
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
                Some(Ended::Said(text)) => (text, source),
                Some(Ended::NoMatch) => {
                    let text = NO_MATCH[usize::from(self.state.limit - 1)];
                    (text.to_owned(), Source::NoMatch)
                }
                Some(Ended::Exhausted) => break,
            };
            return Answer::new(text, source);
        }
        Answer::new(EXHAUSTED, Source::Exhausted)
    }

    /// Does what the first transformation that fits says; nothing is returned if that leads on.
    fn follow(&mut self, rule: &'a Rule) -> Option<Ended> {
        for transformation in &rule.transformations {
            let fits = self.matcher.fit(&transformation.pattern.terms, &self.words);
            if MOST_LOOKS < self.matcher.looks {
                return Some(Ended::Exhausted);
            }
            if fits {
                let reply = self.state.turn(transformation, self.script.slots);
                self.note_matched(rule, transformation, reply);
                return self.act(&reply.action);
            }
        }
        if let Some(to) = rule.reference {
            self.refer(to);
            return None;
        }
        let (script, heard) = (self.script, &self.heard);
        self.steps.note(|| Step::Unmatched {
            keyword: heard.text(rule.keyword).to_owned(),
            line: script.source.line(rule.at),
        });
        Some(Ended::NoMatch)
    }

    fn act(&mut self, action: &Action) -> Option<Ended> {
        match action {
            Action::Say(pieces) => return Some(Ended::Said(self.say(pieces))),
            Action::Refer(to) => self.refer(*to),
            Action::NewKey => self.steps.note(|| Step::NewKey),
            Action::Rewrite(pieces, to) => {
                if !self.rewrite(pieces) {
                    return Some(Ended::Exhausted);
                }
                self.refer(*to);
            }
        }
        None
    }

    fn refer(&mut self, to: Id) {
        let heard = &self.heard;
        self.steps.note(|| Step::Referred {
            to: heard.text(to).to_owned(),
        });
        self.keywords.push_front(to);
    }

    fn note_matched(&mut self, rule: &Rule, transformation: &Transformation, reply: &Reply) {
        let Self {
            script,
            heard,
            words,
            matcher,
            ..
        } = self;
        let written = |at| script.source.written(at);
        let part = |part: &std::ops::Range<usize>| texts(heard, &words[part.clone()]).join(" ");
        self.steps.note(|| Step::Matched {
            keyword: Some(heard.text(rule.keyword).to_owned()),
            line: script.source.line(transformation.pattern.at.start),
            pattern: written(&transformation.pattern.at),
            parts: matcher.parts().iter().map(part).collect(),
            reply: written(&reply.at),
        });
    }
}

fn stack(script: &Script, keywords: &VecDeque<Id>) -> Vec<Keyword> {
    let keyword = |&word: &Id| Keyword {
        word: script.vocabulary.text(word).to_owned(),
        precedence: script.rule(word).map_or(0, |rule| rule.precedence),
    };
    keywords.iter().map(keyword).collect()
}

/// What is said if no pattern of a keyword fits, by the counter.
const NO_MATCH: [&str; 4] = ["PLEASE CONTINUE", "HMMM", "GO ON , PLEASE", "I SEE"];

/// What is said instead of a reply that is not found within the bounds below.
const EXHAUSTED: &str = "I THOUGHT ABOUT THAT FOR TOO LONG AND GOT NOWHERE";

/// So many rules are followed for one reply. A script for talks follows three or four; one that is a
/// Turing machine, one for each of its steps; one that goes round in a circle never stops.
pub(super) const MOST_ROUNDS: usize = 10_000;

/// So often words and terms are looked at for one reply, which takes less than half a second: enough
/// for all these rounds with hundreds of words, but not with long patterns, or very many.
pub(super) const MOST_LOOKS: usize = 30_000_000;

#[cfg(test)]
mod tests;
