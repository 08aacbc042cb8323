//! The session of one peer: a player, or one that watches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use switchboard_core::{
    Flow, Member, Outbox, Post, Result, RoomEvent, Rooms, Session, without_zero_width,
};

use crate::connect_four::board::{Column, Side};
use crate::connect_four::game::{Action, Event, Game};
use crate::connect_four::message::Message;
use crate::connect_four::messages;
use crate::connect_four::replica::Replica;

/// Posts the actions of its peer, and sends its peer what happens in the game.
pub(super) struct GameSession {
    rooms: Rooms,
    replica: Replica,
    /// Its place in the room, once it has entered. No other member has the same.
    place: Option<u32>,
    member: Option<u64>,     // known from the first post of its own
    departed: VecDeque<u64>, // left recently: a delayed message may still give one of them a seat
    is_settled: bool,        // it has a seat, or knows that there was none for it
    has_posted: bool,        // and has not received that post yet
    move_time: Option<Duration>,
    time_left: Option<Duration>, // for the move when the timer expires; `None`: the timer is off
}

impl GameSession {
    pub(super) fn new(rooms: Rooms, move_time: Option<Duration>) -> Self {
        Self {
            rooms,
            replica: Replica::default(),
            place: None,
            member: None,
            departed: VecDeque::new(),
            is_settled: false,
            has_posted: false,
            move_time,
            time_left: None,
        }
    }

    fn game(&self) -> &Game {
        &self.replica.game
    }

    /// The side of this peer, if it plays.
    fn side(&self) -> Option<Side> {
        self.game().side_of(self.member?)
    }

    /// The member on this side, unless it has left.
    fn present(&self, side: Side) -> Option<u64> {
        let member = self.game().seat(side);
        member.filter(|member| !self.departed.contains(member))
    }

    fn is_seat_free(&self) -> bool {
        Side::BOTH
            .into_iter()
            .any(|side| self.present(side).is_none())
    }

    fn may_sit(&self) -> bool {
        self.side().is_none() && self.is_seat_free() && self.replica.is_current
    }

    fn may_request_rematch(&self) -> bool {
        self.side()
            .is_some_and(|side| self.game().is_over() && !self.game().rematch[side.index()])
    }

    /// Input waits until the session has received its own post, because it cannot be judged before.
    fn flow(&self) -> Flow {
        if self.is_settled && !self.has_posted {
            Flow::Continue
        } else {
            Flow::PauseInput
        }
    }

    fn post(&mut self, action: Action, out: &mut Outbox) {
        debug_assert!(!self.has_posted, "a second post would come too late");
        let message = self.replica.message(action);
        self.rooms.post(out, ROOM, &message.encode());
        self.has_posted = true;
    }

