//! A session that answers itself through its room, many times over.

use switchboard::{
    Flow, Outbox, Peer, Refusal, Result, RoomEvent, RoomKind, RoomService, Rooms, Session,
};

pub(crate) struct Ponderer;

impl RoomService for Ponderer {
    fn room(&self, name: &str) -> RoomKind {
        assert_ne!(name, "panic", "as it was asked to");
        RoomKind::lossy().echo()
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Pondering(rooms)))
    }
}

struct Pondering(Rooms);

impl Session for Pondering {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let room = String::from_utf8_lossy(line);
        self.0.join(out, &room, "me");
        self.0.post(out, &room, &[0]);
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, heard: &RoomEvent, out: &mut Outbox) -> Result {
        match heard {
            RoomEvent::Post { post, .. } if post.bytes == [200] => {
                out.send(b"I have thought it over.")
            }
            RoomEvent::Post { post, .. } => self.0.post(out, &post.room, &[post.bytes[0] + 1]),
            _ => (),
        }
        Ok(Flow::Continue)
    }
}
