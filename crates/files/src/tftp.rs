//! TFTP, the Trivial File Transfer Protocol (RFC 1350), with options (RFC 2347 to 2349) and windows
//! (RFC 7440): packets and state machines. Nothing here waits: time is an argument, counted from any
//! fixed instant.
//!
//! A [`Sender`] sends a file to a [`Receiver`]. On the client, a [`Requester`] comes first. After the
//! last block, the receiving side [dallies](Dally) in case its acknowledgement was lost.
//!
//! All are driven alike. Each packet goes to `on_packet`, and `on_timeout` is called at the
//! `deadline`. After each of these, and once at the beginning, `next_packet` is called until it
//! returns `None`, and what it returns is sent.

mod dally;
mod encoding;
mod error;
mod field;
mod options;
mod packet;
mod receiver;
mod request;
mod retransmit;
mod sender;
#[cfg(test)]
mod tests;
mod transfer;

pub use dally::Dally;
pub use encoding::{Decoder, Encoder};
pub use error::{ErrorCode, Malformed, TransferError};
pub use options::{Caps, Negotiated, Options};
pub use packet::{Mode, Packet, Request, RequestKind};
pub use receiver::Receiver;
pub use request::Requester;
pub use sender::Sender;
pub use transfer::{Step, Transfer};
