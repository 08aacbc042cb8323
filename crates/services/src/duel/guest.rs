//! One session at the table: a player, or somebody who watches.

mod asked;
mod timing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use switchboard_core::{Flow, Member, Outbox, Result, RoomEvent, Rooms, Session};

use crate::duel::board::Side;
use crate::duel::post::Post;
use crate::duel::replica::Replica;
use crate::duel::table::{Action, Event, Table};
use crate::duel::{ROOM, words};

/// Says what its peer does at the table, and tells its peer what all do there.
pub(super) struct Guest {
    rooms: Rooms,
    replica: Replica,
    /// Its place in the room, since it has entered; nobody else has that.
    place: Option<u32>,
    member: Option<u64>, // known as soon as it has heard a post of its own
    gone: Gone,
    is_settled: bool, // it has a seat, or knows that it has none
    has_posted: bool, // and not heard that yet
    move_time: Option<Duration>,
    timer: Option<Duration>, // what is left of the move when it is to be woken
}

/// Members who have left lately: a post may still say that one of them sits down.
#[derive(Default)]
struct Gone(VecDeque<u64>);

impl Gone {
    /// Somebody of those who had these seats is remembered, whoever else leaves.
    fn add(&mut self, member: u64, seats: [Option<u64>; 2]) {
        if MOST_GONE <= self.0.len() {
            let mut others = self.0.iter();
            let oldest = others.position(|&other| !seats.contains(&Some(other)));
            oldest.map(|index| self.0.remove(index));
        }
        self.0.push_back(member);
    }

    fn has(&self, member: u64) -> bool {
        self.0.contains(&member)
    }
}

impl Guest {
    pub(super) fn new(rooms: Rooms, move_time: Option<Duration>) -> Self {
        Self {
            rooms,
            replica: Replica::new(),
            place: None,
            member: None,
            gone: Gone::default(),
            is_settled: false,
            has_posted: false,
            move_time,
            timer: None,
        }
    }

    fn table(&self) -> &Table {
        self.replica.table()
    }

    fn side(&self) -> Option<Side> {
        self.table().side_of(self.member?)
    }

    /// Who sits on this side, and is there.
    fn present(&self, side: Side) -> Option<u64> {
        let member = self.table().seat(side);
        member.filter(|&member| !self.gone.has(member))
    }

    fn is_seat_free(&self) -> bool {
        Side::BOTH
            .into_iter()
            .any(|side| self.present(side).is_none())
    }

    fn may_sit(&self) -> bool {
        self.side().is_none() && self.is_seat_free() && self.replica.is_certain()
    }

    fn may_ask_for_rematch(&self) -> bool {
        self.side()
            .is_some_and(|side| self.table().is_over() && !self.table().wants[side.index()])
    }

    /// Until it has heard what it has posted itself, nothing that its peer says can be judged.
    fn flow(&self) -> Flow {
        if self.is_settled && !self.has_posted {
            Flow::Continue
        } else {
            Flow::PauseInput
        }
    }

    fn post(&mut self, action: Action, out: &mut Outbox) {
        debug_assert!(
            !self.has_posted,
            "one at a time, or the second comes too late"
        );
        let post = self.replica.post(action).to_string();
        self.rooms.post(out, ROOM, post.as_bytes());
        self.has_posted = true;
    }

    fn sit(&mut self, out: &mut Outbox) {
        let seats = self.table().seats.into_iter().flatten();
        let gone = seats.filter(|&member| self.gone.has(member)).collect();
        self.post(Action::Sit(gone), out);
    }

    /// Everything that was posted before is known now, and who is here.
    fn look_round(&mut self, members: &[Arc<Member>], out: &mut Outbox) {
        // A longer list is cut short, so who is not in it may be there.
        if members.len() < MOST_LISTED {
            let is_here = |member| members.iter().any(|one| one.id == member);
            let seats = self.table().seats;
            for member in seats.into_iter().flatten() {
                if !is_here(member) {
                    self.gone.add(member, seats);
                }
            }
        }
        self.replica.begin(members.len() <= 1);
        if self.may_sit() {
            self.sit(out);
        } else {
            self.watch(out);
        }
    }

    fn watch(&mut self, out: &mut Outbox) {
        self.is_settled = true;
        out.send(words::WATCHING.as_bytes());
        self.show(out);
    }

