//! What one talk with the program of 1966 keeps from line to line.

use std::sync::Arc;

use crate::engine::doctor1966::response::Response;
use crate::engine::doctor1966::script::Script;
use crate::engine::doctor1966::state::State;
use crate::engine::{self, Answer};
use crate::trace::Steps;

/// A talk: its script, and how far it has come in it.
#[derive(Debug)]
pub(crate) struct Responder {
    script: Arc<Script>,
    state: State,
}

impl Responder {
    pub(super) fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            state: State::new(),
        }
    }
}

impl engine::Responder for Responder {
    fn greet(&mut self) -> Option<String> {
        let opening = &self.script.opening;
        (!opening.is_empty()).then(|| opening.clone())
    }

    fn respond(&mut self, line: &str, steps: &mut Steps) -> Answer {
        Response::new(&self.script, &mut self.state, steps).to(line)
    }

    fn farewell(&mut self) -> Option<String> {
        None // the program was switched off
    }

    fn memory(&self) -> Vec<String> {
        self.state.memory()
    }
}

#[cfg(test)]
mod tests;
