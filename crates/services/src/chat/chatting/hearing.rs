//! What somebody hears from the hub.

use std::sync::Arc;

use switchboard_core::{LeaveReason, Member, Outbox, RoomEvent};

use crate::chat::chatting::{Awaited, Chatting, NOTICE, show, tell};
use crate::chat::friend::Friend;
use crate::chat::name::Name;
use crate::chat::post::{self, Kind};

impl Chatting {
    /// Takes what is heard as the answer that was awaited; gives back what is awaited after that.
    pub(super) fn answered(
        &mut self,
        asked: Awaited,
        heard: &RoomEvent,
        out: &mut Outbox,
    ) -> Option<Awaited> {
        match (asked, heard) {
            (
                Awaited::Name {
                    name,
                    wanted,
                    tries,
                },
                RoomEvent::Entered { room, place, .. },
            ) => {
                if *place == 1 {
                    self.named(name, &wanted, out);
                } else {
                    self.rooms.leave(out, room);
                    self.refused(wanted, tries, out);
                }
            }
            (Awaited::Room(room), RoomEvent::Entered { others, .. }) => {
                self.entered(room, *others, out)
            }
            (Awaited::Name { .. }, RoomEvent::Full { .. }) => {
                self.crowded_out(self.name.is_none(), out);
            }
            (Awaited::Room(room), RoomEvent::Full { .. }) => {
                self.crowded_out(room.is(&self.room), out);
            }
            (Awaited::Renamed, RoomEvent::Entered { .. }) => (),
            (Awaited::Members, RoomEvent::Members { members, .. }) => self.list(members, out),
            (Awaited::Private { to, text, .. }, RoomEvent::Unheard { room, .. })
                if to.is_claim(room) =>
            {
                let heard = false;
                return Some(Awaited::Private { to, text, heard });
            }
            (Awaited::Private { to, text, heard }, RoomEvent::Members { .. }) => match heard {
                true => show(out, &format!("[you to {to}] "), text.as_bytes()),
                false => tell(out, &format!("Nobody is called {to}.")),
            },
            (other, _) => return Some(other),
        }
        self.awaited.take()
    }

    fn entered(&mut self, room: Name, others: usize, out: &mut Outbox) {
        if !room.is(&self.room) {
            self.rooms.leave(out, &self.room.room());
        }
        let with = match others + usize::from(self.friend.is_some()) {
            0 => "alone".to_owned(),
            1 => "with 1 other".to_owned(),
            others => format!("with {others} others"),
        };
        let name = self.name.as_ref().map_or("", Name::as_str);
        tell(
            out,
            &format!("You are in {} as {name}, {with}.", room.room()),
        );
        self.room = room;
    }

    fn list(&self, members: &[Arc<Member>], out: &mut Outbox) {
        let members = members.iter().map(|member| &*member.name);
        let friend = self.friend.as_ref().map(|_| Friend::NAME);
        let names: Vec<&str> = members.chain(friend).collect();
        for names in names.chunks(NAMES_IN_LINE) {
            tell(
                out,
                &format!("In {}: {}", self.room.room(), names.join(", ")),
            );
        }
    }

    /// Shows what happened where this one is.
    pub(super) fn note(&self, heard: &RoomEvent, out: &mut Outbox) {
        match heard {
            RoomEvent::Post { post, past, .. } => self.read(&post.room, &post.bytes, *past, out),
            RoomEvent::Joined { room, member, .. } if self.room.is_room(room) => {
                tell(out, &format!("{} is here.", member.name));
            }
            RoomEvent::Left {
                room,
                member,
                reason,
                ..
            } if self.room.is_room(room) => {
                let how = match reason {
                    LeaveReason::Left => "has left",
                    LeaveReason::TooSlow => "fell behind and was dropped",
                    _ => "was lost",
                };
                tell(out, &format!("{} {how}.", member.name));
            }
            RoomEvent::TooSlow => tell(out, "You fell too far behind what is said here. Goodbye."),
            _ => (),
        }
    }

    /// Shows what was posted where this one is, or to this one alone.
    fn read(&self, room: &str, post: &[u8], past: bool, out: &mut Outbox) {
        let is_here = self.room.is_room(room);
        let is_own = self.name.as_ref().is_some_and(|name| name.is_claim(room));
        let Some((kind, text)) = post::read(post) else {
            return;
        };
        match kind {
            Kind::Said if is_here && past => show(out, PAST, text),
            Kind::Said if is_here => show(out, "", text),
            Kind::Notice if is_here && !past => show(out, NOTICE, text),
            Kind::Private if is_own => show(out, "", text),
            _ => (),
        }
    }
}

const PAST: &str = "| "; // what was said before somebody came
const NAMES_IN_LINE: usize = 20;
