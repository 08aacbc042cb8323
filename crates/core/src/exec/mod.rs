//! Programs that take the place of sessions.

pub(crate) mod child;
mod error_log;
pub(crate) mod one_shot;
pub(crate) mod processes;
pub(crate) mod supervisor;
