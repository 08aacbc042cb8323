//! Runs a hub and checks its invariants after every operation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::*;
use crate::hub::types::Post;

/// An operation on a hub. Members are numbered; a number that has disconnected connects again as a
/// new member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Join(usize, &'static str),
    Leave(usize, &'static str),
    Post(usize, &'static str, usize),
    ListMembers(usize, &'static str),
    Take(usize),
    Disconnect(usize),
    Lose(usize),
}

pub(super) struct Checker {
    hub: Hub<()>,
    ids: Vec<Option<MemberId>>,
    views: BTreeMap<MemberId, View>,
    ready: BTreeSet<MemberId>, // reported by the hub, and not all taken since
    posted: u64,
    /// The sender of each post, and the number of the post in this test.
    senders: BTreeMap<(RoomId, u64), (MemberId, u64)>,
    rooms: Vec<Arc<str>>, // kept, so that no other name gets the same address
}

/// The address of a room's name: a room that was removed and made again is another one.
type RoomId = *const u8;

/// What one member knows from its events.
#[derive(Default)]
struct View {
    requested: usize, // the weight of all its requests
    accepted: usize,
    last_post: BTreeMap<MemberId, u64>, // from each sender
    stays: BTreeMap<RoomId, Stay>,
    gaps: BTreeSet<(RoomId, u64)>, // posts it did not receive while it was in the room
    is_dropped: bool,
    /// For each request to join a room, whether a new stay begins.
    joins: BTreeMap<String, VecDeque<bool>>,
    has_left: BTreeSet<String>,
}

struct Stay {
    others: usize,
    received: Option<u64>, // all posts up to this one
    is_closed: bool,
}

impl Checker {
    pub(super) fn new(kind: RoomKind, members: usize) -> Self {
        let mut hub = Hub::new(move |_: &str| kind);
        (hub.full_wait, hub.admission_wait) = (Duration::ZERO, Duration::ZERO);
        Self {
            hub,
            ids: vec![None; members],
            views: BTreeMap::new(),
            ready: BTreeSet::new(),
            posted: 0,
            senders: BTreeMap::new(),
            rooms: Vec::new(),
        }
    }

    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Join(member, room) => self.join(member, room),
            Act::Leave(member, room) => {
                let id = self.id(member);
                self.view(id).has_left.insert(room.to_owned());
                self.request(member, leave(room));
            }
            Act::ListMembers(member, room) => {
                self.request(member, Request::ListMembers { room: room.into() });
            }
            Act::Post(member, room, size) => {
                self.posted += 1;
                let mut bytes = vec![0; size.max(size_of::<u64>())];
                bytes[..size_of::<u64>()].copy_from_slice(&self.posted.to_le_bytes());
                let room = room.into();
                self.request(member, Request::Post { room, bytes });
            }
            Act::Take(member) => {
                let id = self.id(member);
                self.take(id);
            }
            Act::Disconnect(member) => {
                self.request(member, Request::Disconnect);
                self.ids[member] = None;
            }
            Act::Lose(member) => {
                let id = self.id(member);
                self.hub.disconnect(id);
                self.ids[member] = None;
            }
        }
        let ready = self.hub.take_ready();
        self.ready.extend(ready.into_iter().map(|(id, ())| id));
        self.check();
    }

    /// Takes all events, only of members that the hub reports as ready; then nothing may be left, and
    /// every member must know everything.
    pub(super) fn take_all(&mut self) {
        while let Some(&id) = self.ready.first() {
            while self.take(id) {}
            self.ready.remove(&id);
            let ready = self.hub.take_ready();
            self.ready.extend(ready.into_iter().map(|(id, ())| id));
        }
        self.check();
        let members: Vec<MemberId> = self.hub.members.keys().copied().collect();
        for id in members {
            assert!(self.hub.next(id).is_none(), "{id} was not reported");
            let member = &self.hub.members[&id];
            let waiting: usize = member.requests.iter().map(Request::weight).sum();
            let view = &self.views[&id];
            assert_eq!(view.requested, view.accepted + waiting);
            if let Some(Request::Post { room, .. }) = member.requests.front() {
                let room = &self.hub.rooms[&**room];
                let receivers = room.ids().filter(|&other| other != id).count();
                assert!(room.kind.lossless && receivers == 0, "{id} waits");
            } else {
                assert!(member.requests.is_empty(), "{id} waits");
            }
        }
        for room in self.hub.rooms.values() {
            for member in &room.members {
                self.check_stay(room, member.id);
            }
        }
        for (id, view) in &self.views {
            for gap in &view.gaps {
                let sender = self.senders.get(gap);
                let is_own = sender.is_none_or(|(sender, _)| sender == id);
                let echo = (self.hub.room_kind)("").echo;
                assert!(is_own && !echo, "{id} lost {gap:?} of {sender:?}");
            }
        }
    }

    /// Disconnects all members; nothing of them may be left.
    pub(super) fn end(mut self) {
        let members: Vec<MemberId> = self.hub.members.keys().copied().collect();
        for id in members {
            self.hub.disconnect(id);
            self.check();
        }
        assert!(self.hub.members.is_empty());
        let rooms: Vec<&Room> = self.hub.rooms.values().collect();
        assert!(rooms.iter().all(|room| 0 < room.kind.history), "leaked");
        assert!(rooms.iter().all(|room| room.is_empty()), "leaked");
    }

    fn id(&mut self, member: usize) -> MemberId {
        let id = *self.ids[member].get_or_insert_with(|| self.hub.connect(()));
        self.view(id);
        id
    }

    fn view(&mut self, id: MemberId) -> &mut View {
        self.views.entry(id).or_default()
    }

    fn request(&mut self, member: usize, request: Request) {
        let id = self.id(member);
        let weight = request.weight();
        self.hub.request(id, request);
        self.view(id).requested += weight;
    }

    /// The first member is named as the host. A member that joins at once gets the lowest free place.
    fn join(&mut self, member: usize, name: &str) {
        let id = self.id(member);
        let as_name = if member == 0 { "host" } else { "member" };
        let room = self.hub.rooms.get(name);
        let members = room.map_or(&[][..], |room| &room.members);
        let others = members.iter().filter(|other| other.id != id);
        let same = others.filter(|other| other.name == as_name);
        let taken: BTreeSet<u32> = same.map(|other| other.place).collect();
        let free = (1..).find(|place| !taken.contains(place));
        let view = self.view(id);
        let is_new = view.has_left.remove(name);
        let joins = view.joins.entry(name.to_owned()).or_default();
        joins.push_back(is_new);
        self.request(member, join(name, as_name));
        let member = self.hub.rooms.get(name).and_then(|room| room.member(id));
        // Otherwise it waits, or is out again: it was dropped, or a host joined and left before it.
        assert!(member.is_none_or(|member| Some(member.place) == free || self.waits(id)));
    }

    fn waits(&self, id: MemberId) -> bool {
        !self.hub.members[&id].requests.is_empty()
    }

    /// Takes one message of a member; whether there was one.
    fn take(&mut self, id: MemberId) -> bool {
        let message = self.hub.next(id);
        assert!(
            message.is_none() || self.ready.contains(&id),
            "not reported"
        );
        let view = self.views.get_mut(&id).expect("it connected");
        match &message {
            None => (),
            Some(HubMessage::Accepted(weight)) => view.accepted += weight,
            Some(HubMessage::Event(event)) => self.check_event(id, event),
        }
        message.is_some()
    }

    fn check_event(&mut self, id: MemberId, event: &RoomEvent) {
        let view = self.views.get_mut(&id).expect("it connected");
        let kind = (self.hub.room_kind)("");
        match event {
            RoomEvent::Members { .. } | RoomEvent::Full { .. } => (),
            RoomEvent::Undelivered { .. } => assert!(!kind.echo || !view.is_dropped),
            RoomEvent::TooSlow => {
                assert!(!view.is_dropped, "twice");
                assert!(!kind.lossless, "the senders wait");
                view.is_dropped = true;
            }
            RoomEvent::Entered { room, others, .. } => {
                self.rooms.push(Arc::clone(room));
                let joins = view.joins.get_mut(&**room);
                let is_new = joins.and_then(VecDeque::pop_front);
                let is_new = is_new.expect("it requested that");
                let before = view.stays.get(&room.as_ptr());
                let before = before.filter(|stay| !is_new && !stay.is_closed);
                let stay = Stay {
                    others: *others,
                    received: before.and_then(|stay| stay.received),
                    is_closed: false,
                };
                view.stays.insert(room.as_ptr(), stay);
            }
            RoomEvent::Joined { room, member } => {
                assert_ne!(member.id, id);
                view.stay(room).others += 1;
            }
            RoomEvent::Left { room, member, .. } => {
                assert_ne!(member.id, id);
                let stay = view.stay(room);
                stay.others -= 1;
                stay.is_closed = kind.host == Some(&*member.name);
            }
            RoomEvent::Post { post, past } => self.check_post(id, post, *past),
        }
    }

    fn check_post(&mut self, id: MemberId, post: &Arc<Post>, past: bool) {
        let number = post.bytes.first_chunk().expect("it is long enough");
        let from = (post.sender.id, u64::from_le_bytes(*number));
        let key = (post.room.as_ptr(), post.sequence);
        self.rooms.push(Arc::clone(&post.room));
        let known = *self.senders.entry(key).or_insert(from);
        assert_eq!(known, from, "all receive the same order");
        assert!(1 <= post.sequence);
        let kind = (self.hub.room_kind)("");
        assert!(past || kind.echo || from.0 != id, "its own");
        let view = self.views.get_mut(&id).expect("it connected");
        if !past {
            let last = view.last_post.insert(from.0, from.1);
            assert!(last < Some(from.1), "{from:?} after {last:?}");
        }
        let stay = view.stay(&post.room);
        let missed = stay.received.map_or(post.sequence, |last| last + 1)..post.sequence;
        stay.received = Some(post.sequence);
        view.gaps.extend(missed.map(|sequence| (key.0, sequence)));
    }

    /// Checks what is true at any time.
    fn check(&self) {
        let hub = &self.hub;
        assert!(hub.dropped.is_empty() && hub.runnable.is_empty() && hub.unblocked.is_empty());
        for (id, member) in &hub.members {
            assert!(member.queued < 512 * 1024 + (64 << 10) + LARGEST, "bounded");
            for room in &member.rooms {
                assert!(hub.rooms[room].member(*id).is_some(), "both know");
            }
            assert!(!member.is_dropped || member.rooms.is_empty());
        }
        for room in hub.rooms.values() {
            assert!(!room.is_empty() || !room.history.is_empty(), "leaked");
            let mut places = BTreeSet::new();
            for member in &room.members {
                let place = (&member.name, member.place);
                assert!(places.insert(place), "a place twice");
                let rooms = &hub.members[&member.id].rooms;
                assert!(rooms.contains(&room.name), "both know");
            }
            let mut blocked = BTreeSet::new();
            for id in &room.blocked {
                assert!(blocked.insert(id), "blocked twice");
                let front = hub.members[id].requests.front();
                let is_here = |name: &str| *name == *room.name;
                assert!(matches!(front, Some(Request::Post { room, .. }) if is_here(room)));
                assert!(room.kind.lossless, "no member waits in a lossy room");
            }
        }
    }

    /// Checks that a member that has taken all events knows its room, and missed only own posts.
    fn check_stay(&self, room: &Room, id: MemberId) {
        let stay = &self.views[&id].stays[&room.name.as_ptr()];
        assert_eq!(stay.others, room.members.len() - 1);
        for sequence in stay.received.map_or(0, |last| last + 1)..=room.posts {
            let sender = self.senders.get(&(room.name.as_ptr(), sequence));
            let is_own = sender.is_none_or(|&(sender, _)| sender == id);
            assert!(is_own || stay.received.is_none(), "{id} lost {sequence}");
        }
    }
}

impl View {
    fn stay(&mut self, room: &Arc<str>) -> &mut Stay {
        let stay = self.stays.get_mut(&room.as_ptr());
        stay.expect("it has entered")
    }
}

/// The size of the largest post, in bytes.
pub(super) const LARGEST: usize = 600 << 10;
