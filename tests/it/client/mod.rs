//! The command `connect`.

mod complaints;
mod connect;
mod drop_in;
mod errors;
mod exercises;
mod terminal;
