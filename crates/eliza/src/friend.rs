//! The friend: patterns and replies in TOML, and a talk that remembers.

mod compiler;
mod english;
mod folded;
mod french;
mod index;
mod language;
mod lint;
mod lists;
mod pattern;
mod required;
mod said;
mod script;
mod synonyms;
mod talk;
mod template;
mod written;

pub(crate) use script::Script;
