//! Peers of datagrams in rooms: what they ask of the hub, and hear from there.

use std::time::Instant;

use crate::hub::message::{Notice, Request};
use crate::udp::peer::{Pair, Turn};
use crate::udp::peer_table::Correspondence;
use crate::udp::send_batch::Departures;

impl Correspondence {
    /// What sessions ask of the hub, each by the number of its member, in order and once.
    pub(crate) fn asked(&mut self) -> Vec<(u32, Request)> {
        std::mem::take(&mut self.desk.asked)
    }

    /// The hub tells a member something. Who has ended meanwhile does not hear it.
    pub(crate) fn hear(
        &mut self,
        member: u32,
        notice: &Notice,
        out: &mut Departures,
        now: Instant,
    ) {
        if let Some(&pair) = self.desk.members.get(&member)
            && let Some(known) = self.peers.get_mut(&pair)
        {
            let turn = known.correspondent.hear(notice, &mut self.desk, out, now);
            self.settle(pair, turn);
        }
    }

    /// The hub is gone: everybody is told, and no conversation begins any more.
    pub(crate) fn lose_rooms(&mut self, now: Instant) {
        let pairs: Vec<Pair> = self.desk.members.values().copied().collect();
        for pair in pairs {
            if let Some(known) = self.peers.get_mut(&pair) {
                known.correspondent.lose_rooms();
                self.settle(pair, Turn::Soon);
            }
        }
        self.stop(now);
    }
}
