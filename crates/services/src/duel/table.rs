//! The table: who has which seat, and the game between them. It judges what is done there.

use crate::duel::board::{Board, Column, Side};

/// The whole state that all sessions share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) seats: [Option<u64>; 2], // the member on each side
    pub(super) board: Board,
    pub(super) end: Option<End>,
    pub(super) wants: [bool; 2], // another game, now that one is over
}

/// How a game ended, and who won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Four(Side),
    Draw,
    /// The other one has left.
    Left(Side),
    /// The other one took too long.
    Time(Side),
}

/// What a member does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It takes a free seat, such as those of these members, who are gone.
    Sit(Vec<u64>),
    /// It says that its opponent, this member, is gone.
    Gone(u64),
    /// It drops a piece.
    Play(Column),
    /// It would like another game.
    Rematch,
    /// It says that whoever is to move has taken too long.
    Time,
}

/// What followed from that, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The seat of a side is free, which this member had.
    Vacated(Side, u64),
    Sat(Side),
    Began,
    Played(Side, Column),
    Wanted(Side),
    Ended(End),
}

impl Table {
    /// Nobody has sat down yet.
    pub(super) fn new() -> Self {
        Self {
            seats: [None; 2],
            board: Board::new(Side::X),
            end: None,
            wants: [false; 2],
        }
    }

