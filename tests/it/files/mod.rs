//! The files service, and the `get`, `put` and `list` commands over its line protocol.

pub(crate) mod faults;
pub(crate) mod kill;
pub(crate) mod server;
pub(crate) mod transfer;
pub(crate) mod transfer_failures;
