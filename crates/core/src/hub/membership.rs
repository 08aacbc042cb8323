//! How members come into rooms and leave them.

use std::mem;
use std::sync::Arc;

use crate::hub::hub::{Hub, MemberId};
use crate::hub::message::Notice;
use crate::hub::room::Room;
use crate::hub::types::{LeaveReason, Member};
use crate::peer::Transport;

impl Hub {
    pub(crate) fn join(&mut self, id: MemberId, room: &str, name: String, transport: Transport) {
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
        let hall = self
            .halls
            .entry(room.into())
            .or_insert_with(|| Room::new(room, (self.room_kind)(room)));
        let (place, was_in) = hall.sit(Member {
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
        self.freed.push_back(room);
    }

    /// Whether there is such a room, or may be one more.
    fn has_room_for(&self, room: &str) -> bool {
        self.halls.len() < MOST_ROOMS || self.halls.contains_key(room)
    }

    pub(crate) fn leave(&mut self, id: MemberId, room: &str, parting: LeaveReason) {
        if let Some(member) = self.members.get_mut(&id) {
            member.rooms.retain(|own| **own != *room);
        }
        let Some(hall) = self.halls.get_mut(room) else {
            return;
        };
        let Some(origin) = hall.rise(id) else {
            return;
        };
        hall.held_back.retain(|&held| held != id);
        self.freed.push_back(Arc::clone(&hall.name));
        let is_over = hall.rules.host == Some(&*origin.name);
        self.announce(room, id, &|room| Notice::Left {
            room,
            origin: Arc::clone(&origin),
            parting,
        });
        if is_over && let Some(hall) = self.halls.get_mut(room) {
            self.due.append(&mut hall.held_back); // what they post comes to nothing
            for seat in hall.clear() {
                if let Some(member) = self.members.get_mut(&seat.member) {
                    member.rooms.retain(|own| **own != *room);
                }
            }
        }
    }

    pub(crate) fn depart(&mut self, id: MemberId, parting: LeaveReason) {
        let rooms = self.members.get(&id).map(|member| member.rooms.clone());
        for room in rooms.into_iter().flatten() {
            self.leave(id, &room, parting);
        }
        self.members.remove(&id);
    }

    /// Lets those who fell behind leave all their rooms. What they have posted since comes to nothing.
    pub(crate) fn drop_out(&mut self) {
        while let Some(id) = self.behind.pop_front() {
            let member = self.members.get_mut(&id);
            for room in member.map_or_else(Vec::new, |member| mem::take(&mut member.rooms)) {
                self.leave(id, &room, LeaveReason::TooSlow);
            }
            self.due.push_back(id);
        }
    }
}

const MOST_ROOMS: usize = 10_000; // with anybody in them, or a past
const MOST_ROOMS_EACH: usize = 16;
