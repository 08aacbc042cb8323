//! A conversation with a script in Hayden's format.

use std::sync::Arc;

use crate::engine::hayden::input;
use crate::engine::hayden::response::{Exhausted, Response};
use crate::engine::hayden::script::Script;
use crate::engine::hayden::state::State;
use crate::engine::{self, Answer};
use crate::trace::{Source, Steps};

/// A script and the state of one conversation.
#[derive(Debug)]
pub(crate) struct Responder {
    script: Arc<Script>,
    state: State,
}

impl Responder {
    pub(crate) fn new(script: Arc<Script>, seed: u64) -> Self {
        Self {
            script,
            state: State::new(seed),
        }
    }

    /// Answers by the first sentence that is a farewell or has a reply, then by a memory, then by
    /// the fallback.
    fn answer(&mut self, line: &str, steps: &mut Steps) -> Result<Answer, Exhausted> {
        let script = Arc::clone(&self.script);
        let mut response = Response::new(&script, &mut self.state, steps);
        let mut last = Vec::new();
        for sentence in input::sentences(line) {
            let as_read = sentence.join(" ");
            last = response.read(&sentence);
            if script.quit.contains(&as_read) || script.quit.contains(&response.text(&last)) {
                let text = response.farewell().unwrap_or(FAREWELL);
                return Ok(Answer::new(text, Source::Farewell));
            }
            if let Some(text) = response.by_keywords(&last)? {
                return Ok(Answer::new(text, Source::Rule));
            }
        }
        if let Some(text) = response.recall() {
            return Ok(Answer::new(text, Source::Memory));
        }
        let text = match script.fallback {
            Some(key) => response.by_key(key, &last)?,
            None => None,
        };
        let text = text.unwrap_or_else(|| FALLBACK.to_owned());
        Ok(Answer::new(text, Source::Fallback))
    }
}

impl engine::Responder for Responder {
    fn greet(&mut self) -> Option<String> {
        self.state.choose(&self.script.initial).cloned()
    }

    fn respond(&mut self, line: &str, steps: &mut Steps) -> Answer {
        let answer = self.answer(line, steps);
        answer.unwrap_or_else(|Exhausted| Answer::new(EXHAUSTED, Source::Exhausted))
    }

    fn farewell(&mut self) -> Option<String> {
        self.state.choose(&self.script.farewell).cloned()
    }

    fn memory(&self) -> Vec<String> {
        self.state.memory()
    }
}

const FAREWELL: &str = "Goodbye."; // if the script has no `final:`
const FALLBACK: &str = "Please tell me more."; // if the script has no `xnone`
const EXHAUSTED: &str = "I have lost my thread. What were you saying?";
