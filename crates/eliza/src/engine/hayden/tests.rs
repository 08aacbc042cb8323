//! Whole conversations, and all problems and warnings of scripts.

mod conversations;
mod lints;
mod problems;

use crate::{Conversation, Script, ScriptError};

/// A script with every kind of line.
const GARDEN: &str = include_str!("tests/garden.txt");

fn load(text: &str) -> Script {
    Script::load(text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> ScriptError {
    Script::load(text).expect_err("it is refused")
}

fn talk(text: &str) -> Conversation {
    Conversation::new(&load(text), 1)
}
