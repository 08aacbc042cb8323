//! The format of the built-in friend: regular expressions and replies in TOML.

mod english;
mod french;
mod index;
mod input;
mod language;
mod languages;
mod lint;
mod normalize;
mod parse;
mod prefilter;
mod respond;
mod schema;
mod script;
mod synonyms;
mod template;
mod word_lists;
mod word_pattern;

use std::sync::Arc;

use crate::engine::{self, Engine};
use crate::problem::Problem;
pub(crate) use parse::parse;
use respond::Responder;
use script::Script;

impl Engine for Script {
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn engine::Responder> {
        Box::new(Responder::new(self, seed))
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
    }
}
