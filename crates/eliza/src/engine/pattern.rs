//! The friend: patterns and replies in TOML, and a talk that remembers.

mod english;
mod french;
mod index;
mod input;
mod language;
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

pub(crate) use script::Script;
