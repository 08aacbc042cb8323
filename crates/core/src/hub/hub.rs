//! The hub: passes posts between the members of rooms, without I/O.
//!
//! A member is a session, wherever that is. It asks for things and hears what others did. What it is
//! yet to hear waits in its queue, which is bounded; what becomes of a full queue is the room's
//! affair.
//!
//! What follows from one thing (somebody falls behind, room comes free for those who were held back)
//! is noted, and done when that is done to its end. So all hear of things in the same order, and
//! nothing nests, however much follows.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::types::{LeaveReason, RoomKind};
use crate::reactor::poll::earlier;

use crate::hub::message::{Notice, Request};

use crate::hub::member::MemberState;
use crate::hub::room::Room;

/// Which member; no number is given twice.
pub(crate) type MemberId = u64;

/// The rooms of one server, and who is in them.
pub(crate) struct Hub {
    pub(super) room_kind: Box<dyn Fn(&str) -> RoomKind + Send>, // of the room of this name
    pub(super) members: HashMap<MemberId, MemberState>,
    pub(super) halls: HashMap<Arc<str>, Room>,
    pub(super) met: MemberId,
    pub(super) stirred: Vec<MemberId>,
    pub(super) behind: VecDeque<MemberId>, // they have been dropped, and are to leave their rooms
    pub(super) due: VecDeque<MemberId>,    // they may have their requests done
    pub(super) freed: VecDeque<Arc<str>>,  // who was held back in these rooms may try again
    pub(super) coming: VecDeque<(MemberId, Instant)>, // who entered when, and may have to wait for those before
    pub(super) courtesy: Duration,                    // for so long at most
    pub(super) left: VecDeque<Arc<str>>, // rooms with a past and nobody in them, oldest first
    pub(super) now: Instant,
    pub(super) patience: Duration, // with a member of a lively room that has no room for a post
    pub(super) waited_for: Vec<Arc<str>>, // lively rooms in which somebody is held back
    pub(super) tick_at: Option<Instant>, // when they are not waited for any longer
}

impl Hub {
    pub(crate) fn new(room_kind: impl Fn(&str) -> RoomKind + Send + 'static) -> Self {
        Self {
            room_kind: Box::new(room_kind),
            members: HashMap::new(),
            halls: HashMap::new(),
            met: 0,
            stirred: Vec::new(),
            behind: VecDeque::new(),
            due: VecDeque::new(),
            freed: VecDeque::new(),
            coming: VecDeque::new(),
            courtesy: COURTESY,
            left: VecDeque::new(),
            now: Instant::now(),
            patience: PATIENCE,
            waited_for: Vec::new(),
            tick_at: None,
        }
    }

    /// It is `now`, for what is done next.
    pub(crate) fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    /// When somebody is not to be waited for any longer, unless that has come to nothing before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }

    /// Waits no longer for whom nobody should wait now.
    pub(crate) fn tick(&mut self) {
        if self.tick_at.is_some_and(|at| at <= self.now) {
            self.tick_at = None;
            self.freed.extend(self.waited_for.drain(..));
            self.settle();
        }
    }

    /// One member more, in no room yet.
    ///
    /// Members come in in the order in which they entered: what one asks for waits until all before
    /// have asked for something, if only by [`Request::Ready`]. So the first of those who come at
    /// almost the same time is the first in a room, though its process may be slower to begin. Who is
    /// slower than a tenth of a second is not waited for.
    pub(crate) fn connect(&mut self) -> MemberId {
        self.met += 1;
        self.members.insert(self.met, MemberState::new(self.now));
        self.coming.push_back((self.met, self.now));
        self.met
    }

    /// Lets those in who need not wait for anybody before them.
    fn let_in(&mut self) {
        while let Some(&(id, entered)) = self.coming.front() {
            if let Some(member) = self.members.get_mut(&id) {
                let until = entered + self.courtesy;
                if member.is_silent && self.now < until {
                    let others_wait = 1 < self.coming.len();
                    self.tick_at = earlier(self.tick_at, others_wait.then_some(until));
                    return;
                }
                member.is_in = true;
                self.due.push_back(id);
            }
            self.coming.pop_front();
        }
    }

