//! One talk that follows a script: what is remembered, and which replies have had their turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::engine::hayden::input;
use crate::engine::hayden::reassembly::Reply;
use crate::engine::hayden::response::{Exhausted, Turn};
use crate::engine::hayden::script::{Decomp, Script};
use crate::engine::{self, Answer};
use crate::trace::{Source, Steps};

/// A talk with one person.
#[derive(Debug)]
pub(crate) struct Talk {
    script: Arc<Script>,
    state: State,
}

/// What changes from line to line.
#[derive(Debug)]
pub(crate) struct State {
    chance: SmallRng,
    next: BTreeMap<u32, u32>, // of patterns by number, which reply comes next, if not the first
    memory: VecDeque<Box<str>>,
}

impl Talk {
    pub(crate) fn new(script: Arc<Script>, seed: u64) -> Self {
        let state = State {
            chance: SmallRng::seed_from_u64(seed),
            next: BTreeMap::new(),
            memory: VecDeque::new(),
        };
        Self { script, state }
    }

    /// By the first sentence that ends the talk or has a reply, from the memory, or whatever is
    /// said to everything.
    fn answer(&mut self, line: &str, steps: &mut Steps) -> Result<Answer, Exhausted> {
        let script = Arc::clone(&self.script);
        let mut turn = Turn::new(&script, &mut self.state, steps);
        let mut last = Vec::new();
        for sentence in input::sentences(line) {
            let as_said = sentence.join(" ");
            last = turn.hear(&sentence);
            if script.quit.contains(&as_said) || script.quit.contains(&turn.text(&last)) {
                let text = turn.parting().unwrap_or(FAREWELL);
                return Ok(Answer::new(text, Source::Farewell));
            }
            if let Some(text) = turn.by_keywords(&last)? {
                return Ok(Answer::new(text, Source::Rule));
            }
        }
        if let Some(text) = turn.recall() {
            return Ok(Answer::new(text, Source::Memory));
        }
        let text = match script.fallback {
            Some(key) => turn.by_key(key, &last)?,
            None => None,
        };
        let text = text.unwrap_or_else(|| FALLBACK.to_owned());
        Ok(Answer::new(text, Source::Fallback))
    }
}

impl engine::Talk for Talk {
    fn greet(&mut self) -> Option<String> {
        self.state.choose(&self.script.initial).cloned()
    }

    fn reply(&mut self, line: &str, steps: &mut Steps) -> Answer {
        let answer = self.answer(line, steps);
        answer.unwrap_or_else(|Exhausted| Answer::new(EXHAUSTED, Source::Exhausted))
    }

    fn farewell(&mut self) -> Option<String> {
        self.state.choose(&self.script.parting).cloned()
    }

    fn memory(&self) -> Vec<String> {
        self.state.memory.iter().map(ToString::to_string).collect()
    }
}

impl State {
    /// The reply whose turn it is, or of those to remember any.
    pub(crate) fn next_reply<'s>(&mut self, decomp: &'s Decomp) -> &'s Reply {
        let replies = &decomp.replies;
        if let [reply] = &replies[..] {
            return reply;
        }
        if decomp.remembered {
            return self.choose(replies).expect("a pattern has a reply");
        }
        let next = self.next.entry(decomp.number).or_default();
        let reply = &replies[*next as usize];
        *next = (*next + 1) % u32::try_from(replies.len()).expect("a script is shorter than that");
        reply
    }

    /// One of these by chance, which is not asked where there is no choice.
    pub(crate) fn choose<'s, T>(&mut self, some: &'s [T]) -> Option<&'s T> {
        match some {
            [one] => Some(one),
            _ => some.choose(&mut self.chance),
        }
    }

    /// Keeps a text to come back to it, if there is room. As in the Java program, what was
    /// remembered first stays.
    pub(crate) fn remember(&mut self, text: &str) -> bool {
        let bytes: usize = self.memory.iter().map(|text| text.len()).sum();
        let has_room = self.memory.len() < REMEMBERED && bytes + text.len() <= REMEMBERED_BYTES;
        if has_room {
            self.memory.push_back(text.into());
        }
        has_room
    }

    /// The oldest text that was kept.
    pub(crate) fn recall(&mut self) -> Option<String> {
        self.memory.pop_front().map(String::from)
    }
}

const FAREWELL: &str = "Goodbye."; // if the script has no words to part
const FALLBACK: &str = "Please tell me more."; // if it has none for everything
const EXHAUSTED: &str = "I have lost my thread. What were you saying?";

const REMEMBERED: usize = 20; // as in the Java program
/// With the count above, a conversation that has gone quiet keeps less than 2 KiB.
const REMEMBERED_BYTES: usize = 1024;

/// What a conversation takes up that remembers all it can, but for the replies that had their turn.
#[cfg(test)]
pub(crate) fn idle_bytes() -> usize {
    let mut memory = VecDeque::new();
    (0..REMEMBERED).for_each(|_| memory.push_back(Box::<str>::from("")));
    size_of::<Talk>() + memory.capacity() * size_of::<Box<str>>() + REMEMBERED_BYTES
}
