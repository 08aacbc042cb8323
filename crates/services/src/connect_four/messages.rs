//! The texts that peers read.

use crate::connect_four::board::Side;
use crate::connect_four::game::{End, Event, Game};

pub(super) const GREETING: &str = "Connect Four: four in a line win. /help tells more.";
pub(super) const HELP: &str = "\
Two clients play; all others watch. The player to move types a column number;
the piece falls to the lowest free place. Four in a line win: in a row, a
column or a diagonal.

1 to 7     drop a piece into that column
rematch    play again; the loser moves first
/play      take a seat that is free
/board     see the board
/quit      leave";
pub(super) const GOODBYE: &str = "Goodbye.";
pub(super) const ROOM_FULL: &str = "There is no table left. Goodbye.";
pub(super) const TOO_SLOW: &str = "You fell too far behind the game. Goodbye.";
pub(super) const WATCHING: &str = "You watch. When a seat is free, /play takes it.";
pub(super) const NOT_A_PLAYER: &str = "You only watch: that is for the players.";
pub(super) const SEAT_LOST: &str = "Another client took the seat first.";
pub(super) const NO_COLUMN: &str = "There is no such column: they are 1 to 7.";
pub(super) const UNKNOWN: &str =
    "That is not understood. A move is a number from 1 to 7; /help tells more.";
pub(super) const NOT_YOUR_TURN: &str = "It is not your turn.";
pub(super) const STILL_PLAYING: &str = "This game is not over yet.";
pub(super) const GAME_OVER: &str = "This game is over.";
pub(super) const ALREADY_REQUESTED: &str = "You have asked for that already.";
pub(super) const ALREADY_SEATED: &str = "You have a seat.";
pub(super) const NO_FREE_SEAT: &str = "No seat is free.";

pub(super) fn column_full(column: impl std::fmt::Display) -> String {
    format!("Column {column} is full.")
}

pub(super) fn left(side: Side) -> String {
    format!("{side} has left.")
}

/// The warning that the time for the current move is almost over.
pub(super) fn time_left(turn: Side, reader: Side, seconds: u64) -> String {
    let plural = if seconds == 1 { "" } else { "s" };
    if turn == reader {
        format!("Make your move: {seconds} second{plural} left.")
    } else {
        format!("{turn} has {seconds} second{plural} left.")
    }
}

/// An event, for the player of a side or for a watcher.
pub(super) fn event(event: &Event, game: &Game, reader: Option<Side>) -> String {
    let is_own = |side| reader == Some(side);
    match *event {
        Event::Vacated(side, _) => left(side),
        Event::Sat(side) if is_own(side) => format!("You are {side}."),
        Event::Sat(side) => format!("{side} has sat down."),
        Event::Began => format!("A new game begins.\n{}", game.board),
        Event::Played(side, column) if is_own(side) => {
            format!("You play column {column}.\n{}", game.board)
        }
        Event::Played(side, column) => format!("{side} plays column {column}.\n{}", game.board),
        Event::RematchRequested(side) if is_own(side) => "You ask for a rematch.".to_owned(),
        Event::RematchRequested(side) => format!("{side} asks for a rematch."),
        Event::Ended(end) => ended(end, reader),
    }
}

fn ended(end: End, reader: Option<Side>) -> String {
    let (winner, reason) = match end {
        End::Draw => return "It is a draw: the board is full.".to_owned(),
        End::Four(winner) => (winner, "four in a line".to_owned()),
        End::Left(winner) => (winner, format!("{} has left", winner.other())),
        End::Timeout(winner) if reader == Some(winner.other()) => {
            (winner, "you took too long".to_owned())
        }
        End::Timeout(winner) => (winner, format!("{} took too long", winner.other())),
    };
    if reader == Some(winner) {
        format!("You win: {reason}.")
    } else {
        format!("{winner} wins: {reason}.")
    }
}

/// The state of the game and what the reader may do next, for the player of a side or for a watcher.
pub(super) fn status(game: &Game, reader: Option<Side>, is_seat_free: bool) -> String {
    let turn = game.board.turn();
    match reader {
        None if is_seat_free => "A seat is free: /play takes it.".to_owned(),
        Some(_) if is_seat_free => "Waiting for an opponent.".to_owned(),
        Some(side) if game.is_playing() && turn == side => format!("Your turn, {side}: 1 to 7."),
        _ if game.is_playing() => format!("{turn} is to move."),
        None => "The game is over.".to_owned(),
        Some(side) if game.rematch[side.index()] => {
            format!("Waiting for {} to agree.", side.other())
        }
        Some(side) if game.rematch[side.other().index()] => {
            "Type rematch to agree, or /quit.".to_owned()
        }
        Some(_) => "Type rematch for another game, or /quit.".to_owned(),
    }
}
