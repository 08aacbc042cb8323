//! The server: listeners, models, limits, shutdown, faults.

mod accept;
mod environment;
mod fairness;
mod faults;
mod forged;
mod inherited;
mod limits;
mod listen;
mod many_clients;
mod multicast;
mod rate_limit;
mod readiness;
mod rooms;
mod several_listeners;
mod shutdown;
mod signals;
mod status;
mod stdio;
mod udp;
