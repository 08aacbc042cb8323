//! Connecting to a server: names, addresses, attempts.

mod connector;
mod error;
mod server;

pub use connector::{ConnectEvent, ConnectOptions, Connection, Connector, Source};
pub use error::ConnectError;
pub use server::{Endpoint, Server};
