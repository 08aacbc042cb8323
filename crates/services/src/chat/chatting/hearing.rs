//! What somebody hears from the hub.

use switchboard_core::{Heard, Origin, Outbox, Parting};

use crate::chat::chatting::{Awaited, Chatting, NOTICE, show, tell};
use crate::chat::friend::Friend;
use crate::chat::name::Name;
use crate::chat::post::{self, Kind};

impl Chatting {
    /// Takes what is heard as the answer that was awaited; gives back what is awaited after that.
    pub(super) fn answered(
        &mut self,
        asked: Awaited,
        heard: &Heard<'_>,
        out: &mut Outbox,
    ) -> Option<Awaited> {
        match (asked, *heard) {
            (
                Awaited::Name {
                    name,
                    wanted,
                    tries,
                },
                Heard::Entered { room, place, .. },
            ) => {
                if place == 1 {
                    self.named(name, &wanted, out);
                } else {
                    out.leave(room);
                    self.refused(wanted, tries, out);
                }
            }
            (Awaited::Room(room), Heard::Entered { others, .. }) => self.entered(room, others, out),
            (Awaited::Name { .. }, Heard::Full { .. }) => {
                self.crowded_out(self.name.is_none(), out);
            }
            (Awaited::Room(room), Heard::Full { .. }) => {
                self.crowded_out(room.is(&self.room), out);
            }
            (Awaited::Renamed, Heard::Entered { .. }) => (),
            (Awaited::Members, Heard::Members { members, .. }) => self.list(members, out),
            (Awaited::Private { to, text, .. }, Heard::Unheard { room }) if to.is_claim(room) => {
                let heard = false;
                return Some(Awaited::Private { to, text, heard });
            }
            (Awaited::Private { to, text, heard }, Heard::Members { .. }) => match heard {
                true => show(out, &format!("[you to {to}] "), text.as_bytes()),
                false => tell(out, &format!("Nobody is called {to}.")),
            },
            (other, _) => return Some(other),
        }
        self.awaited.take()
    }

    fn entered(&mut self, room: Name, others: usize, out: &mut Outbox) {
        if !room.is(&self.room) {
            out.leave(&self.room.room());
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

    fn list(&self, members: &[Origin], out: &mut Outbox) {
        let members = members.iter().map(|origin| &*origin.name);
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
    pub(super) fn note(&self, heard: &Heard<'_>, out: &mut Outbox) {
        match *heard {
            Heard::Post {
                room, past, bytes, ..
            } => self.read(room, bytes, past, out),
            Heard::Joined { room, origin } if self.room.is_room(room) => {
                tell(out, &format!("{} is here.", origin.name));
            }
            Heard::Left {
                room,
                origin,
                parting,
            } if self.room.is_room(room) => {
                let how = match parting {
                    Parting::Own => "has left",
                    Parting::TooSlow => "fell behind and was dropped",
                    Parting::Lost => "was lost",
                };
                tell(out, &format!("{} {how}.", origin.name));
            }
            Heard::TooSlow => tell(out, "You fell too far behind what is said here. Goodbye."),
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
