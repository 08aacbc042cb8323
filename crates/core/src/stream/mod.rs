//! One connection on its socket.

pub(crate) mod lifecycle;
pub(crate) mod rooms;
pub(crate) mod task;
