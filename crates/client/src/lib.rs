//! The client of the files protocol and of TFTP: gets, puts and lists files.

mod address;
mod client;
mod destination;
mod error;
mod local_walk;
mod progress;
mod remote_walk;
mod session;
mod stop;
#[cfg(test)]
mod tests;
mod tftp;
mod transport;

pub use address::{Endpoint, Server};
pub use client::Client;
pub use destination::{Destination, Target};
pub use error::Error;
pub use local_walk::{Found, LocalWalk};
pub use progress::{Outcome, Progress};
pub use remote_walk::RemoteWalk;
pub use stop::Stop;
pub use tftp::{TftpClient, TftpOptions};
