//! Programs that take the place of sessions.

pub(crate) mod child;
pub(crate) mod one_shot;
pub(crate) mod supervisor;
