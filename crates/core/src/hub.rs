//! The hub: passes posts between the members of rooms, without I/O.
//!
//! A member is a session, wherever that is. It asks for things and hears what others did. What it is
//! yet to hear waits in its queue, which is bounded; what becomes of a full queue is the room's
//! affair.

pub(crate) mod frames;
mod member;
mod notice;
mod room;

use std::collections::HashMap;
use std::sync::Arc;

use crate::peer::Transport;
use crate::rooms::{Origin, Parting};
use crate::service::Service;

pub(crate) use notice::{Notice, Request, weight};

use member::Member;
use room::Hall;

/// Which member; no number is given twice.
pub(crate) type MemberId = u64;

/// The rooms of one server, and who is in them.
pub(crate) struct Hub {
    service: Arc<dyn Service>, // says how its rooms work
    members: HashMap<MemberId, Member>,
    halls: HashMap<Arc<str>, Hall>,
    met: MemberId,
    stirred: Vec<MemberId>,
}

impl Hub {
    pub(crate) fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            members: HashMap::new(),
            halls: HashMap::new(),
            met: 0,
            stirred: Vec::new(),
        }
    }

    /// One member more, in no room yet.
    pub(crate) fn enter(&mut self) -> MemberId {
        self.met += 1;
        self.members.insert(self.met, Member::default());
        self.met
    }

    /// A member asks for something, which is done once all is that it asked for before.
    pub(crate) fn ask(&mut self, id: MemberId, request: Request) {
        if let Some(member) = self.members.get_mut(&id) {
            member.requests.push_back(request);
            if member.requests.len() == 1 {
                self.proceed(id);
            }
        }
    }

    /// Nothing more will be heard of a member, if it is there still.
    pub(crate) fn lose(&mut self, id: MemberId) {
        self.depart(id, Parting::Lost);
    }

    /// What a member is to hear next.
    pub(crate) fn next(&mut self, id: MemberId) -> Option<Notice> {
        let member = self.members.get_mut(&id)?;
        let (notice, is_short) = member.pop()?;
        if is_short {
            for room in member.rooms.clone() {
                self.retry(&room);
            }
        }
        Some(notice)
    }

    /// The members that have something to hear since the last time this was asked. Each is here once,
    /// and again when more has come.
    pub(crate) fn take_stirred(&mut self) -> Vec<MemberId> {
        let stirred = std::mem::take(&mut self.stirred);
        for id in &stirred {
            if let Some(member) = self.members.get_mut(id) {
                member.is_stirred = false;
            }
        }
        stirred
    }

    /// Does what a member asks for, as far as it can be done now.
    fn proceed(&mut self, id: MemberId) {
        while let Some(member) = self.members.get_mut(&id)
            && let Some(request) = member.requests.pop_front()
        {
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
                Request::Leave { room } => self.leave(id, &room, Parting::Own),
                Request::Ask { room } => self.tell_members(id, &room),
                Request::Depart => self.depart(id, Parting::Own),
            }
        }
    }

    fn join(&mut self, id: MemberId, room: &str, name: String, transport: Transport) {
        let Some(member) = self
            .members
            .get_mut(&id)
            .filter(|member| !member.is_dropped)
        else {
            return;
        };
        let is_in = member.rooms.iter().any(|own| **own == *room);
        if !is_in && (MOST_ROOMS_EACH <= member.rooms.len() || !self.has_room_for(room)) {
            let room = room.into();
            return self.tell(id, Notice::Full { room });
        }
        let service = &self.service;
        let hall = self
            .halls
            .entry(room.into())
            .or_insert_with(|| Hall::new(room, service.room(room)));
        let (place, was_in) = hall.sit(Origin {
            member: id,
            name,
            place: 0,
            transport,
        });
        let (room, others) = (Arc::clone(&hall.name), hall.seats().len() - 1);
        let past = if was_in { Vec::new() } else { hall.past() };
        let origin = hall.seat(id).map(Arc::clone).expect("it sits there now");
        if !was_in && let Some(member) = self.members.get_mut(&id) {
            member.rooms.push(Arc::clone(&room));
            self.announce(&room, id, &|room| Notice::Joined {
                room,
                origin: Arc::clone(&origin),
            });
        }
        let entered = Notice::Entered {
            room: Arc::clone(&room),
            place,
            others,
        };
        self.tell(id, entered);
        past.into_iter().for_each(|notice| self.tell(id, notice));
        self.retry(&room);
    }

    /// Whether there is such a room, or may be one more. One that nobody is in makes room.
    fn has_room_for(&mut self, room: &str) -> bool {
        if self.halls.len() < MOST_ROOMS || self.halls.contains_key(room) {
            return true;
        }
        let mut halls = self.halls.iter();
        let empty = halls.find(|(_, hall)| hall.is_empty());
        let empty = empty.map(|(room, _)| Arc::clone(room));
        empty.is_some_and(|room| self.halls.remove(&room).is_some())
    }

    /// Passes a post on, or gives it back if its member is to be held back.
    fn post(&mut self, id: MemberId, room: &str, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let taken = weight(&bytes);
        let is_dropped = self.members.get(&id).is_none_or(|member| member.is_dropped);
        let hall = self.halls.get_mut(room).filter(|_| !is_dropped);
        if let Some((hall, origin)) = hall.and_then(|hall| poster(hall, id)) {
            let hearers: Vec<MemberId> = hall.hearers(id).collect();
            let members = &self.members;
            let is_full = |id| members.get(id).is_some_and(Member::is_full);
            if hall.rules.lossless && (hearers.is_empty() || hearers.iter().any(is_full)) {
                if !hall.held_back.contains(&id) {
                    hall.held_back.push_back(id);
                }
                return Err(bytes);
            }
            let post = hall.post(origin, bytes);
            if hearers.is_empty() {
                self.tell_unheard(id, room);
            }
            for hearer in hearers {
                let post = Arc::clone(&post);
                self.tell(hearer, Notice::Post { post, past: false });
            }
        } else if !is_dropped {
            self.tell_unheard(id, room);
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.take(taken);
            self.stir(id);
        }
        Ok(())
    }

    fn tell_unheard(&mut self, id: MemberId, room: &str) {
        let room = room.into();
        self.tell(id, Notice::Unheard { room });
    }

    fn tell_members(&mut self, id: MemberId, room: &str) {
        let seats = self.halls.get(room).map_or(&[][..], Hall::seats);
        let first = seats.iter().take(MOST_TOLD);
        let members = first.map(|seat| Origin::clone(seat)).collect();
        let room = room.into();
        self.tell(id, Notice::Members { room, members });
    }

    fn leave(&mut self, id: MemberId, room: &str, parting: Parting) {
        if let Some(member) = self.members.get_mut(&id) {
            member.rooms.retain(|own| **own != *room);
        }
        let Some(hall) = self.halls.get_mut(room) else {
            return;
        };
        let Some(origin) = hall.rise(id) else {
            return;
        };
        let is_over = hall.rules.host == Some(&*origin.name);
        self.announce(room, id, &|room| Notice::Left {
            room,
            origin: Arc::clone(&origin),
            parting,
        });
        if is_over && let Some(hall) = self.halls.get_mut(room) {
            for seat in hall.clear() {
                if let Some(member) = self.members.get_mut(&seat.member) {
                    member.rooms.retain(|own| **own != *room);
                }
            }
        }
        self.retry(room);
    }

    fn depart(&mut self, id: MemberId, parting: Parting) {
        let rooms = self.members.get(&id).map(|member| member.rooms.clone());
        for room in rooms.into_iter().flatten() {
            self.leave(id, &room, parting);
        }
        if let Some(member) = self.members.remove(&id) {
            for request in member.requests {
                if let Request::Post { room, .. } = request
                    && let Some(hall) = self.halls.get_mut(&*room)
                {
                    hall.held_back.retain(|&held| held != id);
                    self.forget(&room);
                }
            }
        }
    }

    /// Drops a member that fell behind out of all its rooms.
    fn drop_out(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.drop_out();
        let rooms = member.rooms.clone();
        self.stir(id);
        for room in rooms {
            self.leave(id, &room, Parting::TooSlow);
        }
        self.proceed(id); // what it has posted since comes to nothing
    }

    /// Lets those who were held back in a room try again.
    fn retry(&mut self, room: &str) {
        let Some(hall) = self.halls.get_mut(room) else {
            return;
        };
        for id in std::mem::take(&mut hall.held_back) {
            self.proceed(id);
        }
        self.forget(room);
    }

    /// Forgets a room in which there is nothing to be remembered.
    fn forget(&mut self, room: &str) {
        if self.halls.get(room).is_some_and(Hall::is_forgettable) {
            self.halls.remove(room);
        }
    }

    /// Tells everybody in a room but this member.
    fn announce(&mut self, room: &str, but: MemberId, notice: &dyn Fn(Arc<str>) -> Notice) {
        let Some(hall) = self.halls.get(room) else {
            return;
        };
        let (room, others) = (Arc::clone(&hall.name), hall.others(but));
        for other in others.collect::<Vec<_>>() {
            self.tell(other, notice(Arc::clone(&room)));
        }
    }

    /// Tells a member, unless it falls behind with that.
    fn tell(&mut self, id: MemberId, notice: Notice) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.is_dropped {
            return;
        }
        let is_post = matches!(notice, Notice::Post { .. });
        if member.is_overfull() || (is_post && member.is_full()) {
            return self.drop_out(id);
        }
        member.push(notice);
        self.stir(id);
    }

    fn stir(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_stirred, true)
        {
            self.stirred.push(id);
        }
    }
}

/// As whom a member may post in a room: in a lively one, somebody of no name from outside may.
fn poster(hall: &mut Hall, id: MemberId) -> Option<(&mut Hall, Arc<Origin>)> {
    let origin = match hall.seat(id) {
        Some(seat) => Arc::clone(seat),
        None if hall.rules.lossless => return None,
        None => Arc::new(Origin {
            member: id,
            name: String::new(),
            place: 0,
            transport: Transport::Stream,
        }),
    };
    Some((hall, origin))
}

const MOST_ROOMS: usize = 10_000; // with anybody in them, or a past
const MOST_ROOMS_EACH: usize = 16;
const MOST_TOLD: usize = 1000;
