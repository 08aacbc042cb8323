//! The program of 1966, as Weizenbaum describes it: its scripts, and talks that follow them.
//!
//! Nothing in here looks at single letters once a line is read: words are numbers, and a script's
//! patterns and replies are made of them.

mod ast;
mod charset;
mod hash;
mod lexer;
mod lint;
mod parse;
mod resolve;
mod respond;
mod response;
mod script;
mod source;
mod state;

use std::sync::Arc;

use crate::engine::{self, Engine};
use crate::problem::Problem;
pub(crate) use parse::parse;
use respond::Responder;
use script::Script;

impl Engine for Script {
    fn begin(self: Arc<Self>, _: u64) -> Box<dyn engine::Responder> {
        Box::new(Responder::new(self)) // nothing is left to chance
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
    }
}
