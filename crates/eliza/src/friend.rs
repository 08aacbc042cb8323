//! The friend: patterns and replies in TOML, and a talk that remembers.

mod english;
mod language;
mod pattern;
mod said;
mod script;
mod synonyms;
mod talk;
mod template;
mod written;

pub(crate) use script::Script;
