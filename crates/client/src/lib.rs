//! The other end of file transfer: connects, and gets, puts and lists files.

mod address;
mod below;
mod by_tftp;
mod client;
mod error;
mod get;
mod list;
mod part;
mod put;
mod shelf;
mod talk;
#[cfg(test)]
mod tests;
mod tftp;
mod wire;

pub use address::{Server, Way};
pub use below::{Below, Found};
pub use by_tftp::TftpClient;
pub use client::{Client, Done, Watch};
pub use error::Error;
pub use get::Target;
pub use list::Walk;
pub use shelf::Shelf;
pub use tftp::TftpOptions;
pub use wire::Stop;
