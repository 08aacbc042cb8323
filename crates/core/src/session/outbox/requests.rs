//! What a session wants of its rooms, until the hub has done it.

use crate::hub::message::Request;
use crate::peer::Transport;
use crate::session::outbox::Outbox;

impl Outbox {
    /// Joins a room, under a name that its other members see; [`RoomEvent::Entered`](crate::RoomEvent) tells
    /// when it is in. Who is in the room already goes by the new name there, which nobody is told.
    ///
    /// A room need not be made, and is forgotten when nobody is in it. A session
    /// may be in 16 at the same time, and leaves them with the end of its conversation.
    pub fn join(&mut self, room: &str, name: &str) {
        let transport = match self.apart {
            None => Transport::Stream,
            Some(_) => Transport::Datagram,
        };
        self.request(Request::Join {
            room: room.to_owned(),
            name: name.to_owned(),
            transport,
        });
    }

    /// Leaves a room.
    pub fn leave(&mut self, room: &str) {
        let room = room.to_owned();
        self.request(Request::Leave { room });
    }

    /// Posts to a room: all members hear it, in the same order. Who is not in a room may post there
    /// too, nameless, unless it is [lossless](crate::RoomKind::lossless).
    ///
    /// While the posts of a session that have not found room with all who are to hear them, and what
    /// else it asked for since, are as much as the outbox should hold, nothing is delivered to it from
    /// its peer.
    pub fn post(&mut self, room: &str, bytes: &[u8]) {
        self.request(Request::Post {
            room: room.to_owned(),
            bytes: bytes.to_owned(),
        });
    }

    /// Asks who is in a room, which [`RoomEvent::Members`](crate::RoomEvent) tells.
    pub fn ask(&mut self, room: &str) {
        let room = room.to_owned();
        self.request(Request::Ask { room });
    }

    fn request(&mut self, request: Request) {
        let asked = self.asked + request.weight();
        if self.overflow.is_some() || self.most < asked {
            self.overflow.get_or_insert(asked);
            return;
        }
        self.asked = asked;
        self.requests.push(request);
    }

    /// What the session wants of its rooms, each once.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether the session wants anything of rooms.
    pub(crate) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Whether anything that it asked of its rooms is not done.
    pub(crate) fn has_asked(&self) -> bool {
        0 < self.asked
    }

    /// Whether so much is not done that no more should follow.
    pub(crate) fn has_asked_much(&self) -> bool {
        self.high_water <= self.asked
    }

    /// Requests of this weight are done.
    pub(crate) fn taken(&mut self, weight: usize) {
        self.asked = self.asked.saturating_sub(weight);
    }

    /// Nothing of what it asked for will be done any more.
    pub(crate) fn forget_requests(&mut self) {
        self.requests.clear();
        self.asked = 0;
    }
}
