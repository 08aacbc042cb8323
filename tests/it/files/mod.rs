//! The files service, and the `get`, `put` and `list` commands over its line protocol.

mod faults;
mod kill;
mod server;
mod transfer;
mod transfer_failures;
