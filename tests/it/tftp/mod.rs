//! TFTP: the server, our client, and the clients of other projects.

pub(crate) mod client;
pub(crate) mod interop;
pub(crate) mod server;
