//! A conversation with a script of patterns.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::engine::pattern::input::{Input, Sentence};
use crate::engine::pattern::script::{Candidate, Replies, Rule, Script, Topic};
use crate::engine::pattern::template::{Template, capitalized};
use crate::engine::pattern::word_pattern::{Parts, Pattern};
use crate::engine::{self, Answer};
use crate::trace::{Source, Step, Steps};

/// The state of one conversation. It never gives the same reply twice in a row, unless the script
/// has no other.
#[derive(Debug)]
pub(crate) struct Responder {
    script: Arc<Script>,
    rng: SmallRng,
    last: String,
    recent: VecDeque<usize>, // the numbers of the latest templates, the oldest first
    learnt: Vec<Option<String>>,
    memory: VecDeque<String>,
    since_remembered: u8,       // turns since the last memory, saturating
    topic: Option<(usize, u8)>, // and its remaining turns, at least one
}

impl Responder {
    pub(crate) fn new(script: Arc<Script>, seed: u64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            last: String::new(),
            recent: VecDeque::with_capacity(MAX_RECENT),
            learnt: vec![None; script.names.len()],
            memory: VecDeque::new(),
            since_remembered: 0,
            topic: None,
            script,
        }
    }

    /// By a rule, the topic, a memory, a weak rule, or the fallback, in this order.
    fn answer(&mut self, sentences: &[Sentence<'_>], steps: &mut Steps) -> (String, Source) {
        let script = Arc::clone(&self.script);
        let candidates = script.candidates(sentences);
        if let Some(text) = self.by_rule(&script, sentences, &candidates, false, steps) {
            return (text, Source::Rule);
        }
        if let Some(text) = self.by_topic(&script) {
            return (text, Source::Topic);
        }
        if let Some(text) = self.by_memory() {
            return (text, Source::Memory);
        }
        match self.by_rule(&script, sentences, &candidates, true, steps) {
            Some(text) => (text, Source::Rule),
            None => (self.say_any(&script.otherwise), Source::Fallback),
        }
    }

    /// By the first rule that matches one of the sentences and has a new reply.
    fn by_rule(
        &mut self,
        script: &Script,
        sentences: &[Sentence<'_>],
        candidates: &[Candidate],
        weak: bool,
        steps: &mut Steps,
    ) -> Option<String> {
        let topic = self.topic.map(|(topic, _)| topic);
        for candidate in candidates {
            let rule = &script.rules[usize::from(candidate.rule)];
            let sentence = &sentences[usize::from(candidate.sentence)];
            let pattern = rule.patterns.get(usize::from(candidate.pattern));
            if rule.weak != weak || rule.within.is_some() && rule.within != topic {
                continue;
            }
            let Some(parts) = captured(rule, pattern, sentence) else {
                continue;
            };
            self.learn(script, rule, sentence, &parts, steps);
            let part = |index: usize| {
                script
                    .language
                    .reflect(sentence.text, &sentence.folded, parts[index].clone())
            };
            let Some((text, template)) = self.say(&rule.replies, part) else {
                continue;
            };
            steps.record(|| Step::Matched {
                keyword: rule.topic.map(|topic| script.topics[topic].name.clone()),
                line: rule.line,
                pattern: pattern.map_or_else(String::new, |pattern| pattern.source().to_owned()),
                parts: parts
                    .iter()
                    .map(|part| sentence.text[part.clone()].to_owned())
                    .collect(),
                reply: template.source().to_owned(),
            });
            self.remember(rule, part, steps);
            self.set_topic(script, rule, steps);
            return Some(text);
        }
        None
    }

    /// Stores the learnt value of the rule, so that the replies of the same rule may use it.
    fn learn(
        &mut self,
        script: &Script,
        rule: &Rule,
        sentence: &Sentence<'_>,
        parts: &[Range<usize>],
        steps: &mut Steps,
    ) {
        let Some(index) = rule.learn else { return };
        let value = &sentence.text[parts[0].clone()];
        if value.len() <= MAX_LEARNT_BYTES {
            let value = capitalized(value);
            steps.record(|| Step::Learnt {
                what: script.names[index].clone(),
                value: value.clone(),
            });
            self.learnt[index] = Some(value);
        }
    }

    /// Remembers a text, if the rule has a template for it.
    fn remember(&mut self, rule: &Rule, part: impl Fn(usize) -> String, steps: &mut Steps) {
        let template = rule.remember.templates.choose(&mut self.rng);
        let text = template.and_then(|template| template.fill(part, &self.learnt));
        let is_new = |text: &String| !self.memory.contains(text);
        let Some(text) = text.filter(|text| text.len() <= MAX_REMEMBERED_BYTES && is_new(text))
        else {
            return;
        };
        steps.record(|| Step::Remembered { text: text.clone() });
        if self.memory.len() == MAX_MEMORIES {
            self.memory.pop_front();
        }
        self.memory.push_back(text);
        self.since_remembered = 0;
    }

    /// Enters or continues the topic of the rule.
    fn set_topic(&mut self, script: &Script, rule: &Rule, steps: &mut Steps) {
        let Some(topic) = rule.topic.or(rule.within) else {
            return;
        };
        let Topic { name, turns, .. } = &script.topics[topic];
        steps.record(|| Step::Topic { name: name.clone() });
        self.topic = Some((topic, turns.saturating_add(1))); // the current turn counts
    }

    /// A reply of the current topic.
    fn by_topic(&mut self, script: &Script) -> Option<String> {
        let (topic, _) = self.topic?;
        let replies = &script.topics[topic].replies;
        let (text, _) = self.say(replies, |_| String::new())?;
        Some(text)
    }

    /// The oldest memory, but not within two turns of the latest one.
    fn by_memory(&mut self) -> Option<String> {
        if self.since_remembered < 2 {
            return None;
        }
        let text = self.memory.pop_front()?;
        // Another rule may have given the same reply; use the next memory then.
        if text == self.last {
            return self.by_memory();
        }
        self.last.clone_from(&text);
        Some(text)
    }

    fn say_any(&mut self, replies: &Replies) -> String {
        if let Some((text, _)) = self.say(replies, |_| String::new()) {
            return text;
        }
        // `say` fails only if the list has a single reply and that was the last one.
        let mut texts = replies
            .templates
            .iter()
            .filter_map(|template| template.fill(|_| String::new(), &self.learnt));
        texts
            .next()
            .expect("one that needs nothing learnt was asked for")
    }

    /// A random reply, preferably one that was not used recently. `None` if all equal the last
    /// reply or need a value that was not learnt.
    fn say<'a>(
        &mut self,
        replies: &'a Replies,
        part: impl Fn(usize) -> String,
    ) -> Option<(String, &'a Template)> {
        let mut order: Vec<usize> = (0..replies.templates.len()).collect();
        order.shuffle(&mut self.rng);
        order.sort_by_key(|index| {
            self.recent
                .iter()
                .position(|&number| number == replies.first + index)
                .map_or(0, |at| at + 1)
        });
        for index in order {
            let template = &replies.templates[index];
            let Some(text) = template.fill(&part, &self.learnt) else {
                continue;
            };
            if text != self.last {
                if self.recent.len() == MAX_RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(replies.first + index);
                self.last.clone_from(&text);
                return Some((text, template));
            }
        }
        None
    }
}