    /// Executes a line of input. Returns whether the peer stays.
    fn execute(&mut self, line: &[u8], out: &mut Outbox) -> bool {
        let line = without_zero_width(line).trim_ascii().to_ascii_lowercase();
        match line.strip_prefix(b"/").unwrap_or(&line) {
            b"" => self.send_status(out),
            b"help" => out.send(messages::HELP.as_bytes()),
            b"board" => self.send_board(out),
            b"rematch" => self.request_rematch(out),
            b"play" => self.take_seat(out),
            b"quit" => return false,
            &[digit] if let Some(column) = Column::from_digit(digit) => self.play(column, out),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                out.send(messages::NO_COLUMN.as_bytes());
            }
            _ => out.send(messages::UNKNOWN.as_bytes()),
        }
        true
    }

    fn play(&mut self, column: Column, out: &mut Outbox) {
        let game = self.game();
        let refusal = match self.side() {
            None => messages::NOT_A_PLAYER.to_owned(),
            Some(side) if game.is_playing() && game.board.turn() == side => {
                if !game.board.is_column_full(column) {
                    return self.post(Action::Play(column), out);
                }
                messages::column_full(column)
            }
            Some(_) if game.is_playing() => messages::NOT_YOUR_TURN.to_owned(),
            Some(_) if game.is_over() => messages::GAME_OVER.to_owned(),
            Some(_) => return self.send_status(out),
        };
        out.send(refusal.as_bytes());
        if !game.is_playing() || self.side().is_none() {
            self.send_status(out);
        }
    }

    fn request_rematch(&mut self, out: &mut Outbox) {
        if self.may_request_rematch() {
            return self.post(Action::Rematch, out);
        }
        let refusal = match self.side() {
            None => messages::NOT_A_PLAYER,
            Some(_) if self.game().is_playing() => messages::STILL_PLAYING,
            Some(_) if self.game().is_over() => messages::ALREADY_REQUESTED,
            Some(_) => return self.send_status(out),
        };
        self.refuse(refusal, out);
    }

    fn take_seat(&mut self, out: &mut Outbox) {
        if self.may_sit() {
            return self.sit(out);
        }
        let refusal = match self.side() {
            Some(_) => messages::ALREADY_SEATED,
            None => messages::NO_FREE_SEAT,
        };
        self.refuse(refusal, out);
    }

    fn refuse(&self, refusal: &str, out: &mut Outbox) {
        out.send(refusal.as_bytes());
        self.send_status(out);
    }

    fn sit(&mut self, out: &mut Outbox) {
        let seats = self.game().seats.into_iter().flatten();
        let left = seats
            .filter(|member| self.departed.contains(member))
            .collect();
        self.post(Action::Sit(left), out);
    }

    fn watch(&mut self, out: &mut Outbox) {
        self.is_settled = true;
        out.send(messages::WATCHING.as_bytes());
        self.send_board(out);
    }

    fn send_board(&self, out: &mut Outbox) {
        out.send(self.game().board.to_string().as_bytes());
        self.send_status(out);
    }

    fn send_status(&self, out: &mut Outbox) {
        let status = messages::status(self.game(), self.side(), self.is_seat_free());
        out.send(status.as_bytes());
    }

    /// The list of members arrived. The hub sends it after the history, so every earlier
    /// message is known now.
    fn on_members(&mut self, members: &[Arc<Member>], out: &mut Outbox) {
        // The list is cut at its limit, so a member that is not in a full list may still be there.
        if members.len() < MAX_LISTED {
            let is_present = |member| members.iter().any(|one| one.id == member);
            for member in self.game().seats.into_iter().flatten() {
                if !is_present(member) {
                    self.add_departed(member);
                }
            }
        }
        self.replica.history_complete(members.len() <= 1);
        if self.may_sit() {
            self.sit(out);
        } else {
            self.watch(out);
        }
    }

    fn on_post(&mut self, post: &Post, past: bool, out: &mut Outbox) {
        let Some(message) = Message::decode(&post.bytes) else {
            return;
        };
        let is_own = !past && self.place == Some(post.sender.place);
        if is_own {
            self.member = Some(post.sender.id);
            self.has_posted = false;
        }
        let events = self.replica.apply(post.sequence, post.sender.id, &message);
        if !self.is_settled && !is_own {
            return;
        }
        if is_own && events.is_empty() {
            return self.on_rejected(&message.action, out);
        }
        self.is_settled = true;
        if events.is_empty() {
            return;
        }
        for event in &events {
            if let Event::Vacated(_, member) = event
                && self.departed.contains(member)
            {
                continue; // announced when the member left
            }
            out.send(messages::event(event, self.game(), self.side()).as_bytes());
        }
        self.send_status(out);
        self.start_move_timer(out);
    }

    /// Another message arrived before its own and changed the state. The action is repeated if it
    /// still makes sense.
    fn on_rejected(&mut self, action: &Action, out: &mut Outbox) {
        match action {
            Action::Sit(_) if self.may_sit() => self.sit(out),
            Action::Sit(_) if self.is_settled => self.refuse(messages::SEAT_LOST, out),
            Action::Sit(_) => self.watch(out),
            Action::Rematch if self.may_request_rematch() => self.post(Action::Rematch, out),
            // The game had ended or the opponent had been replaced; the peer was notified.
            Action::Rematch | Action::Play(_) | Action::Timeout | Action::OpponentLeft(_) => (),
        }
    }

    /// Adds a member to the departed. If there are too many, the oldest one without a seat is forgotten.
    fn add_departed(&mut self, member: u64) {
        if MAX_DEPARTED <= self.departed.len() {
            let seats = self.game().seats;
            let mut others = self.departed.iter();
            let oldest = others.position(|&other| !seats.contains(&Some(other)));
            oldest.map(|index| self.departed.remove(index));
        }
        self.departed.push_back(member);
    }

    fn on_left(&mut self, member: u64, out: &mut Outbox) {
        self.add_departed(member);
        let Some(side) = self.game().side_of(member).filter(|_| self.is_settled) else {
            return;
        };
        out.send(messages::left(side).as_bytes());
        if self.side().is_none() && self.present(side.other()).is_none() {
            self.send_status(out); // no player is there to post the change of the state
        }
    }

    /// Reports that the opponent left, which wins a game in progress and frees the seat.
    fn report_departed_opponent(&mut self, out: &mut Outbox) {
        if let Some(side) = self.side()
            && let Some(opponent) = self.game().seat(side.other())
            && self.departed.contains(&opponent)
            && !self.has_posted
        {
            self.post(Action::OpponentLeft(opponent), out);
        }
    }

    /// Starts the time for a move. Both players measure it, since one of them may be suspended.
    fn start_move_timer(&mut self, out: &mut Outbox) {
        self.time_left = None;
        if self.game().is_playing()
            && self.side().is_some()
            && let Some(time) = self.move_time
        {
            let left = Duration::from_secs(time.as_secs() / 4);
            self.time_left = Some(left);
            out.set_timer(time - left);
        }
    }
}

