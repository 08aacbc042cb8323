//! The program of 1966, as Weizenbaum describes it: its scripts, and talks that follow them.
//!
//! Nothing in here looks at single letters once a line is read: words are numbers, and a script's
//! patterns and replies are made of them.

mod actions;
mod ast;
mod charset;
mod hash;
mod lexer;
mod lint;
mod parse;
mod parser;
mod reassembly;
mod resolve;
mod respond;
mod response;
mod script;
mod source;

pub(crate) use script::Script;
