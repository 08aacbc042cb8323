//! Computes the reply to one line.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::slice;

use crate::engine::hayden::input;
use crate::engine::hayden::reassembly::{self, Action};
use crate::engine::hayden::script::{Decomp, Key, Script};
use crate::engine::hayden::state::State;
use crate::interner::{Id, LineInterner};
use crate::matching::Matcher;
use crate::trace::{Step, Steps};

/// The state while one line is answered.
pub(crate) struct Response<'a> {
    script: &'a Script,
    state: &'a mut State,
    steps: &'a mut Steps,
    interner: LineInterner<'a>,
    matcher: Matcher,
    matches: usize, // number of patterns that matched so far
}

/// The search took too long, or a reply became too long.
#[derive(Debug)]
pub(crate) struct Exhausted;

/// The result of a key.
enum Outcome {
    Reply(String),
    Goto(usize),
    Nothing,
}

impl<'a> Response<'a> {
    pub(crate) fn new(script: &'a Script, state: &'a mut State, steps: &'a mut Steps) -> Self {
        Self {
            script,
            state,
            steps,
            interner: LineInterner::new(&script.vocabulary),
            matcher: Matcher::default(),
            matches: 0,
        }
    }

    /// Reads a sentence and replaces words by the `pre:` lines.
    pub(crate) fn read(&mut self, sentence: &[String]) -> Vec<Id> {
        self.steps.record(|| Step::Read {
            words: sentence.to_vec(),
        });
        let mut words = Vec::new();
        let mut bytes = 0;
        for word in sentence {
            let id = self.interner.id(word);
            let by = self.script.pre.get(&id);
            if let Some(by) = by {
                self.steps.record(|| Step::Substituted {
                    word: word.clone(),
                    by: joined(&self.interner, by),
                });
            }
            let by = by.map_or(slice::from_ref(&id), Vec::as_slice);
            bytes += by
                .iter()
                .map(|&id| 1 + self.interner.text(id).len())
                .sum::<usize>();
            if MAX_SENTENCE_BYTES < bytes {
                break;
            }
            words.extend(by);
        }
        words
    }

    /// The words, joined by spaces.
    pub(crate) fn text(&self, words: &[Id]) -> String {
        joined(&self.interner, words)
    }

    /// The farewell, if the script has one.
    pub(crate) fn farewell(&mut self) -> Option<&'a str> {
        self.state.choose(&self.script.farewell).map(String::as_str)
    }

    /// The oldest memory, which is removed.
    pub(crate) fn recall(&mut self) -> Option<String> {
        self.state.recall()
    }

    /// The reply by the keywords of a sentence, highest rank first.
    pub(crate) fn by_keywords(&mut self, words: &[Id]) -> Result<Option<String>, Exhausted> {
        let mut seen = HashSet::new();
        let keys = words
            .iter()
            .filter_map(|word| self.script.key_of.get(word).copied());
        let mut keys: Vec<_> = keys.filter(|&key| seen.insert(key)).collect();
        // The sort is stable: of equal ranks, the first in the sentence comes first.
        keys.sort_by_key(|&key| Reverse(self.script.keys[key].rank));
        self.steps.record(|| Step::Keywords {
            stack: keys.iter().map(|&key| self.script.keyword(key)).collect(),
        });
        for key in keys {
            if let Some(text) = self.by_key(key, words)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// The reply by the patterns of a key, or of the keys it refers to.
    pub(crate) fn by_key(&mut self, key: usize, words: &[Id]) -> Result<Option<String>, Exhausted> {
        let mut key = key;
        loop {
            match self.by_rule(&self.script.keys[key], words)? {
                Outcome::Reply(text) => return Ok(Some(text)),
                Outcome::Goto(to) => key = to,
                Outcome::Nothing => return Ok(None),
            }
        }
    }

    fn by_rule(&mut self, key: &Key, words: &[Id]) -> Result<Outcome, Exhausted> {
        let mut has_match = false;
        for decomp in &key.decomps {
            let fits = self.matcher.matches(&decomp.pattern.terms, words);
            if MAX_COMPARISONS < self.matcher.comparisons {
                return Err(Exhausted);
            }
            if fits {
                has_match = true;
                match self.by_decomp(key, decomp, words)? {
                    Outcome::Nothing => {}
                    found => return Ok(found),
                }
            }
        }
        if !has_match {
            self.steps.record(|| Step::Unmatched {
                keyword: self.script.vocabulary.text(key.word).to_owned(),
                line: key.line,
            });
        }
        Ok(Outcome::Nothing)
    }

    /// The result of a pattern that matched.
    fn by_decomp(
        &mut self,
        key: &Key,
        decomp: &Decomp,
        words: &[Id],
    ) -> Result<Outcome, Exhausted> {
        self.matches += 1;
        if MAX_MATCHES < self.matches {
            return Err(Exhausted);
        }
        let parts = decomp.pattern.parts.iter();
        let parts: Vec<_> = parts
            .map(|&term| &words[self.matcher.parts()[term].clone()])
            .collect();
        let reply = self.state.next_reply(decomp);
        let is_recorded = self.matches <= MAX_RECORDED;
        if is_recorded {
            self.steps.record(|| Step::Matched {
                keyword: Some(self.script.vocabulary.text(key.word).to_owned()),
                line: decomp.line,
                pattern: decomp.source.clone(),
                parts: parts
                    .iter()
                    .map(|part| joined(&self.interner, part))
                    .collect(),
                reply: reply.source.clone(),
            });
        }
        let text = match &reply.action {
            Action::Goto(to) => {
                if is_recorded {
                    self.steps.record(|| Step::Referred {
                        to: self.script.keyword(*to).word,
                    });
                }
                return Ok(Outcome::Goto(*to));
            }
            Action::Words(pieces) => reassembly::fill(pieces, |part| self.substituted(parts[part])),
        };
        if !decomp.remembered {
            return text.map(Outcome::Reply).ok_or(Exhausted);
        }
        if let Some(text) = text.filter(|text| self.state.remember(text))
            && is_recorded
        {
            self.steps.record(|| Step::Remembered { text });
        }
        Ok(Outcome::Nothing)
    }

    /// Words of the input, replaced by the `post:` lines.
    fn substituted(&self, words: &[Id]) -> impl Iterator<Item = &str> {
        let post = &self.script.post;
        words.iter().map(|id| {
            post.get(id)
                .map_or_else(|| self.interner.text(*id), String::as_str)
        })
    }
}

/// The words, joined by spaces.
fn joined(interner: &LineInterner<'_>, words: &[Id]) -> String {
    let words: Vec<_> = words.iter().map(|&id| interner.text(id)).collect();
    words.join(" ")
}

/// The maximum number of matching patterns per line. A script that reaches it is in a loop.
const MAX_MATCHES: usize = 10_000;
/// The maximum number of matches in a trace; the rest of a loop adds nothing new.
const MAX_RECORDED: usize = 100;
/// The maximum number of comparisons per line, which take a fraction of a second.
const MAX_COMPARISONS: usize = 10_000_000;
/// The maximum length of a sentence after the `pre:` lines; the rest is cut.
const MAX_SENTENCE_BYTES: usize = 2 * input::MAX_BYTES;
