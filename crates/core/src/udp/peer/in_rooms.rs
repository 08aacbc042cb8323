//! One peer of datagrams in rooms.

use std::time::Instant;

use crate::hub::message::Notice;
use crate::hub::types::RoomEvent;
use crate::udp::dropped::Dropped;
use crate::udp::peer::{Correspondent, Desk, Turn};
use crate::udp::send_batch::Departures;

impl Correspondent {
    /// The hub tells its session something. A post for which there is no room is dropped, as the
    /// datagram that it would have become.
    pub(crate) fn hear(
        &mut self,
        notice: &Notice,
        desk: &mut Desk,
        out: &mut Departures,
        now: Instant,
    ) -> Turn {
        if let Some(talk) = &mut self.talk {
            if matches!(notice, Notice::Event(RoomEvent::Post { .. }))
                && !talk.connection.wants_room_events()
            {
                desk.drops.count(Dropped::Behind, self.pair.0);
            } else {
                talk.connection.room_event(notice);
            }
        }
        self.send(desk, out, now)
    }

    /// The hub is gone.
    pub(crate) fn lose_rooms(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.connection.lose_rooms();
        }
    }
}
