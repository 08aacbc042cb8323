//! The end of a transfer on the receiving side (RFC 1350, section 6: "dallying").

use std::time::Duration;

use crate::tftp::packet::Packet;

/// Acknowledges the last block, and again each time that it arrives again: the acknowledgement may
/// have been lost.
#[derive(Debug)]
pub struct Dally {
    last: u16, // block number
    packet: Vec<u8>,
    due: bool,
    until: Duration,
}

impl Dally {
    pub(super) fn new(last: u64, until: Duration) -> Self {
        let last = last as u16; // block numbers wrap around
        Self {
            last,
            packet: Packet::Ack(last).to_bytes(),
            due: true,
            until,
        }
    }

    /// Processes a packet of the peer.
    pub fn on_packet(&mut self, packet: &Packet<'_>) {
        self.due |= matches!(packet, Packet::Data { block, .. } if *block == self.last);
    }

    /// The next packet to send, if there is one now.
    pub fn next_packet(&mut self) -> Option<&[u8]> {
        std::mem::take(&mut self.due).then_some(&*self.packet)
    }

    /// When to stop.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.until
    }
}
