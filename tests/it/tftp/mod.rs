//! TFTP: the server, our client, and the clients of other projects.

mod client;
mod interop;
mod server;
