//! TFTP, the trivial file transfer protocol (RFC 1350), with options (RFC 2347 to 2349) and windows
//! (RFC 7440): what is said, and who says what when. Time is data here, and nothing waits.
//!
//! A file goes from a [`Sender`] to a [`Receiver`]; a client is [`Requester`] before, and whoever
//! received all of a file stays for a while, [`Dally`]. All are used in the same way: they are
//! told of each packet that comes and when the time of their `deadline` has come, and whenever they
//! were told anything (and once at the beginning), what they have to say is taken from `next_packet`
//! until there is no more.

mod dally;
mod error;
mod netascii;
mod options;
mod packet;
mod receiver;
mod request;
mod retransmit;
mod sender;
#[cfg(test)]
mod tests;

pub use dally::Dally;
pub use error::{Step, TransferError};
pub use netascii::{FromNetascii, ToNetascii};
pub use options::{Caps, Negotiated, Options};
pub use packet::{ErrorCode, Malformed, Mode, Packet, Request, RequestKind};
pub use receiver::Receiver;
pub use request::Requester;
pub use sender::Sender;
