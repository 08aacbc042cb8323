//! Drives sessions without sockets, for the tests of a service.

mod datagram;
mod rooms;
mod stream;

pub use crate::session::connection::Connection;
pub use datagram::{Datagram, drive_datagrams};
pub use rooms::RoomDriver;
pub use stream::{Chunks, drive_stream};
