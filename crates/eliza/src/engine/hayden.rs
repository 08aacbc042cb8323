//! The lines of Charles Hayden's Java version: `key:`, `decomp:`, `reasmb:` and the like.

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
use respond::Talk;
use script::Script;

impl Engine for Script {
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn engine::Talk> {
        Box::new(Talk::new(self, seed))
    }

    fn rules(&self) -> usize {
        self.keys.len()
    }

    fn lint(&self) -> Vec<Problem> {
        let mut problems = self.useless.clone();
        problems.extend(lint::unreachable(self));
        problems.extend(lint::circles(self));
        problems
    }
}

#[cfg(test)]
mod tests;
