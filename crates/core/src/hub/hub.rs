//! The hub: publish/subscribe between sessions, without I/O.
//!
//! A member is a session, in whatever process. It sends requests and receives events. Events wait in
//! the member's queue, which is bounded; the [kind](RoomKind) of a room decides what happens when a
//! queue is full.
//!
//! The consequences of an operation (members to drop, posts to retry) are noted and processed by
//! `settle` when the operation is complete. So all members receive events in the same order, and no
//! call nests, however long the chain of consequences.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::member::MemberState;
use crate::hub::message::{HubMessage, Request};
use crate::hub::room::Room;
use crate::hub::types::{LeaveReason, Member, MemberId, RoomEvent, RoomKind};
use crate::peer::Transport;
use crate::reactor::poll::earlier;

/// The rooms of one server and their members. `T` says where the session of a member is.
pub(crate) struct Hub<T> {
    pub(super) room_kind: Box<dyn Fn(&str) -> RoomKind + Send>, // of the room of this name
    pub(super) members: HashMap<MemberId, MemberState<T>>,
    pub(super) rooms: HashMap<Arc<str>, Room>,
    last_id: MemberId,
    ready: Vec<MemberId>, // have messages since the last `take_ready`
    pub(super) dropped: VecDeque<MemberId>, // still in their rooms
    pub(super) runnable: VecDeque<MemberId>, // have requests that can be done
    pub(super) unblocked: VecDeque<Arc<str>>, // rooms whose blocked posts may be retried
    connecting: VecDeque<(MemberId, Instant)>, // not admitted yet, and since when
    pub(super) admission_wait: Duration,
    empty: VecDeque<Arc<str>>, // rooms with a history and no members, oldest first
    pub(super) now: Instant,
    pub(super) full_wait: Duration,
    waiting: Vec<Arc<str>>,          // lossy rooms with blocked posts
    departures: VecDeque<Departure>, // that are not announced yet, oldest first
    deadline: Option<Instant>,
}

impl<T: Clone> Hub<T> {
    pub(crate) fn new(room_kind: impl Fn(&str) -> RoomKind + Send + 'static) -> Self {
        Self {
            room_kind: Box::new(room_kind),
            members: HashMap::new(),
            rooms: HashMap::new(),
            last_id: 0,
            ready: Vec::new(),
            dropped: VecDeque::new(),
            runnable: VecDeque::new(),
            unblocked: VecDeque::new(),
            connecting: VecDeque::new(),
            admission_wait: ADMISSION_WAIT,
            empty: VecDeque::new(),
            now: Instant::now(),
            full_wait: FULL_WAIT,
            waiting: Vec::new(),
            departures: VecDeque::new(),
            deadline: None,
        }
    }

    /// Sets the time for the next call.
    pub(crate) fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    /// When [`tick`](Self::tick) is due. It may turn out that there is nothing to do then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Stops waiting for members whose deadline has passed.
    pub(crate) fn tick(&mut self) {
        if self.deadline.is_some_and(|at| at <= self.now) {
            self.deadline = None;
            self.unblocked.extend(self.waiting.drain(..));
            while let Some(departure) = self.departures.pop_front_if(|one| one.due <= self.now) {
                self.announce(&departure);
            }
            let due = self.departures.front().map(|departure| departure.due);
            self.deadline = earlier(self.deadline, due);
            self.settle();
        }
    }

    /// Adds a member, which is in no room yet.
    ///
    /// Members are admitted in the order of this call: the requests of a member wait until every
    /// earlier one has made a request, at least [`Request::Ready`], or for `ADMISSION_WAIT`. So of
    /// peers that connect at almost the same time the first one is the first in a room, even if its
    /// process starts more slowly.
    pub(crate) fn connect(&mut self, owner: T) -> MemberId {
        self.last_id += 1;
        let state = MemberState::new(owner, self.now);
        self.members.insert(self.last_id, state);
        self.connecting.push_back((self.last_id, self.now));
        self.last_id
    }

    /// Takes a request of a member, which is done after its earlier ones.
    /// [`Request::Stopping`] and [`Request::Disconnect`] are done at once, and the latter discards those
    /// that still wait.
    pub(crate) fn request(&mut self, id: MemberId, request: Request) {
        // Members are admitted in the order of their ids.
        let is_admitted = self.connecting.front().is_none_or(|&(first, _)| id < first);
        if let Some(member) = self.members.get_mut(&id) {
            if request == Request::Stopping {
                member.is_stopping = true;
            } else if request == Request::Disconnect {
                let reason = match member.is_blocked() {
                    true => LeaveReason::Lost,
                    false => LeaveReason::Left,
                };
                self.remove_member(id, reason);
            } else {
                member.requests.push_back(request);
                if is_admitted && member.requests.len() == 1 {
                    self.runnable.push_back(id);
                }
            }
        }
        self.settle();
    }