impl engine::Responder for Responder {
    fn greet(&mut self) -> Option<String> {
        let script = Arc::clone(&self.script);
        Some(self.say_any(&script.greeting))
    }

    fn respond(&mut self, line: &str, steps: &mut Steps) -> Answer {
        let script = Arc::clone(&self.script);
        let input = Input::new(line, script.language);
        if script.is_farewell(&input) {
            let text = self.say_any(&script.farewell);
            return Answer::new(text, Source::Farewell);
        }
        let sentences: Vec<_> = input.sentences().collect();
        for sentence in &sentences {
            let words = sentence.text.split(' ').map(str::to_owned);
            steps.record(|| Step::Read {
                words: words.collect(),
            });
        }
        self.since_remembered = self.since_remembered.saturating_add(1);
        let (text, source) = if sentences.is_empty() {
            (self.say_any(&script.silence), Source::Silence)
        } else {
            self.answer(&sentences, steps)
        };
        let left = self.topic.map(|(topic, turns)| (topic, turns - 1));
        self.topic = left.filter(|(_, turns)| 0 < *turns);
        Answer::new(text, source)
    }

    fn farewell(&mut self) -> Option<String> {
        let script = Arc::clone(&self.script);
        Some(self.say_any(&script.farewell))
    }

    fn memory(&self) -> Vec<String> {
        self.memory.iter().cloned().collect()
    }
}

/// The captured parts, if the rule and pattern match the sentence.
fn captured(rule: &Rule, pattern: Option<&Pattern>, sentence: &Sentence<'_>) -> Option<Parts> {
    if rule.question && !sentence.is_question {
        return None;
    }
    let parts = match pattern {
        Some(pattern) => pattern.capture(&sentence.folded)?,
        None => Parts::new(),
    };
    let is_name = |part: &Range<usize>| sentence.text[part.clone()].starts_with(char::is_uppercase);
    (!rule.capital || parts.first().is_some_and(is_name)).then_some(parts)
}

const MAX_RECENT: usize = 16; // templates that are not reused while the rule has others
const MAX_MEMORIES: usize = 4; // older ones are dropped
const MAX_REMEMBERED_BYTES: usize = 200;
const MAX_LEARNT_BYTES: usize = 40;

#[cfg(test)]
mod tests;
