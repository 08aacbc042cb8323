//! The command `connect`.

mod complaints;
mod connect;
mod drop_in;
mod errors;
mod exercises;
mod listen;
mod recording;
mod roles;
mod stream;
mod terminal;
mod udp;
