//! TFTP over a socket.

mod socket;
pub(crate) mod transfer;
