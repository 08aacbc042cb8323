//! The lines of Charles Hayden's Java version: `key:`, `decomp:`, `reasmb:` and the like.

mod line;
mod lint;
mod pattern;
mod reply;
mod said;
mod script;
mod talk;
mod turn;
mod written;

pub(crate) use line::is_tag;
pub(crate) use script::Script;

#[cfg(test)]
mod tests;
