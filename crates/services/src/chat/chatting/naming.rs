//! How somebody comes by a name, and by another one.

use switchboard_core::{Flow, Outbox};

use crate::chat::chatting::{ASK, Awaited, Chatting, goodbye, tell};
use crate::chat::friend::Friend;
use crate::chat::name::Name;
use crate::chat::post::Kind;
use crate::chat::said::Said;

impl Chatting {
    /// A line of somebody who has no name yet: it should be the name.
    pub(super) fn introduce(&mut self, line: &str, out: &mut Outbox) -> Flow {
        match Said::read(line) {
            Said::Words(name) | Said::Nick(name) => match Name::parse(name.trim()) {
                Some(name) => self.claim(name.clone(), name, 1, out),
                None => tell(out, &format!("A name is {}. {ASK}", Name::RULE)),
            },
            Said::Help => self.help(out),
            Said::Quit => return goodbye(out),
            _ => tell(out, ASK),
        }
        self.flow()
    }

    /// Somebody who goes by one name would like another.
    pub(super) fn rename(&mut self, name: &Name, new: &str, out: &mut Outbox) {
        match Name::parse(new) {
            None => tell(out, &format!("A name is {}.", Name::RULE)),
            Some(new) if new.as_str() == name.as_str() => {
                tell(out, &format!("You are called {new} already."));
            }
            Some(new) if new.is(name) => self.renamed(new, out),
            Some(new) => self.claim(new.clone(), new, 1, out),
        }
    }

    /// Asks whether a name is free. All who do so join by the same name, so that their places are
    /// counted together.
    fn claim(&mut self, name: Name, wanted: Name, tries: u32, out: &mut Outbox) {
        if self.friend.is_some() && Friend::is_called(&name) {
            return self.refused(wanted, tries, out);
        }
        self.rooms.join(out, &name.claim(), name.folded());
        self.awaited = Some(Awaited::Name {
            name,
            wanted,
            tries,
        });
    }

    /// A name was free, and is this one's now.
    pub(super) fn named(&mut self, name: Name, wanted: &Name, out: &mut Outbox) {
        if let Some(old) = &self.name {
            self.rooms.leave(out, &old.claim());
            return self.renamed(name, out);
        }
        if !name.is(wanted) {
            tell(out, &format!("{wanted} is taken, so you are {name}."));
        }
        self.rooms.join(out, &self.room.room(), name.as_str());
        self.name = Some(name);
        self.awaited = Some(Awaited::Room(self.room.clone()));
    }

    /// A name was taken. Who has none yet gets one with a number, the `tries`-th now.
    pub(super) fn refused(&mut self, wanted: Name, tries: u32, out: &mut Outbox) {
        if let Some(old) = &self.name {
            return tell(out, &format!("{wanted} is taken; you are still {old}."));
        }
        // One by one, a crowd of the same name would ask long for the first that is free.
        let number = match tries + 1 {
            next @ ..=IN_ORDER => next,
            _ => rand::random_range(IN_ORDER + 1..NUMBERS),
        };
        self.claim(wanted.numbered(number), wanted, tries + 1, out);
    }

    fn renamed(&mut self, new: Name, out: &mut Outbox) {
        let room = self.room.room();
        self.rooms.join(out, &room, new.as_str());
        tell(out, &format!("You are called {new} now."));
        if let Some(old) = &self.name {
            let words = format!("{old} is called {new} now.");
            self.rooms.post(out, &room, &Kind::Notice.post(&words));
        }
        self.name = Some(new);
        self.awaited = Some(Awaited::Renamed);
    }

    /// There is no room in the hub. Who came in has to begin again.
    pub(super) fn crowded_out(&mut self, was_coming_in: bool, out: &mut Outbox) {
        tell(out, "There are too many names and rooms now.");
        if was_coming_in {
            if let Some(name) = self.name.take() {
                self.rooms.leave(out, &name.claim());
            }
            tell(out, ASK);
        }
    }
}

const IN_ORDER: u32 = 9; // 2 to 9 are tried one by one, and then any
const NUMBERS: u32 = 10_000;