    /// Removes a member whose process has ended, if it is still there.
    pub(crate) fn disconnect(&mut self, id: MemberId) {
        self.remove_member(id, LeaveReason::Lost);
        self.settle();
    }

    /// The next message for a member.
    pub(crate) fn next(&mut self, id: MemberId) -> Option<HubMessage> {
        let member = self.members.get_mut(&id)?;
        let (message, is_short) = member.pop(self.now)?;
        if is_short {
            self.runnable.extend((!member.is_blocked()).then_some(id));
            self.unblocked.extend(member.rooms.iter().map(Arc::clone));
            self.settle();
        }
        Some(message)
    }

    /// The members that got messages since the last call, each once, with their owners.
    pub(crate) fn take_ready(&mut self) -> Vec<(MemberId, T)> {
        let ready = mem::take(&mut self.ready).into_iter();
        let ready = ready.filter_map(|id| {
            let member = self.members.get_mut(&id)?;
            member.is_ready = false;
            Some((id, member.owner.clone()))
        });
        ready.collect()
    }

    fn settle(&mut self) {
        self.admit();
        loop {
            self.remove_dropped();
            if let Some(id) = self.runnable.pop_front() {
                self.run_requests(id);
            } else if let Some(room) = self.unblocked.pop_front() {
                self.retry_posts(&room);
                self.forget(&room);
            } else {
                return;
            }
        }
    }

    /// Admits the members that need not wait for an earlier one.
    fn admit(&mut self) {
        while let Some(&(id, since)) = self.connecting.front() {
            if let Some(member) = self.members.get(&id) {
                let until = since + self.admission_wait;
                if member.requests.is_empty() && self.now < until {
                    let others_wait = 1 < self.connecting.len();
                    self.deadline = earlier(self.deadline, others_wait.then_some(until));
                    return;
                }
                self.runnable.push_back(id);
            }
            self.connecting.pop_front();
        }
    }

    /// Does the requests of a member, as far as possible now.
    fn run_requests(&mut self, id: MemberId) {
        while let Some(member) = self.members.get_mut(&id)
            && let Some(request) = member.requests.pop_front()
        {
            let has_answer = matches!(request, Request::Join { .. } | Request::ListMembers { .. });
            if has_answer && member.is_long() {
                return member.requests.push_front(request);
            }
            let weight = request.weight();
            match request {
                Request::Post { room, bytes } => {
                    if let Err(bytes) = self.post(id, &room, bytes) {
                        let first = Request::Post { room, bytes };
                        if let Some(member) = self.members.get_mut(&id) {
                            member.requests.push_front(first);
                        }
                        return;
                    }
                }
                Request::Join {
                    room,
                    name,
                    transport,
                } => self.join(id, &room, name, transport),
                Request::Leave { room } => self.leave(id, &room, LeaveReason::Left, false),
                Request::ListMembers { room } => self.list_members(id, &room),
                Request::Ready => (),
                Request::Stopping | Request::Disconnect => (), // which never wait
            }
            if let Some(member) = self.members.get_mut(&id) {
                member.accepted += weight;
                self.mark_ready(id);
            }
            self.remove_dropped(); // before the next post
        }
    }

