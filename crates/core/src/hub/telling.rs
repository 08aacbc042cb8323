//! What members of a room are told: posts, and what happens there.

use std::sync::Arc;

use crate::hub::hub::{Hub, MemberId};
use crate::hub::member::MemberState;
use crate::hub::message::Notice;
use crate::hub::room::Room;
use crate::hub::types::Member;
use crate::peer::Transport;
use crate::reactor::poll::earlier;

impl Hub {
    /// Passes a post on, or gives it back if its member is to be held back.
    pub(crate) fn post(&mut self, id: MemberId, room: &str, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let is_dropped = self.members.get(&id).is_none_or(|member| member.is_dropped);
        let hall = self.halls.get_mut(room).filter(|_| !is_dropped);
        if let Some((hall, origin)) = hall.and_then(|hall| poster(hall, id)) {
            let members = &self.members;
            let hearers: Vec<MemberId> = hall.hearers(id).collect();
            let hearing = hearers.iter().filter_map(|id| members.get(id));
            let full = hearing.filter_map(MemberState::full_since);
            let holds_back = if hall.rules.lossless {
                0 < full.count() || hearers.iter().all(|&hearer| hearer == id)
            } else {
                let until = full.map(|since| since + self.patience);
                let until = until.filter(|&until| self.now < until).min();
                if until.is_some() {
                    if !self.waited_for.contains(&hall.name) {
                        self.waited_for.push(Arc::clone(&hall.name));
                    }
                    self.tick_at = earlier(self.tick_at, until);
                }
                until.is_some()
            };
            if holds_back {
                hall.held_back.push_back(id);
                return Err(bytes);
            }
            let post = hall.post(origin, bytes);
            if hearers.is_empty() {
                self.tell_unheard(id, room);
                self.forget(room); // the post may have been too long to be remembered, and all before
            }
            for hearer in hearers {
                let post = Arc::clone(&post);
                self.tell(hearer, Notice::Post { post, past: false });
            }
        } else if !is_dropped {
            self.tell_unheard(id, room);
        }
        Ok(())
    }

    fn tell_unheard(&mut self, id: MemberId, room: &str) {
        let room = room.into();
        self.tell(id, Notice::Unheard { room });
    }

    pub(crate) fn tell_members(&mut self, id: MemberId, room: &str) {
        let seats = self.halls.get(room).map_or(&[][..], Room::seats);
        let first = seats.iter().take(MOST_TOLD);
        let members = first.map(|seat| Member::clone(seat)).collect();
        let room = room.into();
        self.tell(id, Notice::Members { room, members });
    }

    /// Tells everybody in a room but this member.
    pub(crate) fn announce(
        &mut self,
        room: &str,
        but: MemberId,
        notice: &dyn Fn(Arc<str>) -> Notice,
    ) {
        let Some(hall) = self.halls.get(room) else {
            return;
        };
        let (room, others) = (Arc::clone(&hall.name), hall.others(but));
        for other in others.collect::<Vec<_>>() {
            self.tell(other, notice(Arc::clone(&room)));
        }
    }

    /// Tells a member, unless it falls behind with that: then it is told so, and nothing else.
    pub(crate) fn tell(&mut self, id: MemberId, notice: Notice) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.is_dropped {
            return;
        }
        if member.is_overfull() || (notice.is_post() && member.is_full()) {
            member.drop_out(self.now);
            self.behind.push_back(id);
        } else {
            member.push(notice, self.now);
        }
        self.stir(id);
    }

    pub(crate) fn stir(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_stirred, true)
        {
            self.stirred.push(id);
        }
    }
}

/// As whom a member may post in a room: in a lively one, somebody of no name from outside may.
fn poster(hall: &mut Room, id: MemberId) -> Option<(&mut Room, Arc<Member>)> {
    let origin = match hall.seat(id) {
        Some(seat) => Arc::clone(seat),
        None if hall.rules.lossless => return None,
        None => Arc::new(Member {
            member: id,
            name: String::new(),
            place: 0,
            transport: Transport::Stream,
        }),
    };
    Some((hall, origin))
}

const MOST_TOLD: usize = 1000;
