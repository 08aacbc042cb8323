//! Drives sessions without sockets, for the tests of a service.

mod datagram;
mod rooms;
mod stream;

pub use crate::session::connection::Connection;
pub use datagram::{Datagram, rehearse_datagrams};
pub use rooms::Gathering;
pub use stream::{Pieces, rehearse};
