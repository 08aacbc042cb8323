//! The program of 1966 as Weizenbaum describes it: his script format and its conversations.
//!
//! After the lexer, words are interned: patterns and replies compare numbers, not letters.

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
        Box::new(Responder::new(self)) // no random choices, so no seed
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
    }
}