    /// Retries the posts that were blocked in a room, except those that certainly stay blocked: many
    /// may wait for one member, and would all be tried for each other member that joins or leaves.
    fn retry_posts(&mut self, name: &str) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        if !room.kind.lossless {
            return self.runnable.append(&mut room.blocked); // the deadline may have passed
        }
        let members = &self.members;
        let is_full = |id: &MemberId| members.get(id).is_some_and(MemberState::is_full);
        let full: Vec<MemberId> = room.ids().filter(is_full).take(2).collect();
        let echo = room.kind.echo;
        let is_possible = |sender: &MemberId| full.iter().all(|full| full == sender && !echo);
        let (mut possible, blocked): (VecDeque<_>, _) = mem::take(&mut room.blocked)
            .into_iter()
            .partition(is_possible);
        room.blocked = blocked;
        self.runnable.append(&mut possible);
    }

    /// Queues a post for its receivers, or returns its payload if the sender has to wait.
    fn post(&mut self, id: MemberId, name: &str, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        if self.members.get(&id).is_none_or(|member| member.is_dropped) {
            return Ok(());
        }
        let room = self.rooms.get_mut(name);
        let Some((sender, room)) = room.and_then(|room| Some((sender(room, id)?, room))) else {
            self.notify_undelivered(id, name);
            return Ok(());
        };
        let receivers = room.ids().filter(|&other| other != id || room.kind.echo);
        let receivers: Vec<MemberId> = receivers.collect();
        let states = receivers.iter().filter_map(|id| self.members.get(id));
        let full = states.filter_map(MemberState::full_since);
        let is_blocked = if room.kind.lossless {
            0 < full.count() || receivers.iter().all(|&receiver| receiver == id)
        } else {
            let until = full.map(|since| since + self.full_wait);
            let until = until.filter(|&until| self.now < until).min();
            if until.is_some() {
                if !self.waiting.contains(&room.name) {
                    self.waiting.push(Arc::clone(&room.name));
                }
                self.deadline = earlier(self.deadline, until);
            }
            until.is_some()
        };
        if is_blocked {
            room.blocked.push_back(id);
            return Err(bytes);
        }
        let post = room.post(sender, bytes);
        if receivers.is_empty() {
            self.notify_undelivered(id, name);
            self.forget(name); // a long post may have pushed out the whole history
        }
        for receiver in receivers {
            let post = Arc::clone(&post);
            self.notify(receiver, RoomEvent::Post { post, past: false });
        }
        Ok(())
    }

    pub(super) fn join(&mut self, id: MemberId, name: &str, as_name: String, transport: Transport) {
        let member = self.members.get(&id).filter(|member| !member.is_dropped);
        let Some(member) = member else {
            return;
        };
        let is_in = member.rooms.iter().any(|own| **own == *name);
        let has_space = self.rooms.len() < MAX_ROOMS || self.rooms.contains_key(name);
        if !is_in && (MAX_ROOMS_OF_MEMBER <= member.rooms.len() || !has_space) {
            let room = name.into();
            return self.notify(id, RoomEvent::Full { room });
        }
        let room = self
            .rooms
            .entry(name.into())
            .or_insert_with(|| Room::new(name, (self.room_kind)(name)));
        let (member, was_in) = room.add(id, as_name, transport);
        let (name, others) = (Arc::clone(&room.name), room.members.len() - 1);
        let entered = RoomEvent::Entered {
            room: Arc::clone(&name),
            place: member.place,
            others,
        };
        let mut history = VecDeque::new();
        if !was_in && let Some(state) = self.members.get_mut(&id) {
            history.clone_from(&room.history);
            state.rooms.push(Arc::clone(&name));
            let room = Arc::clone(&name);
            self.notify_others(id, &name, &RoomEvent::Joined { room, member });
        }
        self.notify(id, entered);
        for post in history {
            self.notify(id, RoomEvent::Post { post, past: true });
        }
        self.unblocked.push_back(name);
    }

    /// Takes a member out of a room, perhaps because it `ends`.
    fn leave(&mut self, id: MemberId, name: &str, reason: LeaveReason, ends: bool) {
        if let Some(member) = self.members.get_mut(&id) {
            member.rooms.retain(|own| **own != *name);
        }
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let Some(member) = room.remove(id) else {
            return;
        };
        room.blocked.retain(|&blocked| blocked != id);
        self.unblocked.push_back(Arc::clone(&room.name));
        let closes = room.kind.host == Some(&*member.name);
        let left = RoomEvent::Left {
            room: Arc::clone(&room.name),
            member,
            reason,
        };
        let mut departure = Departure {
            due: self.now,
            event: left,
            last_members: Vec::new(),
        };
        if closes {
            self.runnable.append(&mut room.blocked); // their posts are discarded
            departure.last_members = room.ids().collect();
            room.members.clear();
            for member in &departure.last_members {
                if let Some(state) = self.members.get_mut(member) {
                    state.rooms.retain(|own| **own != *name);
                }
            }
        }
        // At a shutdown all sessions end. The event is delayed, so that members that end meanwhile are
        // not notified that others have left.
        if ends && self.members.get(&id).is_some_and(|state| state.is_stopping) {
            departure.due += STOP_WAIT;
            self.deadline = earlier(self.deadline, Some(departure.due));
            self.departures.push_back(departure);
        } else {
            self.announce(&departure);
        }
    }

    fn announce(&mut self, departure: &Departure) {
        let RoomEvent::Left { room, .. } = &departure.event else {
            return;
        };
        let members = self.rooms.get(room).into_iter().flat_map(Room::ids);
        let receivers = departure.last_members.iter().copied().chain(members);
        for receiver in receivers.collect::<Vec<MemberId>>() {
            self.notify(receiver, departure.event.clone());
        }
    }

    fn remove_member(&mut self, id: MemberId, reason: LeaveReason) {
        let rooms = self.members.get(&id).map(|member| member.rooms.clone());
        for room in rooms.into_iter().flatten() {
            self.leave(id, &room, reason, true);
        }
        self.members.remove(&id);
    }

    /// Takes dropped members out of all their rooms. Their waiting posts are discarded.
    fn remove_dropped(&mut self) {
        while let Some(id) = self.dropped.pop_front() {
            let member = self.members.get_mut(&id);
            for room in member.map_or_else(Vec::new, |member| mem::take(&mut member.rooms)) {
                self.leave(id, &room, LeaveReason::TooSlow, false);
            }
            self.runnable.push_back(id);
        }
    }

    /// Removes a room without members if it has no history; and the oldest of those that have one
    /// if they are more than `MAX_EMPTY_ROOMS`.
    fn forget(&mut self, name: &str) {
        let Some(room) = self.rooms.get(name).filter(|room| room.is_empty()) else {
            return;
        };
        self.empty.retain(|empty| **empty != *name);
        if room.history.is_empty() {
            self.rooms.remove(name);
            return;
        }
        self.empty.push_back(Arc::clone(&room.name));
        if MAX_EMPTY_ROOMS < self.empty.len()
            && let Some(oldest) = self.empty.pop_front()
            && self.rooms.get(&oldest).is_some_and(Room::is_empty)
        {
            self.rooms.remove(&oldest);
        }
    }

    fn list_members(&mut self, id: MemberId, name: &str) {
        let room = self.rooms.get(name);
        let members = room.map_or(&[][..], |room| &room.members);
        let members = members.iter().take(MAX_LISTED).map(Arc::clone).collect();
        let room = name.into();
        self.notify(id, RoomEvent::Members { room, members });
    }

    fn notify_undelivered(&mut self, id: MemberId, name: &str) {
        let room = name.into();
        self.notify(id, RoomEvent::Undelivered { room });
    }

    /// Queues an event for all members of a room but this one.
    fn notify_others(&mut self, id: MemberId, name: &str, event: &RoomEvent) {
        let ids = self.rooms.get(name).into_iter().flat_map(Room::ids);
        let others: Vec<MemberId> = ids.filter(|&other| other != id).collect();
        for other in others {
            self.notify(other, event.clone());
        }
    }

    /// Queues an event for a member, or drops the member if its queue is full.
    fn notify(&mut self, id: MemberId, event: RoomEvent) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.is_dropped {
            return;
        }
        if member.is_overfull() || (event.is_post() && member.is_full()) {
            member.drop_out(self.now);
            self.dropped.push_back(id);
        } else {
            member.push(event, self.now);
        }
        self.mark_ready(id);
    }

    fn mark_ready(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !mem::replace(&mut member.is_ready, true)
        {
            self.ready.push(id);
        }
    }
}

