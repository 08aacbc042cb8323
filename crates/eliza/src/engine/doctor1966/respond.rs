//! A conversation with a script of 1966.

use std::sync::Arc;

use crate::engine::doctor1966::response::Response;
use crate::engine::doctor1966::script::Script;
use crate::engine::doctor1966::state::State;
use crate::engine::{self, Answer};
use crate::trace::Steps;

/// A script and the state of one conversation.
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
        Response::new(&self.script, &mut self.state, steps).run(line)
    }

    fn farewell(&mut self) -> Option<String> {
        None // the program of 1966 has none
    }

    fn memory(&self) -> Vec<String> {
        self.state.memory()
    }
}

#[cfg(test)]
mod tests;
