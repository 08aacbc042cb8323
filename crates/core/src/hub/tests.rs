//! Tests of the hub: single rules here and in `order`, `leaks`, `waits`; invariants under all short
//! sequences of operations in `small`, and under long random ones in `large`.

mod checker;
mod large;
mod leaks;
mod order;
mod small;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::hub::hub::{ADMISSION_WAIT, FULL_WAIT, Hub, MAX_EMPTY_ROOMS, STOP_WAIT};
use crate::hub::message::{HubMessage, Request};
use crate::hub::room::Room;
use crate::hub::types::{MemberId, RoomEvent, RoomKind};
use crate::peer::Transport;

const LOSSY: RoomKind = RoomKind {
    lossless: false,
    history: 0,
    echo: false,
    host: None,
};
const LOSSLESS: RoomKind = RoomKind {
    lossless: true,
    ..LOSSY
};

/// Rooms with names in capitals are lossless.
fn by_capitals(room: &str) -> RoomKind {
    let is_lossless = room.chars().all(char::is_uppercase);
    if is_lossless { LOSSLESS } else { LOSSY }
}

/// A hub and its members, each a letter.
struct Scene {
    hub: Hub<()>,
    ids: BTreeMap<char, MemberId>,
}

impl Scene {
    fn new(kind: impl Fn(&str) -> RoomKind + Send + 'static) -> Self {
        let mut hub = Hub::new(kind);
        // Except in tests of the waits.
        (hub.full_wait, hub.admission_wait) = (Duration::ZERO, Duration::ZERO);
        let ids = BTreeMap::new();
        Self { hub, ids }
    }

    fn id(&mut self, letter: char) -> MemberId {
        let hub = &mut self.hub;
        *self.ids.entry(letter).or_insert_with(|| hub.connect(()))
    }

    fn request(&mut self, letter: char, request: Request) {
        let id = self.id(letter);
        self.hub.request(id, request);
    }

    /// These members join in turn, under the name of `m`.
    fn join(&mut self, letter: &str, room: &str) {
        for letter in letter.chars() {
            self.request(letter, join(room, "m"));
        }
    }

    fn post(&mut self, letter: char, room: &str, bytes: &[u8]) {
        self.request(letter, post(room, bytes));
    }

    fn disconnect(&mut self, letter: char) {
        let id = self.id(letter);
        self.hub.disconnect(id);
    }

    /// The events that wait for a member, each as a short text.
    fn events(&mut self, letter: char) -> Vec<String> {
        let id = self.id(letter);
        let messages: Vec<HubMessage> = std::iter::from_fn(|| self.hub.next(id)).collect();
        let texts = messages.iter().filter_map(|message| match message {
            HubMessage::Event(event) => Some(self.text(event)),
            HubMessage::Accepted(_) => None,
        });
        texts.collect()
    }

    /// The weight of the requests of a member that were accepted since the last call.
    fn accepted(&mut self, letter: char) -> usize {
        let id = self.id(letter);
        let messages = std::iter::from_fn(|| self.hub.next(id));
        messages
            .map(|message| match message {
                HubMessage::Accepted(weight) => weight,
                HubMessage::Event(_) => 0,
            })
            .sum()
    }

    /// Fills the queues of these members, which take nothing, by another one that joins and leaves.
    fn crowd(&mut self, letter: &str, room: &str) {
        letter.chars().for_each(|letter| self.skip(letter));
        for _ in 0..2048 {
            self.join("z", room);
            self.request('z', leave(room));
            let all: Vec<char> = self.ids.keys().copied().collect();
            let others = all.into_iter().filter(|other| !letter.contains(*other));
            others.for_each(|other| self.skip(other));
        }
    }

    /// Takes all messages of a member.
    fn skip(&mut self, letter: char) {
        let id = self.id(letter);
        while self.hub.next(id).is_some() {}
    }

    /// The posts among the events of a member.
    fn posts(&mut self, letter: char) -> Vec<String> {
        let events = self.events(letter).into_iter();
        events.filter(|text| text.contains(':')).collect()
    }

    fn letter(&self, id: MemberId) -> char {
        let mut ids = self.ids.iter();
        ids.find(|&(_, &own)| own == id)
            .map_or('?', |(&letter, _)| letter)
    }

    fn text(&self, event: &RoomEvent) -> String {
        match event {
            RoomEvent::Entered {
                room,
                place,
                others,
            } => format!("in {room} {place} of {}", others + 1),
            RoomEvent::Post { post, past } => {
                let shown = String::from_utf8_lossy(&post.bytes[..post.bytes.len().min(8)]);
                let past = if *past { "past " } else { "" };
                let from = self.letter(post.sender.id);
                format!("{past}{} {} {from}: {shown}", post.room, post.sequence)
            }
            RoomEvent::Joined { room, member } => format!("{room} +{}", self.letter(member.id)),
            RoomEvent::Left {
                room,
                member,
                reason,
            } => format!("{room} -{} {reason:?}", self.letter(member.id)),
            RoomEvent::Members { room, members } => format!("{room} has {}", members.len()),
            RoomEvent::Undelivered { room } => format!("{room} undelivered"),
            RoomEvent::Full { room } => format!("{room} full"),
            RoomEvent::TooSlow => "too slow".to_owned(),
        }
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

const FULL: &[u8] = &[b'x'; 256 * 1024]; // fills a queue