    /// A member asks for something, which is done once all is that it asked for before. If it departs,
    /// what waits still comes to nothing: nobody is to wait for who is gone.
    pub(crate) fn request(&mut self, id: MemberId, request: Request) {
        if let Some(member) = self.members.get_mut(&id) {
            if request == Request::Disconnect {
                let parting = match member.is_held_back() {
                    true => LeaveReason::Lost,
                    false => LeaveReason::Own,
                };
                self.depart(id, parting);
            } else {
                member.is_silent = false;
                member.requests.push_back(request);
                if member.is_in && member.requests.len() == 1 {
                    self.due.push_back(id);
                }
            }
        }
        self.settle();
    }

    /// Nothing more will be heard of a member, if it is there still.
    pub(crate) fn disconnect(&mut self, id: MemberId) {
        self.depart(id, LeaveReason::Lost);
        self.settle();
    }

    /// What a member is to hear next.
    pub(crate) fn next(&mut self, id: MemberId) -> Option<Notice> {
        let member = self.members.get_mut(&id)?;
        let (notice, is_short) = member.pop(self.now)?;
        if is_short {
            self.due.extend((!member.is_held_back()).then_some(id));
            self.freed.extend(member.rooms.iter().map(Arc::clone));
            self.settle();
        }
        Some(notice)
    }

    /// The members that have something to hear since the last time this was asked. Each is here once,
    /// and again when more has come.
    pub(crate) fn take_ready(&mut self) -> Vec<MemberId> {
        let stirred = mem::take(&mut self.stirred);
        for id in &stirred {
            if let Some(member) = self.members.get_mut(id) {
                member.is_stirred = false;
            }
        }
        stirred
    }

    /// Does all that follows.
    fn settle(&mut self) {
        self.let_in();
        loop {
            self.drop_out();
            if let Some(id) = self.due.pop_front() {
                self.proceed(id);
            } else if let Some(room) = self.freed.pop_front() {
                self.let_go_on(&room);
                self.forget(&room);
            } else {
                return;
            }
        }
    }

    /// Does what a member asks for, as far as it can be done now.
    fn proceed(&mut self, id: MemberId) {
        while let Some(member) = self.members.get_mut(&id)
            && let Some(request) = member.requests.pop_front()
        {
            let is_answered = matches!(request, Request::Join { .. } | Request::ListMembers { .. });
            if is_answered && member.is_behind() {
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
                Request::Leave { room } => self.leave(id, &room, LeaveReason::Own),
                Request::ListMembers { room } => self.tell_members(id, &room),
                Request::Ready | Request::Disconnect => (), // which never waits
            }
            if let Some(member) = self.members.get_mut(&id) {
                member.take(weight);
                self.stir(id);
            }
            self.drop_out(); // before somebody posts to them
        }
    }

    /// Lets those who were held back in a room try again, unless it is plain that they cannot: many may
    /// wait for one, and whoever comes and goes meanwhile would have all of them try.
    fn let_go_on(&mut self, room: &str) {
        let Some(hall) = self.halls.get_mut(room) else {
            return;
        };
        if !hall.rules.lossless {
            return self.due.append(&mut hall.held_back); // time may have made up its mind
        }
        let members = &self.members;
        let is_full = |id: &MemberId| members.get(id).is_some_and(MemberState::is_full);
        let seats = hall.seats().iter().map(|seat| seat.member);
        let full: Vec<MemberId> = seats.filter(is_full).take(2).collect();
        let echo = hall.rules.echo;
        let may_go = |id: &MemberId| full.iter().all(|full| full == id && !echo);
        let (mut may_go, held_back): (VecDeque<_>, _) =
            mem::take(&mut hall.held_back).into_iter().partition(may_go);
        hall.held_back = held_back;
        self.due.append(&mut may_go);
    }

    /// Forgets a room in which there is nothing to be remembered; and of those with a past, but nobody
    /// in them, all but so many.
    pub(super) fn forget(&mut self, room: &str) {
        let Some(hall) = self.halls.get(room).filter(|hall| hall.is_empty()) else {
            return;
        };
        self.left.retain(|left| **left != *room);
        if hall.is_forgettable() {
            self.halls.remove(room);
            return;
        }
        self.left.push_back(Arc::clone(&hall.name));
        if MOST_LEFT < self.left.len()
            && let Some(oldest) = self.left.pop_front()
            && self.halls.get(&oldest).is_some_and(Room::is_empty)
        {
            self.halls.remove(&oldest);
        }
    }
}

pub(super) const COURTESY: Duration = Duration::from_millis(100); // far longer than a process takes to begin
pub(super) const MOST_LEFT: usize = 100; // who comes and goes must not fill the memory with what was said
// Longer than it takes to serve a thousand others first, and no long wait for those who talk.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
