//! The command `connect`.

mod complaints;
mod connect;
mod drop_in;
mod errors;
mod labs;
mod listen;
mod recording;
mod roles;
mod stream;
mod terminal;
mod udp;
