//! One connection on its socket.

pub(crate) mod rooms;
pub(crate) mod task;
