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

pub(crate) use lexer::is_tag;
pub(crate) use script::Script;

#[cfg(test)]
mod tests;