    fn show(&self, out: &mut Outbox) {
        out.send(self.table().board.to_string().as_bytes());
        self.stand(out);
    }

    fn stand(&self, out: &mut Outbox) {
        let words = words::standing(self.table(), self.side(), self.is_seat_free());
        out.send(words.as_bytes());
    }

    /// Somebody has posted, under this number.
    fn take(
        &mut self,
        sequence: u64,
        origin: &Member,
        is_own: bool,
        post: &Post,
        out: &mut Outbox,
    ) {
        if is_own {
            self.member = Some(origin.id);
            self.has_posted = false;
        }
        let events = self.replica.take(sequence, origin.id, post);
        if !self.is_settled && !is_own {
            return;
        }
        if is_own && events.is_empty() {
            return self.came_too_late(&post.action, out);
        }
        self.is_settled = true;
        if events.is_empty() {
            return;
        }
        for event in &events {
            if let Event::Vacated(_, member) = event
                && self.gone.has(*member)
            {
                continue; // it was told when that left
            }
            out.send(words::tell(event, self.table(), self.side()).as_bytes());
        }
        self.stand(out);
        self.time_move(out);
    }

    /// What it posted crossed with something else. What it can still mean is tried again.
    fn came_too_late(&mut self, action: &Action, out: &mut Outbox) {
        match action {
            Action::Sit(_) if self.may_sit() => self.sit(out),
            Action::Sit(_) if self.is_settled => {
                out.send(words::OTHER_WAS_FASTER.as_bytes());
                self.stand(out);
            }
            Action::Sit(_) => self.watch(out),
            Action::Rematch if self.may_ask_for_rematch() => self.post(Action::Rematch, out),
            // The game ended before, or the opponent was replaced: its peer was told.
            Action::Rematch | Action::Play(_) | Action::Time | Action::Gone(_) => (),
        }
    }

    fn somebody_left(&mut self, member: u64, out: &mut Outbox) {
        self.gone.add(member, self.replica.table().seats);
        let Some(side) = self.table().side_of(member).filter(|_| self.is_settled) else {
            return;
        };
        out.send(words::left(side).as_bytes());
        if self.side().is_none() && self.present(side.other()).is_none() {
            self.stand(out); // nobody is left who would say so
        }
    }

    /// Says that the opponent is gone: a game that was on is won, and the seat is free for all.
    fn free_seat(&mut self, out: &mut Outbox) {
        if let Some(side) = self.side()
            && let Some(opponent) = self.table().seat(side.other())
            && self.gone.has(opponent)
            && !self.has_posted
        {
            self.post(Action::Gone(opponent), out);
        }
    }
}

impl Session for Guest {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        out.send(words::GREETING.as_bytes());
        self.rooms.join(out, ROOM, "guest");
        Ok(Flow::PauseInput)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        if self.obey(line, out) {
            return Ok(self.flow());
        }
        out.send(words::GOODBYE.as_bytes());
        Ok(Flow::Close)
    }

    fn on_room_event(&mut self, heard: &RoomEvent, out: &mut Outbox) -> Result {
        match heard {
            RoomEvent::Entered { place, .. } => {
                self.place = Some(*place);
                self.rooms.list_members(out, ROOM);
            }
            RoomEvent::Members { members, .. } => self.look_round(members, out),
            RoomEvent::Post { post, past, .. } => {
                let is_own = !past && self.place == Some(post.sender.place);
                if let Some(parsed) = Post::parse(&post.bytes) {
                    self.take(post.sequence, &post.sender, is_own, &parsed, out);
                }
            }
            RoomEvent::Left { member, .. } => self.somebody_left(member.id, out),
            RoomEvent::Full { .. } => {
                out.send(words::NO_ROOM.as_bytes());
                return Ok(Flow::Close);
            }
            RoomEvent::TooSlow => {
                out.send(words::TOO_SLOW.as_bytes());
                return Ok(Flow::Close);
            }
            _ => (),
        }
        self.free_seat(out);
        Ok(self.flow())
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        self.be_woken(out);
        Ok(self.flow())
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        out.send(words::GOODBYE.as_bytes());
        Ok(Flow::Close)
    }
}

const MOST_GONE: usize = 64; // what crosses with a departure does so soon, or never
const MOST_LISTED: usize = 1000; // as many members as a room tells
