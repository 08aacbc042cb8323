//! The server: listeners, models, limits, shutdown, faults.

pub(crate) mod accept;
pub(crate) mod environment;
pub(crate) mod faults;
pub(crate) mod inherited;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod many_clients;
pub(crate) mod rate_limit;
pub(crate) mod readiness;
pub(crate) mod rooms;
pub(crate) mod several_listeners;
pub(crate) mod shutdown;
pub(crate) mod status;
pub(crate) mod stdio;
pub(crate) mod udp;
