//! What a session does in rooms.

use crate::hub::message::Request;
use crate::session::outbox::Outbox;

/// The key to the rooms of a service: its sessions need it to join rooms and to post.
///
/// Only [`RoomService::connect`](crate::RoomService::connect) provides one, so a service whose
/// sessions use rooms cannot be without them.
#[derive(Clone, Copy, Debug)]
pub struct Rooms(());

impl Rooms {
    pub(super) const fn new() -> Self {
        Self(())
    }

    /// Joins a room under a name that its other members see.
    /// [`RoomEvent::Entered`](crate::RoomEvent::Entered) confirms it. A session that is in the room
    /// already changes its name there; the other members are not notified.
    ///
    /// A room exists as soon as it has a member, and is removed with the last one unless it has a
    /// history. A session may be in 16 rooms at a time, and leaves them when it ends.
    pub fn join(self, out: &mut Outbox, room: &str, name: &str) {
        let transport = out.queue.transport;
        out.request(Request::Join {
            room: room.to_owned(),
            name: name.to_owned(),
            transport,
        });
    }

    /// Leaves a room.
    pub fn leave(self, out: &mut Outbox, room: &str) {
        let room = room.to_owned();
        out.request(Request::Leave { room });
    }

    /// Posts to a room: all members receive it, in the same order. A session that is not a member
    /// may post too, without a name, unless the room is [lossless](crate::RoomKind::lossless).
    ///
    /// Posts that the room has not accepted yet, and the requests after them, count: from
    /// [`Limits::outbox_bytes`](crate::Limits::outbox_bytes) on, no message is delivered to the
    /// session.
    pub fn post(self, out: &mut Outbox, room: &str, bytes: &[u8]) {
        out.request(Request::Post {
            room: room.to_owned(),
            bytes: bytes.to_owned(),
        });
    }

    /// Requests the list of members, which arrives as
    /// [`RoomEvent::Members`](crate::RoomEvent::Members).
    pub fn list_members(self, out: &mut Outbox, room: &str) {
        let room = room.to_owned();
        out.request(Request::ListMembers { room });
    }
}