impl Session for GameSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        out.send(messages::GREETING.as_bytes());
        self.rooms.join(out, ROOM, "player");
        Ok(Flow::PauseInput)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        if self.execute(line, out) {
            return Ok(self.flow());
        }
        Ok(close(messages::GOODBYE, out))
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        match event {
            RoomEvent::Entered { place, .. } => {
                self.place = Some(*place);
                self.rooms.list_members(out, ROOM);
            }
            RoomEvent::Members { members, .. } => self.on_members(members, out),
            RoomEvent::Post { post, past, .. } => self.on_post(post, *past, out),
            RoomEvent::Left { member, .. } => self.on_left(member.id, out),
            RoomEvent::Full { .. } => return Ok(close(messages::ROOM_FULL, out)),
            RoomEvent::TooSlow => return Ok(close(messages::TOO_SLOW, out)),
            _ => (),
        }
        self.report_departed_opponent(out);
        Ok(self.flow())
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        // A post of its own that is under way either ends the turn or comes too late.
        if let Some(left) = self.time_left.take()
            && let Some(side) = self.side()
            && !self.has_posted
        {
            if left.is_zero() {
                self.post(Action::Timeout, out);
            } else {
                let turn = self.game().board.turn();
                let warning = messages::time_left(turn, side, left.as_secs());
                out.send(warning.as_bytes());
                out.set_timer(left);
                self.time_left = Some(Duration::ZERO);
            }
        }
        Ok(self.flow())
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        Ok(close(messages::GOODBYE, out))
    }
}

fn close(reason: &str, out: &mut Outbox) -> Flow {
    out.send(reason.as_bytes());
    Flow::Close
}

const ROOM: &str = "table";
const MAX_DEPARTED: usize = 64; // a message of a departed member arrives soon, or never
const MAX_LISTED: usize = 1000; // the limit of `RoomEvent::Members`
