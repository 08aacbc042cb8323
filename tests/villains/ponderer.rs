//! A session that answers itself through its room, many times over.

use switchboard::{
    Config, Flow, Outbox, Peer, Refusal, Result, RoomEvent, RoomKind, Service, Session, Transport,
};

pub(crate) struct Ponderer;

impl Service for Ponderer {
    fn config(&self, _: Transport) -> Config {
        Config::lines().rooms()
    }

    fn room(&self, name: &str) -> RoomKind {
        assert_ne!(name, "panic", "as it was asked to");
        RoomKind::lossy().echo()
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Ponderer {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let room = String::from_utf8_lossy(line);
        out.join(&room, "me");
        out.post(&room, &[0]);
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, heard: &RoomEvent<'_>, out: &mut Outbox) -> Result {
        match *heard {
            RoomEvent::Post { bytes: [200], .. } => out.send(b"I have thought it over."),
            RoomEvent::Post { room, bytes, .. } => out.post(room, &[bytes[0] + 1]),
            _ => (),
        }
        Ok(Flow::Continue)
    }
}
