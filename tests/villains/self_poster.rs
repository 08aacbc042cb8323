//! A session that answers its own posts in a room, many times.

use switchboard::{
    Flow, Outbox, Peer, Refusal, Result, RoomEvent, RoomKind, RoomService, Rooms, Session,
};

/// Joins the room that a line names, and posts there 200 times before it answers. It panics about a
/// room named `panic`.
pub(crate) struct SelfPoster;

impl RoomService for SelfPoster {
    fn room(&self, name: &str) -> RoomKind {
        assert_ne!(name, "panic", "on purpose");
        RoomKind::lossy().echo()
    }

    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(SelfPosterSession(rooms)))
    }
}

struct SelfPosterSession(Rooms);

impl Session for SelfPosterSession {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let room = String::from_utf8_lossy(line);
        self.0.join(out, &room, "me");
        self.0.post(out, &room, &[0]);
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        match event {
            RoomEvent::Post { post, .. } if post.bytes == [200] => out.send(b"done"),
            RoomEvent::Post { post, .. } => self.0.post(out, &post.room, &[post.bytes[0] + 1]),
            _ => (),
        }
        Ok(Flow::Continue)
    }
}
