mod large;
mod leaks;
mod order;
mod small;
mod waits;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::hub::hub::{COURTESY, Hub, MOST_LEFT, MemberId, PATIENCE};
use crate::hub::message::{Notice, Request};
use crate::hub::room::Room;
use crate::hub::types::RoomKind;
use crate::peer::Transport;

const LIVELY: RoomKind = RoomKind {
    lossless: false,
    history: 0,
    echo: false,
    host: None,
};
const LOSSLESS: RoomKind = RoomKind {
    lossless: true,
    ..LIVELY
};

/// Rooms are lossless if their names are in capitals.
fn by_capitals(room: &str) -> RoomKind {
    let is_lossless = room.chars().all(char::is_uppercase);
    if is_lossless { LOSSLESS } else { LIVELY }
}

/// Members, each a letter, and the hub.
struct Scene {
    hub: Hub,
    ids: BTreeMap<char, MemberId>,
}

impl Scene {
    fn new(rules: impl Fn(&str) -> RoomKind + Send + 'static) -> Self {
        Self {
            hub: Hub {
                patience: Duration::ZERO, // unless time is what it is about
                courtesy: Duration::ZERO,
                ..Hub::new(rules)
            },
            ids: BTreeMap::new(),
        }
    }

    fn id(&mut self, who: char) -> MemberId {
        let hub = &mut self.hub;
        *self.ids.entry(who).or_insert_with(|| hub.connect())
    }

    fn ask(&mut self, who: char, request: Request) {
        let id = self.id(who);
        self.hub.request(id, request);
    }

    /// Each joins in turn, under the name of `m`.
    fn join(&mut self, who: &str, room: &str) {
        for who in who.chars() {
            self.ask(who, join(room, "m"));
        }
    }

    fn post(&mut self, who: char, room: &str, bytes: &[u8]) {
        self.ask(who, post(room, bytes));
    }

    fn lose(&mut self, who: char) {
        let id = self.id(who);
        self.hub.disconnect(id);
    }

    /// All that a member is told until nothing more comes, each in a few words; without what was
    /// taken.
    fn told(&mut self, who: char) -> Vec<String> {
        let id = self.id(who);
        let told: Vec<Notice> = std::iter::from_fn(|| self.hub.next(id)).collect();
        told.iter()
            .filter_map(|notice| self.in_words(notice))
            .collect()
    }

    /// The weight of what a member asked for that was done since.
    fn taken(&mut self, who: char) -> usize {
        let id = self.id(who);
        let told = std::iter::from_fn(|| self.hub.next(id));
        told.map(|notice| match notice {
            Notice::Accepted(weight) => weight,
            _ => 0,
        })
        .sum()
    }

    /// Somebody comes and goes until these can be told nothing more; all others hear it.
    fn crowd(&mut self, who: &str, room: &str) {
        who.chars().for_each(|who| self.skip(who));
        for _ in 0..2048 {
            self.join("z", room);
            self.ask('z', leave(room));
            let all: Vec<char> = self.ids.keys().copied().collect();
            let others = all.into_iter().filter(|other| !who.contains(*other));
            others.for_each(|other| self.skip(other));
        }
    }

    /// Takes all that a member is told.
    fn skip(&mut self, who: char) {
        let id = self.id(who);
        while self.hub.next(id).is_some() {}
    }

    /// The posts among what a member is told.
    fn posts(&mut self, who: char) -> Vec<String> {
        let told = self.told(who).into_iter();
        told.filter(|words| words.contains(':')).collect()
    }

    fn letter(&self, id: MemberId) -> char {
        let mut ids = self.ids.iter();
        ids.find(|&(_, &own)| own == id)
            .map_or('?', |(&letter, _)| letter)
    }

    fn in_words(&self, notice: &Notice) -> Option<String> {
        Some(match notice {
            Notice::Entered {
                room,
                place,
                others,
            } => format!("in {room} {place} of {}", others + 1),
            Notice::Post { post, past } => {
                let shown = String::from_utf8_lossy(&post.bytes[..post.bytes.len().min(8)]);
                let (past, from) = (
                    if *past { "past " } else { "" },
                    self.letter(post.origin.member),
                );
                format!("{past}{} {} {from}: {shown}", post.room, post.sequence)
            }
            Notice::Joined { room, origin } => format!("{room} +{}", self.letter(origin.member)),
            Notice::Left {
                room,
                origin,
                parting,
            } => format!("{room} -{} {parting:?}", self.letter(origin.member)),
            Notice::Members { room, members } => format!("{room} has {}", members.len()),
            Notice::Unheard { room } => format!("{room} unheard"),
            Notice::Full { room } => format!("{room} full"),
            Notice::TooSlow => "too slow".to_owned(),
            Notice::Accepted(_) => return None,
        })
    }
}

fn join(room: &str, name: &str) -> Request {
    Request::Join {
        room: room.to_owned(),
        name: name.to_owned(),
        transport: Transport::Stream,
    }
}

fn leave(room: &str) -> Request {
    let room = room.to_owned();
    Request::Leave { room }
}

fn post(room: &str, bytes: &[u8]) -> Request {
    Request::Post {
        room: room.to_owned(),
        bytes: bytes.to_owned(),
    }
}

const FULL: &[u8] = &[b'x'; 256 * 1024]; // as much as a queue should hold
