//! The command line.

pub(crate) mod program;
pub(crate) mod script;
