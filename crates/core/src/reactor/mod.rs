//! The event loop: descriptors, deadlines and signals.

pub(crate) mod poll;
pub(crate) mod reactor;
pub(crate) mod run_one;
pub(crate) mod signals;
pub(crate) mod source;
mod turn;
pub(crate) mod waker;
