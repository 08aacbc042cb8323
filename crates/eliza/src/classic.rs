//! The program of 1966, as Weizenbaum describes it: its scripts, and talks that follow them.
//!
//! Nothing in here looks at single letters once a line is read: words are numbers, and a script's
//! patterns and replies are made of them.

mod actions;
mod grammar;
mod hash;
mod letters;
mod lint;
mod parser;
mod pieces;
mod resolve;
mod response;
mod saying;
mod script;
mod source;
mod talk;
mod tokens;

pub(crate) use script::Script;
