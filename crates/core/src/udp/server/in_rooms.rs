//! One socket of datagrams and the hub.

use std::time::Instant;

use crate::hub_link::link::HubLost;
use crate::udp::server::Datagrams;

impl Datagrams {
    /// Passes on what sessions ask of the hub, and tells them what it says, as long as there is room
    /// for what they say to that.
    pub(super) fn meet(&mut self, now: Instant) {
        let Some(wire) = &mut self.wire else { return };
        loop {
            for (member, request) in self.correspondence.asked() {
                wire.send(member, vec![request]);
            }
            if self.departures.is_full() {
                return wire.rearm();
            }
            let out = &mut self.departures;
            match wire.next() {
                Ok(None) => return,
                Ok(Some((member, notice))) => {
                    self.correspondence.hear(member, &notice, out, now);
                }
                Err(HubLost) => {
                    self.wire = None;
                    return self.correspondence.lose_rooms(now);
                }
            }
        }
    }
}
