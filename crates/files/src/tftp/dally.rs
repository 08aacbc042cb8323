//! The end of a transfer on the receiving side (RFC 1350, section 6: "dallying").

use std::time::Duration;

use crate::tftp::error::TransferError;
use crate::tftp::packet::Packet;
use crate::tftp::transfer::{Step, Transfer};

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
    pub(super) fn new(last: u16, until: Duration) -> Self {
        Self {
            last,
            packet: Packet::Ack(last).to_bytes(),
            due: true,
            until,
        }
    }
}

/// [`Step::Done`] means that the time is up.
impl Transfer for Dally {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        self.due |= matches!(packet, Packet::Data { block, .. } if *block == self.last);
        self.on_timeout(now)
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        Ok(if self.until <= now {
            Step::Done
        } else {
            Step::Continue
        })
    }

    fn deadline(&self) -> Duration {
        self.until
    }

    fn next_packet(&mut self, _: Duration) -> Result<Option<&[u8]>, TransferError> {
        Ok(std::mem::take(&mut self.due).then_some(&*self.packet))
    }
}
