//! Relays each line to all other peers: `cargo run --example relay -- serve relay`, then `nc localhost 1212` twice.
use switchboard::{
    Flow, Outbox, Peer, Refusal, Result, RoomEvent, RoomService, Rooms, Session, run,
};

fn main() -> std::process::ExitCode {
    run("relay", "Relays each line to all other peers", || Relay)
}

struct Relay;

impl RoomService for Relay {
    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Member { rooms }))
    }
}

struct Member {
    rooms: Rooms,
}

impl Session for Member {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        self.rooms.join(out, "all", "member");
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        self.rooms.post(out, "all", line);
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        match event {
            RoomEvent::Entered { others, .. } => out.send(format!("{others} others").as_bytes()),
            RoomEvent::Post { post, .. } => out.send(&post.bytes),
            _ => (),
        }
        Ok(Flow::Continue)
    }
}