    pub(super) fn side_of(&self, member: u64) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|&side| self.seat(side) == Some(member))
    }

    pub(super) fn seat(&self, side: Side) -> Option<u64> {
        self.seats[side.index()]
    }

    pub(super) fn is_playing(&self) -> bool {
        self.is_taken() && self.end.is_none()
    }

    /// Whether a game is over, and those who played it may have another.
    pub(super) fn is_over(&self) -> bool {
        self.is_taken() && self.end.is_some()
    }

    fn is_taken(&self) -> bool {
        self.seats.iter().all(Option::is_some)
    }

    /// A member does something, as far as it may. Without any event nothing has changed.
    pub(super) fn apply(&mut self, member: u64, action: &Action) -> Vec<Event> {
        let side = self.side_of(member);
        match (action, side) {
            (Action::Sit(gone), None) => self.sit(member, gone),
            (Action::Gone(gone), Some(side)) if self.seat(side.other()) == Some(*gone) => {
                self.vacate(*gone)
            }
            (Action::Play(column), Some(side)) => self.play(side, *column),
            (Action::Rematch, Some(side)) => self.want(side),
            (Action::Time, Some(_)) if self.is_playing() => {
                vec![self.over(End::Time(self.board.turn().other()))]
            }
            _ => Vec::new(),
        }
    }

    /// The free seat, or that of X, is taken; with both taken, a game begins. Whoever was there
    /// first moves first.
    fn sit(&mut self, member: u64, gone: &[u64]) -> Vec<Event> {
        let mut after = self.clone();
        let mut events: Vec<Event> = gone.iter().flat_map(|&gone| after.vacate(gone)).collect();
        let mut sides = Side::BOTH.into_iter();
        let Some(side) = sides.find(|&side| after.seat(side).is_none()) else {
            return Vec::new();
        };
        if after.seats == [None; 2] {
            events.retain(|event| !matches!(event, Event::Ended(_))); // nobody is there to have won
            after = Self::new();
        }
        after.seats[side.index()] = Some(member);
        events.push(Event::Sat(side));
        if after.is_taken() {
            events.push(after.begin(side.other()));
        }
        *self = after;
        events
    }

    fn vacate(&mut self, member: u64) -> Vec<Event> {
        let Some(side) = self.side_of(member) else {
            return Vec::new();
        };
        let was_playing = self.is_playing();
        self.seats[side.index()] = None;
        let mut events = vec![Event::Vacated(side, member)];
        if was_playing {
            events.push(self.over(End::Left(side.other())));
        }
        events
    }

    fn play(&mut self, side: Side, column: Column) -> Vec<Event> {
        if !self.is_playing() || self.board.turn() != side || !self.board.play(column) {
            return Vec::new();
        }
        let mut events = vec![Event::Played(side, column)];
        if self.board.has_four() {
            events.push(self.over(End::Four(side)));
        } else if self.board.is_full() {
            events.push(self.over(End::Draw));
        }
        events
    }

    /// When both want another game, who lost begins it; after a draw, who did not begin the last.
    fn want(&mut self, side: Side) -> Vec<Event> {
        if !self.is_over() || self.wants[side.index()] {
            return Vec::new();
        }
        self.wants[side.index()] = true;
        let mut events = vec![Event::Wanted(side)];
        if self.wants == [true; 2] {
            let begins = match self.end {
                Some(End::Four(winner) | End::Left(winner) | End::Time(winner)) => winner.other(),
                Some(End::Draw) | None => self.board.begins().other(),
            };
            events.push(self.begin(begins));
        }
        events
    }

    fn begin(&mut self, side: Side) -> Event {
        self.board = Board::new(side);
        self.end = None;
        self.wants = [false; 2];
        Event::Began
    }

    fn over(&mut self, end: End) -> Event {
        self.end = Some(end);
        Event::Ended(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duel::board::DRAWN;
    use crate::duel::post::action;

    /// What each of these does, as "MEMBER ACTION", with a star before those that do nothing.
    #[track_caller]
    fn done(what: &[&str]) -> Table {
        let mut table = Table::new();
        for words in what {
            let (nothing, words) = match words.strip_prefix('*') {
                Some(rest) => (true, rest),
                None => (false, *words),
            };
            let (member, words) = words.split_once(' ').expect("a member and an action");
            let before = table.clone();
            let events = table.apply(
                member.parse().expect("a number"),
                &action(words).expect("an action"),
            );
            assert_eq!(events.is_empty(), nothing, "{words}: {events:?}");
            assert_eq!(
                table == before,
                nothing,
                "{words}: changed without an event"
            );
        }
        table
    }

    /// Members 1 and 2 sit down, and play this.
    fn played(moves: &str, first: &str) -> Vec<String> {
        let (first, second) = if first == "1" { ("1", "2") } else { ("2", "1") };
        let who = [first, second].into_iter().cycle();
        who.zip(moves.chars())
            .map(|(who, digit)| format!("{who} play:{digit}"))
            .collect()
    }

    #[track_caller]
    fn done_after(moves: &str, what: &[&str]) -> Table {
        let moves = played(moves, "1");
        let all = ["1 sit", "2 sit"].into_iter();
        let all = all.chain(moves.iter().map(String::as_str));
        done(&all.chain(what.iter().copied()).collect::<Vec<_>>())
    }

    #[test]
    fn two_sit_down_and_nobody_else() {
        let table = done(&["1 sit", "*1 sit", "*1 play:4", "2 sit", "*3 sit", "*2 sit"]);
        assert_eq!(table.seats, [Some(1), Some(2)]);
        assert!(table.is_playing());
        assert_eq!(table.board.turn(), Side::X);
    }

    #[test]
    fn only_whose_turn_it_is_moves() {
        done_after("4", &["*1 play:4", "*3 play:4", "2 play:4", "*2 play:4"]);
        done_after("333333", &["*1 play:3", "1 play:4"]);
    }

    #[test]
    fn a_game_ends_once() {
        let four = done_after("1212121", &["*2 play:2", "*1 time", "*2 time"]);
        assert_eq!(four.end, Some(End::Four(Side::X)));
        let draw = done_after(DRAWN, &["*1 play:1"]);
        assert_eq!(draw.end, Some(End::Draw));
        let time = done_after("4", &["*3 time", "1 time", "*2 time", "*2 play:4"]);
        assert_eq!(time.end, Some(End::Time(Side::X)));
        let left = done_after(
            "4",
            &["*3 gone:2", "*1 gone:3", "1 gone:2", "*1 gone:2", "*1 time"],
        );
        assert_eq!(
            (left.end, left.seats),
            (Some(End::Left(Side::X)), [Some(1), None])
        );
    }

    #[test]
    fn both_must_want_a_rematch_and_the_loser_begins() {
        let table = done_after(
            "1212121",
            &[
                "1 rematch",
                "*1 rematch",
                "*3 rematch",
                "2 rematch",
                "*1 rematch",
            ],
        );
        assert!(table.is_playing());
        assert_eq!(table.board, Board::new(Side::O));
        done_after("1", &["*1 rematch"]);
        let after_draw = done_after(DRAWN, &["2 rematch", "1 rematch"]);
        assert_eq!(after_draw.board.begins(), Side::O);
    }

    #[test]
    fn a_wish_is_for_this_opponent() {
        let table = done_after(
            "1212121",
            &["1 rematch", "1 gone:2", "*1 rematch", "3 sit", "*3 rematch"],
        );
        assert!(table.is_playing());
        assert_eq!((table.seats, table.wants), ([Some(1), Some(3)], [false; 2]));
    }

    #[test]
    fn who_stayed_moves_first_against_the_next() {
        let table = done_after("4", &["*3 sit:4", "2 gone:1", "3 sit"]);
        assert_eq!(table.seats, [Some(3), Some(2)]);
        assert_eq!(table.board, Board::new(Side::O));
        let at_once = done_after("4", &["3 sit:1", "*4 sit:1", "*2 gone:1"]);
        assert_eq!(at_once, table);
    }

    #[test]
    fn a_table_that_all_have_left_is_a_new_one() {
        assert_eq!(done_after("4", &["3 sit:1,2"]), done(&["3 sit"]));
        assert_eq!(done_after("4", &["1 gone:2", "3 sit:1"]), done(&["3 sit"]));
        let events = done_after("4", &[]).apply(3, &Action::Sit(vec![1, 2]));
        assert!(!events.iter().any(|event| matches!(event, Event::Ended(_))));
    }
}
