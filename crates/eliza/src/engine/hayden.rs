//! The format of Charles Hayden's Java version: lines with the tags `key:`, `decomp:`, `reasmb:`.

mod input;
mod lexer;
mod lint;
mod parse;
mod pattern;
mod reassembly;
mod respond;
mod response;
mod script;
mod state;

use std::sync::Arc;

use crate::engine::{self, Engine};
use crate::problem::Problem;
pub(crate) use lexer::is_tag;
pub(crate) use parse::parse;
use respond::Responder;
use script::Script;

impl Engine for Script {
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn engine::Responder> {
        Box::new(Responder::new(self, seed))
    }

    fn rules(&self) -> usize {
        self.keys.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
    }
}

#[cfg(test)]
mod tests;
