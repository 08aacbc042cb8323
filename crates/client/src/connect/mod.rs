//! Connecting to a server: names, addresses, attempts.

mod connector;
mod endpoint;
mod error;
mod event;
mod happy_eyeballs;
mod hint;
mod look_up;
mod options;

pub use connector::{Connection, Connector};
pub use endpoint::Endpoint;
pub use error::{AttemptError, ConnectError, LookUpError};
pub use event::ConnectEvent;
pub use options::{ConnectOptions, Source};
