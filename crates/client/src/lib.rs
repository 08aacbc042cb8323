//! The other end of file transfer: connects, and gets, puts and lists files.

mod address;
mod client;
mod destination;
mod error;
mod get;
mod list;
mod local_walk;
mod partial_file;
mod put;
mod session;
#[cfg(test)]
mod tests;
mod tftp;
mod tftp_client;
mod transport;

pub use address::{Endpoint, Server};
pub use client::{Client, Outcome, Progress};
pub use destination::Destination;
pub use error::Error;
pub use get::Target;
pub use list::RemoteWalk;
pub use local_walk::{Found, LocalWalk};
pub use tftp::TftpOptions;
pub use tftp_client::TftpClient;
pub use transport::Stop;
