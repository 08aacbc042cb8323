//! One conversation by datagrams.

use std::time::Instant;

use tracing::{debug, error};

use crate::hub::message::Request;
use crate::limits::admission::Slot;
use crate::limits::stats::Count;
use crate::peer::Peer;
use crate::reactor::alarm::Alarm;
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::udp::dropped::Dropped;
use crate::udp::peer::Desk;

/// One conversation with a peer of datagrams.
pub(super) struct Talk {
    pub(super) connection: Connection,
    pub(super) peer: Peer,
    pub(super) slot: Slot,
    pub(super) member: Option<u32>, // of rooms
    pub(super) alarm: Alarm,
    pub(super) began: Instant,
    pub(super) paced: bool, // what waits is to wait its turn, since the session has more to send
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Talk {
    pub(super) fn waits(&self) -> bool {
        self.connection.datagram().is_some()
    }

    /// Delivers a datagram, or says why it was dropped.
    pub(super) fn receive(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        self.received += datagram.len() as u64;
        self.slot.moved(datagram.len() as u64, 0);
        let delivered = self.connection.receive_datagram(datagram);
        if delivered {
            Ok(())
        } else {
            Err(Dropped::Busy)
        }
    }

    /// What opens the conversation is a knock if it is blank, and answered by the greeting. If it
    /// is not, it is to be answered itself, and the greeting would come between.
    pub(super) fn receive_first(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        if self.connection.close_reason().is_some() {
            return Ok(()); // all is said to it already
        }
        let blank = datagram.iter().all(u8::is_ascii_whitespace);
        if blank && self.waits() {
            return Ok(());
        }
        if !self.connection.waits_for_writable() {
            self.connection.discard_output();
        }
        self.receive(datagram)
    }

    /// Passes on what the session wants of its rooms and of the clock.
    pub(super) fn pass_on(&mut self, desk: &mut Desk, now: Instant) {
        self.alarm.set(&mut self.connection, now);
        if let Some(member) = self.member {
            let requests = self.connection.take_requests().into_iter();
            desk.asked.extend(requests.map(|request| (member, request)));
        }
    }

    /// Logs how it went; what was asked of rooms is passed on.
    pub(super) fn end(mut self, desk: &mut Desk, now: Instant) {
        self.pass_on(desk, now);
        if let Some(member) = self.member {
            desk.members.remove(&member);
            desk.asked.push((member, Request::Disconnect));
        }
        let (peer, received, sent) = (self.peer, self.received, self.sent);
        let ended = self.connection.into_close_reason();
        if let CloseReason::Refused(_) = ended {
            self.slot.count(Count::RefusedService);
        }
        if ended.is_failure() {
            self.slot.count(Count::Failed);
            error!(%peer, received, sent, "end: {ended}");
        } else {
            debug!(%peer, received, sent, "end: {ended}");
        }
    }
}
