//! A session that answers itself through its room, many times over.

use switchboard::{Error, Flow, Heard, Needs, Outbox, Peer, Refusal, Room, Service, Session};

pub(crate) struct Ponderer;

impl Service for Ponderer {
    fn needs(&self) -> Needs {
        Needs {
            rooms: true,
            ..Needs::default()
        }
    }

    fn room(&self, name: &str) -> Room {
        assert_ne!(name, "panic", "as it was asked to");
        Room {
            hears_itself: true,
            ..Room::default()
        }
    }

    fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Ponderer {
    fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        let room = String::from_utf8_lossy(line);
        out.join(&room, "me");
        out.post(&room, &[0]);
        Ok(Flow::Continue)
    }

    fn hear(&mut self, heard: &Heard<'_>, out: &mut Outbox) -> Result<Flow, Error> {
        match *heard {
            Heard::Post { bytes: [200], .. } => out.send(b"I have thought it over."),
            Heard::Post { room, bytes, .. } => out.post(room, &[bytes[0] + 1]),
            _ => (),
        }
        Ok(Flow::Continue)
    }
}
