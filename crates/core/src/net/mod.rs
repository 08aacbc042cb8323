//! Addresses and sockets.

pub(crate) mod bind;
pub(crate) mod inherited;
pub(crate) mod listen_addr;
pub(crate) mod listener;
pub(crate) mod multicast;
mod sendfile;
pub(crate) mod socket_opts;
pub(crate) mod stream;
