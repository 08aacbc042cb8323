//! The shared state: the seats and the game between them. It decides which actions are legal.

use serde::{Deserialize, Serialize};

use crate::connect_four::board::{Board, Column, Side};

/// The whole state that all sessions share. At first both seats are free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Game {
    pub(super) seats: [Option<u64>; 2], // the member on each side
    pub(super) board: Board,
    pub(super) end: Option<End>,
    pub(super) rematch: [bool; 2], // requested by each side since the end
}

/// How a game ended; each side is the winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    Four(Side),
    Draw,
    /// The opponent left.
    Left(Side),
    /// The opponent exceeded the time for a move.
    Timeout(Side),
}

/// What a member does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Action {
    /// Takes a free seat. The seats of these members are free, because they have left.
    Sit(Vec<u64>),
    /// Reports that its opponent, this member, has left.
    OpponentLeft(u64),
    /// Drops a piece.
    Play(Column),
    /// Requests a rematch.
    Rematch,
    /// The time limit of the current move expired.
    Timeout,
}

/// A change of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The seat of this member became free.
    Vacated(Side, u64),
    Sat(Side),
    Began,
    Played(Side, Column),
    RematchRequested(Side),
    Ended(End),
}

impl Game {
    pub(super) fn side_of(&self, member: u64) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|&side| self.seat(side) == Some(member))
    }

    pub(super) fn seat(&self, side: Side) -> Option<u64> {
        self.seats[side.index()]
    }

    pub(super) fn is_playing(&self) -> bool {
        self.has_both_players() && self.end.is_none()
    }

    /// Whether a game has ended and both players are still seated, so that a rematch is possible.
    pub(super) fn is_over(&self) -> bool {
        self.has_both_players() && self.end.is_some()
    }

    fn has_both_players(&self) -> bool {
        self.seats.iter().all(Option::is_some)
    }

    /// Applies the action of a member. An illegal one changes nothing and returns no event.
    pub(super) fn apply(&mut self, member: u64, action: &Action) -> Vec<Event> {
        let side = self.side_of(member);
        match (action, side) {
            (Action::Sit(left), None) => self.sit(member, left),
            (Action::OpponentLeft(left), Some(side)) if self.seat(side.other()) == Some(*left) => {
                self.vacate(*left)
            }
            (Action::Play(column), Some(side)) => self.play(side, *column),
            (Action::Rematch, Some(side)) => self.request_rematch(side),
            (Action::Timeout, Some(_)) if self.is_playing() => {
                vec![self.end_with(End::Timeout(self.board.turn().other()))]
            }
            _ => Vec::new(),
        }
    }

    /// Takes the free seat, or that of X if both are free. When both are taken, a game begins, and
    /// the player that was seated before moves first.
    fn sit(&mut self, member: u64, left: &[u64]) -> Vec<Event> {
        let mut after = self.clone();
        let mut events: Vec<Event> = left.iter().flat_map(|&left| after.vacate(left)).collect();
        let mut sides = Side::BOTH.into_iter();
        let Some(side) = sides.find(|&side| after.seat(side).is_none()) else {
            return Vec::new();
        };
        if after.seats == [None; 2] {
            events.retain(|event| !matches!(event, Event::Ended(_))); // no player is there to win
            after = Self::default();
        }
        after.seats[side.index()] = Some(member);
        events.push(Event::Sat(side));
        if after.has_both_players() {
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
            events.push(self.end_with(End::Left(side.other())));
        }
        events
    }

    fn play(&mut self, side: Side, column: Column) -> Vec<Event> {
        if !self.is_playing() || self.board.turn() != side || !self.board.play(column) {
            return Vec::new();
        }
        let mut events = vec![Event::Played(side, column)];
        if self.board.has_four() {
            events.push(self.end_with(End::Four(side)));
        } else if self.board.is_full() {
            events.push(self.end_with(End::Draw));
        }
        events
    }

    /// When both sides have requested it, a new game begins. The loser moves first; after a draw,
    /// the side that moved second.
    fn request_rematch(&mut self, side: Side) -> Vec<Event> {
        if !self.is_over() || self.rematch[side.index()] {
            return Vec::new();
        }
        self.rematch[side.index()] = true;
        let mut events = vec![Event::RematchRequested(side)];
        if self.rematch == [true; 2] {
            let first = match self.end {
                Some(End::Four(winner) | End::Left(winner) | End::Timeout(winner)) => {
                    winner.other()
                }
                Some(End::Draw) | None => self.board.first().other(),
            };
            events.push(self.begin(first));
        }
        events
    }

    fn begin(&mut self, first: Side) -> Event {
        self.board = Board::new(first);
        self.end = None;
        self.rematch = [false; 2];
        Event::Began
    }

    fn end_with(&mut self, end: End) -> Event {
        self.end = Some(end);
        Event::Ended(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect_four::board::DRAWN;

    /// An action as text, such as `play:4` or `sit:1,2`.
    #[track_caller]
    fn action(text: &str) -> Action {
        let (verb, object) = text.split_once(':').unwrap_or((text, ""));
        let numbers = object.split(',').filter(|number| !number.is_empty());
        let mut members = numbers.map(|number| number.parse().expect("a member"));
        match verb {
            "sit" => Action::Sit(members.collect()),
            "left" => Action::OpponentLeft(members.next().expect("a member")),
            "play" => Action::Play(Column::from_digit(object.as_bytes()[0]).expect("a column")),
            "rematch" => Action::Rematch,
            "timeout" => Action::Timeout,
            other => panic!("no action is called {other}"),
        }
    }

    /// The state after each "MEMBER ACTION"; those with a star are illegal.
    #[track_caller]
    fn done(steps: &[&str]) -> Game {
        let mut game = Game::default();
        for step in steps {
            let (illegal, step) = match step.strip_prefix('*') {
                Some(rest) => (true, rest),
                None => (false, *step),
            };
            let (member, text) = step.split_once(' ').expect("a member and an action");
            let before = game.clone();
            let events = game.apply(member.parse().expect("a number"), &action(text));
            assert_eq!(events.is_empty(), illegal, "{step}: {events:?}");
            assert_eq!(game == before, illegal, "{step}: changed without an event");
        }
        game
    }

    /// Members 1 and 2 make these moves by turns.
    fn played(moves: &str, first: &str) -> Vec<String> {
        let second = if first == "1" { "2" } else { "1" };
        let members = [first, second].into_iter().cycle();
        members
            .zip(moves.chars())
            .map(|(member, digit)| format!("{member} play:{digit}"))
            .collect()
    }

    #[track_caller]
    fn done_after(moves: &str, steps: &[&str]) -> Game {
        let moves = played(moves, "1");
        let all = ["1 sit", "2 sit"].into_iter();
        let all = all.chain(moves.iter().map(String::as_str));
        done(&all.chain(steps.iter().copied()).collect::<Vec<_>>())
    }

    #[test]
    fn a_table_has_two_seats() {
        let game = done(&["1 sit", "*1 sit", "*1 play:4", "2 sit", "*3 sit", "*2 sit"]);
        assert_eq!(game.seats, [Some(1), Some(2)]);
        assert!(game.is_playing());
        assert_eq!(game.board.turn(), Side::X);
    }

    #[test]
    fn only_the_side_to_move_may_move() {
        done_after("4", &["*1 play:4", "*3 play:4", "2 play:4", "*2 play:4"]);
        done_after("333333", &["*1 play:3", "1 play:4"]);
    }

    #[test]
    fn a_game_ends_once() {
        let four = done_after("1212121", &["*2 play:2", "*1 timeout", "*2 timeout"]);
        assert_eq!(four.end, Some(End::Four(Side::X)));
        let draw = done_after(DRAWN, &["*1 play:1"]);
        assert_eq!(draw.end, Some(End::Draw));
        let time = done_after("4", &["*3 timeout", "1 timeout", "*2 timeout", "*2 play:4"]);
        assert_eq!(time.end, Some(End::Timeout(Side::X)));
        let left = done_after(
            "4",
            &[
                "*3 left:2",
                "*1 left:3",
                "1 left:2",
                "*1 left:2",
                "*1 timeout",
            ],
        );
        assert_eq!(
            (left.end, left.seats),
            (Some(End::Left(Side::X)), [Some(1), None])
        );
    }

    #[test]
    fn both_must_request_a_rematch_and_the_loser_moves_first() {
        let game = done_after(
            "1212121",
            &[
                "1 rematch",
                "*1 rematch",
                "*3 rematch",
                "2 rematch",
                "*1 rematch",
            ],
        );
        assert!(game.is_playing());
        assert_eq!(game.board, Board::new(Side::O));
        done_after("1", &["*1 rematch"]);
        let after_draw = done_after(DRAWN, &["2 rematch", "1 rematch"]);
        assert_eq!(after_draw.board.first(), Side::O);
    }

    #[test]
    fn a_rematch_request_ends_with_the_opponent() {
        let game = done_after(
            "1212121",
            &["1 rematch", "1 left:2", "*1 rematch", "3 sit", "*3 rematch"],
        );
        assert!(game.is_playing());
        assert_eq!((game.seats, game.rematch), ([Some(1), Some(3)], [false; 2]));
    }

    #[test]
    fn the_remaining_player_moves_first_against_the_next() {
        let game = done_after("4", &["*3 sit:4", "2 left:1", "3 sit"]);
        assert_eq!(game.seats, [Some(3), Some(2)]);
        assert_eq!(game.board, Board::new(Side::O));
        let at_once = done_after("4", &["3 sit:1", "*4 sit:1", "*2 left:1"]);
        assert_eq!(at_once, game);
    }

    #[test]
    fn after_both_players_left_the_state_is_new() {
        assert_eq!(done_after("4", &["3 sit:1,2"]), done(&["3 sit"]));
        assert_eq!(done_after("4", &["1 left:2", "3 sit:1"]), done(&["3 sit"]));
        let events = done_after("4", &[]).apply(3, &Action::Sit(vec![1, 2]));
        assert!(!events.iter().any(|event| matches!(event, Event::Ended(_))));
    }
}
