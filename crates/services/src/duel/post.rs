//! A post: what a session does, and the state of the table that it does it to, as a line of text.

use std::fmt;

use crate::duel::board::{Board, Column, Side};
use crate::duel::table::{Action, End, Table};

/// What is said in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Post {
    /// The number of the post that made the table as it is here.
    pub(super) at: u64,
    pub(super) table: Table,
    pub(super) action: Action,
}

impl Post {
    /// Reads what [`Display`](fmt::Display) has written.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(line).ok()?.split(' ');
        let mut word = || words.next();
        let at = word()?.parse().ok()?;
        let seats = [seat(word()?)?, seat(word()?)?];
        let board = board(word()?)?;
        let end = match word()?.as_bytes() {
            b"-" => None,
            b"draw" => Some(End::Draw),
            &[mark, ref how @ ..] => {
                let side = Side::of_mark(mark)?;
                Some(match how {
                    b"four" => End::Four(side),
                    b"left" => End::Left(side),
                    b"time" => End::Time(side),
                    _ => return None,
                })
            }
            [] => return None,
        };
        let wants = match word()? {
            "-" => [false; 2],
            "X" => [true, false],
            "O" => [false, true],
            _ => return None, // with both, there is a new game
        };
        let table = Table {
            seats,
            board,
            end,
            wants,
        };
        let action = action(word()?)?;
        Some(Self { at, table, action }).filter(|_| words.next().is_none())
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table {
            seats,
            board,
            end,
            wants,
        } = &self.table;
        write!(f, "{}", self.at)?;
        for seat in seats {
            match seat {
                Some(member) => write!(f, " {member}")?,
                None => f.write_str(" -")?,
            }
        }
        write!(f, " {}", board.begins())?;
        for column in board.moves() {
            write!(f, "{column}")?;
        }
        match end {
            None => f.write_str(" -")?,
            Some(End::Draw) => f.write_str(" draw")?,
            Some(End::Four(side)) => write!(f, " {side}four")?,
            Some(End::Left(side)) => write!(f, " {side}left")?,
            Some(End::Time(side)) => write!(f, " {side}time")?,
        }
        f.write_str(match wants {
            [true, _] => " X ",
            [_, true] => " O ",
            _ => " - ",
        })?;
        match &self.action {
            Action::Sit(gone) => {
                f.write_str("sit")?;
                for (index, member) in gone.iter().enumerate() {
                    let before = if index == 0 { ':' } else { ',' };
                    write!(f, "{before}{member}")?;
                }
                Ok(())
            }
            Action::Gone(member) => write!(f, "gone:{member}"),
            Action::Play(column) => write!(f, "play:{column}"),
            Action::Rematch => f.write_str("rematch"),
            Action::Time => f.write_str("time"),
        }
    }
}

fn seat(word: &str) -> Option<Option<u64>> {
    match word {
        "-" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

/// Who begins, and the moves since.
fn board(word: &str) -> Option<Board> {
    let (&begins, moves) = word.as_bytes().split_first()?;
    let mut board = Board::new(Side::of_mark(begins)?);
    let are_allowed = moves
        .iter()
        .all(|&digit| Column::of_digit(digit).is_some_and(|column| board.play(column)));
    are_allowed.then_some(board)
}

pub(super) fn action(word: &str) -> Option<Action> {
    let (verb, object) = word.split_once(':').unwrap_or((word, ""));
    match (verb, object) {
        ("sit", "") => Some(Action::Sit(Vec::new())),
        ("sit", gone) => {
            let gone: Option<Vec<u64>> = gone.split(',').map(|one| one.parse().ok()).collect();
            gone.map(Action::Sit)
        }
        ("gone", member) => member.parse().ok().map(Action::Gone),
        ("play", column) => match column.as_bytes() {
            &[digit] => Column::of_digit(digit).map(Action::Play),
            _ => None,
        },
        ("rematch", "") => Some(Action::Rematch),
        ("time", "") => Some(Action::Time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// It is read, and written as it was.
    #[track_caller]
    fn check(line: &str) {
        let post = Post::parse(line.as_bytes()).map(|post| post.to_string());
        assert_eq!(post.as_deref(), Some(line));
    }

    #[test]
    fn what_is_written_is_read() {
        for table in [
            "0 - - X - -",
            "7 1 - O445 Oleft -",
            "18446744073709551615 18446744073709551614 2 X1212121 Xfour O",
            "9 1 2 X Otime X",
            "50 1 2 X547125662261271266215743771576315353334444 draw -",
        ] {
            for action in [
                "sit", "sit:5", "sit:1,2", "gone:8", "play:7", "rematch", "time",
            ] {
                check(&format!("{table} {action}"));
            }
        }
    }

    #[test]
    fn what_is_not_a_post_is_nothing() {
        for line in [
            "",
            "0 - - X - - ",
            "0 - - X - - sit ",
            "0 - - X - - sit more",
            "0 - - X - - sit:a",
            "0 - - X - - gone",
            "0 - - X - - play:8",
            "0 - - X - - play:11",
            "0 - - X - - time:1",
            "0 - - X - XO sit",
            "0 - - X  - sit",
            "0 - - X Xmany - sit",
            "0 - - Z - - sit",
            "0 - -  - - sit",
            "0 - - X1111111 - - sit",
            "0 - - X12121211 - - sit",
            "-1 - - X - - sit",
            "0 x - X - - sit",
        ] {
            assert_eq!(Post::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(line in "[0-9XO:, a-z-]{0,40}", bytes: Vec<u8>) {
            Post::parse(line.as_bytes());
            Post::parse(&bytes);
        }
    }
}