/// That a member has left a room.
struct Departure {
    due: Instant,
    event: RoomEvent,
    last_members: Vec<MemberId>, // of a room that this closed
}

/// The sender of a post: a member of the room or, if the room is lossy, a nameless one from outside.
fn sender(room: &Room, id: MemberId) -> Option<Arc<Member>> {
    match room.member(id) {
        Some(member) => Some(Arc::clone(member)),
        None if room.kind.lossless => None,
        None => Some(Arc::new(Member::new(id, "", 0, Transport::Stream))),
    }
}

const MAX_ROOMS: usize = 10_000; // with members or a history
const MAX_ROOMS_OF_MEMBER: usize = 16;
const MAX_LISTED: usize = 1000; // members
pub(super) const MAX_EMPTY_ROOMS: usize = 100; // bounds the memory for history that sessions can leave behind
/// For the first request of a member that connected earlier; processes start much faster.
pub(super) const ADMISSION_WAIT: Duration = Duration::from_millis(100);
/// For a member of a lossy room whose queue is full: longer than serving a thousand others takes, and
/// short for the members that post.
pub(super) const FULL_WAIT: Duration = Duration::from_millis(500);
/// Until the end of a session that was stopped is announced: longer than stopping thousands takes.
pub(super) const STOP_WAIT: Duration = Duration::from_secs(2);
