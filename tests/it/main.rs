//! The built program, through the front door: real processes, real sockets, real peers.

mod cli;
mod client;
mod docs;
mod eliza;
mod files;
mod server;
mod services;
mod support;
mod tftp;
mod tidy;
