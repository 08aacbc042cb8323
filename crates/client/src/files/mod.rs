//! The clients of the files protocol and of TFTP.

mod client;
mod destination;
mod error;
mod local_walk;
mod progress;
mod remote_walk;
mod session;
#[cfg(test)]
mod tests;
mod tftp;
mod transport;

pub use client::Client;
pub use destination::{Destination, Target};
pub use error::Error;
pub use local_walk::{Found, LocalWalk};
pub use progress::{Outcome, Progress};
pub use remote_walk::RemoteWalk;
pub use tftp::{TftpClient, TftpOptions};
