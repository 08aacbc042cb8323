//! What the parts of a transfer have in common.

use std::time::Duration;

use crate::tftp::error::TransferError;
use crate::tftp::packet::Packet;

/// One side of a transfer, or what precedes or follows it.
pub trait Transfer {
    /// Processes a packet of the peer.
    ///
    /// # Errors
    ///
    /// The peer aborts the transfer or violates the protocol, or the file cannot be written.
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError>;

    /// Processes a repetition of the request. While the response to it is unanswered, it is sent again
    /// now.
    fn on_request(&mut self, _now: Duration) {}

    /// Retransmits, if the deadline has passed.
    ///
    /// # Errors
    ///
    /// [`TransferError::Timeout`] if the peer did not answer for too long.
    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError>;

    /// When [`on_timeout`](Self::on_timeout) is to be called.
    fn deadline(&self) -> Duration;

    /// How many bytes of the file have been acknowledged, or received.
    fn bytes(&self) -> u64 {
        0
    }

    /// The next packet to send, if there is one now.
    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError>;
}

/// Whether a transfer continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More packets are expected.
    Continue,
    /// The whole file was transferred.
    Done,
}
