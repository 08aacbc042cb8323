//! A watch on a hub: whatever is done, what members are told must make sense.

mod looks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::*;
use crate::hub::message::Post;

/// What may happen to a hub. Members are numbered; who has departed comes back as another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Join(usize, &'static str),
    Leave(usize, &'static str),
    Post(usize, &'static str, usize),
    Ask(usize, &'static str),
    Hear(usize),
    Depart(usize),
    Lose(usize),
}

pub(super) struct Watch {
    pub(super) hub: Hub,
    ids: Vec<Option<MemberId>>,
    notes: BTreeMap<MemberId, Notes>,
    awake: BTreeSet<MemberId>, // those who were stirred, and have not heard all since
    posted: u64,
    /// Who posted what, by room and sequence.
    authors: BTreeMap<(RoomId, u64), (MemberId, u64)>,
    rooms: Vec<Arc<str>>, // kept, so that no other comes to lie at the same place
}

/// Where the name of a room lies: one that was forgotten is another when it is there again.
type RoomId = *const u8;

/// What is known of one member.
#[derive(Default)]
struct Notes {
    asked: usize,
    taken: usize,
    last_post: BTreeMap<MemberId, u64>, // that it heard of each
    stays: BTreeMap<RoomId, Stay>,
    gaps: BTreeSet<(RoomId, u64)>, // what it did not hear while it was there
    is_dropped: bool,
    /// For each time that it asked to come into a room, whether it is a new stay.
    comings: BTreeMap<String, VecDeque<bool>>,
    has_left: BTreeSet<String>,
}

struct Stay {
    others: usize,
    heard: Option<u64>, // all up to this one, or from whichever comes first
    is_over: bool,
}

impl Watch {
    pub(super) fn new(rules: RoomKind, members: usize) -> Self {
        Self {
            hub: Hub {
                patience: Duration::ZERO,
                courtesy: Duration::ZERO,
                ..Hub::new(move |_: &str| rules)
            },
            ids: vec![None; members],
            notes: BTreeMap::new(),
            awake: BTreeSet::new(),
            posted: 0,
            authors: BTreeMap::new(),
            rooms: Vec::new(),
        }
    }

    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Join(who, room) => self.join(who, room),
            Act::Leave(who, room) => {
                let id = self.id(who);
                self.notes(id).has_left.insert(room.to_owned());
                self.ask(who, leave(room));
            }
            Act::Ask(who, room) => self.ask(who, Request::ListMembers { room: room.into() }),
            Act::Post(who, room, size) => {
                self.posted += 1;
                let mut bytes = vec![0; size.max(size_of::<u64>())];
                bytes[..size_of::<u64>()].copy_from_slice(&self.posted.to_le_bytes());
                let room = room.into();
                self.ask(who, Request::Post { room, bytes });
            }
            Act::Hear(who) => {
                let id = self.id(who);
                self.hear(id);
            }
            Act::Depart(who) => {
                self.ask(who, Request::Disconnect);
                self.ids[who] = None;
            }
            Act::Lose(who) => {
                let id = self.id(who);
                self.hub.disconnect(id);
                self.ids[who] = None;
            }
        }
        self.awake.extend(self.hub.take_ready());
        self.look();
    }

    /// All hear all, where whoever is stirred listens and nobody else.
    pub(super) fn hear_out(&mut self) {
        while let Some(&id) = self.awake.first() {
            while self.hear(id) {}
            self.awake.remove(&id);
            self.awake.extend(self.hub.take_ready());
        }
        self.look();
        let members: Vec<MemberId> = self.hub.members.keys().copied().collect();
        for id in members {
            assert!(self.hub.next(id).is_none(), "{id} was not stirred");
            let member = &self.hub.members[&id];
            let waits: usize = member.requests.iter().map(Request::weight).sum();
            let notes = &self.notes[&id];
            assert_eq!(notes.asked, notes.taken + waits);
            if let Some(Request::Post { room, .. }) = member.requests.front() {
                let hall = &self.hub.halls[&**room];
                let hearers = hall.others(id).count();
                assert!(hall.rules.lossless && hearers == 0, "{id} waits");
            } else {
                assert!(member.requests.is_empty(), "{id} waits");
            }
        }
        for hall in self.hub.halls.values() {
            for seat in hall.seats() {
                self.look_at_stay(hall, seat.member);
            }
        }
        for (id, notes) in &self.notes {
            for gap in &notes.gaps {
                let author = self.authors.get(gap);
                let is_own = author.is_none_or(|(author, _)| author == id);
                let echo = (self.hub.room_kind)("").echo;
                assert!(is_own && !echo, "{id} lost {gap:?} of {author:?}");
            }
        }
    }

    /// All are gone, and nothing is left of them.
    pub(super) fn end(mut self) {
        let members: Vec<MemberId> = self.hub.members.keys().copied().collect();
        for id in members {
            self.hub.disconnect(id);
            self.look();
        }
        assert!(self.hub.members.is_empty());
        let halls: Vec<&Room> = self.hub.halls.values().collect();
        assert!(halls.iter().all(|hall| 0 < hall.rules.history), "leaked");
        assert!(halls.iter().all(|hall| hall.is_empty()), "leaked");
    }

    fn id(&mut self, who: usize) -> MemberId {
        let id = *self.ids[who].get_or_insert_with(|| self.hub.connect());
        self.notes(id);
        id
    }

    fn notes(&mut self, id: MemberId) -> &mut Notes {
        self.notes.entry(id).or_default()
    }

    fn ask(&mut self, who: usize, request: Request) {
        let id = self.id(who);
        let weight = request.weight();
        self.hub.request(id, request);
        self.notes(id).asked += weight;
    }

    /// The first is called the host. Whoever comes in at once gets the first free place.
    fn join(&mut self, who: usize, room: &str) {
        let id = self.id(who);
        let name = if who == 0 { "host" } else { "guest" };
        let hall = self.hub.halls.get(room);
        let seats = hall.map_or(&[][..], Room::seats);
        let others = seats.iter().filter(|seat| seat.member != id);
        let same = others.filter(|seat| seat.name == name);
        let taken: BTreeSet<u32> = same.map(|seat| seat.place).collect();
        let free = (1..).find(|place| !taken.contains(place));
        let notes = self.notes(id);
        let is_new = notes.has_left.remove(room);
        let comings = notes.comings.entry(room.to_owned()).or_default();
        comings.push_back(is_new);
        self.ask(who, join(room, name));
        let seat = self.hub.halls.get(room).and_then(|hall| hall.seat(id));
        // It waits, or is out again: it was dropped, or let in a host who then departed.
        assert!(seat.is_none_or(|seat| Some(seat.place) == free || self.waits(id)));
    }

    fn waits(&self, id: MemberId) -> bool {
        !self.hub.members[&id].requests.is_empty()
    }

    /// A member hears one thing, if there is any.
    fn hear(&mut self, id: MemberId) -> bool {
        let notice = self.hub.next(id);
        let notes = self.notes.get_mut(&id).expect("it entered");
        assert!(notice.is_none() || self.awake.contains(&id), "not stirred");
        match &notice {
            None | Some(Notice::Members { .. } | Notice::Full { .. }) => (),
            Some(Notice::Unheard { .. }) => {
                let rules = (self.hub.room_kind)("");
                assert!(!rules.echo || !notes.is_dropped);
            }
            Some(Notice::Accepted(weight)) => notes.taken += weight,
            Some(Notice::TooSlow) => {
                assert!(!notes.is_dropped, "twice");
                assert!(!(self.hub.room_kind)("").lossless, "a poster can wait");
                notes.is_dropped = true;
            }
            Some(Notice::Entered { room, others, .. }) => {
                self.rooms.push(Arc::clone(room));
                let comings = notes.comings.get_mut(&**room);
                let is_new = comings.and_then(VecDeque::pop_front);
                let is_new = is_new.expect("it asked for that");
                let before = notes.stays.get(&room.as_ptr());
                let before = before.filter(|stay| !is_new && !stay.is_over);
                let stay = Stay {
                    others: *others,
                    heard: before.and_then(|stay| stay.heard),
                    is_over: false,
                };
                notes.stays.insert(room.as_ptr(), stay);
            }
            Some(Notice::Joined { room, origin }) => {
                assert_ne!(origin.member, id);
                notes.stay(room).others += 1;
            }
            Some(Notice::Left { room, origin, .. }) => {
                assert_ne!(origin.member, id);
                let stay = notes.stay(room);
                stay.others -= 1;
                stay.is_over = (self.hub.room_kind)("").host == Some(&*origin.name);
            }
            Some(Notice::Post { post, past }) => self.hear_post(id, post, *past),
        }
        notice.is_some()
    }

    fn hear_post(&mut self, id: MemberId, post: &Arc<Post>, past: bool) {
        let number = post.bytes.first_chunk().expect("it is long enough");
        let from = (post.origin.member, u64::from_le_bytes(*number));
        let key = (post.room.as_ptr(), post.sequence);
        self.rooms.push(Arc::clone(&post.room));
        let known = *self.authors.entry(key).or_insert(from);
        assert_eq!(known, from, "all hear the same order");
        assert!(1 <= post.sequence);
        let rules = (self.hub.room_kind)("");
        assert!(past || rules.echo || from.0 != id, "its own");
        let notes = self.notes.get_mut(&id).expect("it entered");
        if !past {
            let last = notes.last_post.insert(from.0, from.1);
            assert!(last < Some(from.1), "{from:?} after {last:?}");
        }
        let stay = notes.stay(&post.room);
        let missed = stay.heard.map_or(post.sequence, |heard| heard + 1)..post.sequence;
        stay.heard = Some(post.sequence);
        notes.gaps.extend(missed.map(|sequence| (key.0, sequence)));
    }
}

impl Notes {
    fn stay(&mut self, room: &Arc<str>) -> &mut Stay {
        let stay = self.stays.get_mut(&room.as_ptr());
        stay.expect("it was told that it is there")
    }
}

/// The largest post that is tried.
pub(super) const LARGEST: usize = 600 << 10;
