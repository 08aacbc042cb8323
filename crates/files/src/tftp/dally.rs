//! The end of a transfer, for whoever received all of it.

use std::time::Duration;

use crate::tftp::packet::Packet;

/// Says that all was received, and again whenever the last block comes again: the acknowledgement
/// may have been lost.
#[derive(Debug)]
pub struct Dally {
    last: u16, // the number of the last block
    packet: Vec<u8>,
    due: bool, // the packet is to be sent
    until: Duration,
}

impl Dally {
    pub(super) fn new(last: u64, until: Duration) -> Self {
        let last = last as u16; // numbers go round
        Self {
            last,
            packet: Packet::Ack(last).to_bytes(),
            due: true,
            until,
        }
    }

    /// A packet came.
    pub fn on_packet(&mut self, packet: &Packet<'_>) {
        self.due |= matches!(packet, Packet::Data { block, .. } if *block == self.last);
    }

    /// What is to be sent.
    pub fn next_packet(&mut self) -> Option<&[u8]> {
        std::mem::take(&mut self.due).then_some(&*self.packet)
    }

    /// When it is over.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.until
    }
}
