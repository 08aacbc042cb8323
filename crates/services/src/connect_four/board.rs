//! The board of Connect Four, and the rules of the game.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A player, named by the mark of its pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Side {
    #[default]
    X,
    O,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::X, Self::O];

    pub(super) fn other(self) -> Self {
        match self {
            Self::X => Self::O,
            Self::O => Self::X,
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One of the seven columns, displayed as its digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8")]
pub(super) struct Column(u8);

impl Column {
    pub(super) fn from_digit(digit: u8) -> Option<Self> {
        Self::try_from(digit.checked_sub(b'1')?).ok()
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<u8> for Column {
    type Error = &'static str;

    fn try_from(index: u8) -> Result<Self, &'static str> {
        if usize::from(index) < COLUMNS {
            Ok(Self(index))
        } else {
            Err("no such column")
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}

/// The position of one game, as the moves that led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Moves")]
pub(super) struct Board {
    first: Side,
    moves: Vec<Column>,
}

/// A board as it is received: the moves may be illegal.
#[derive(Deserialize)]
struct Moves {
    first: Side,
    moves: Vec<Column>,
}

impl Board {
    /// An empty board.
    pub(super) fn new(first: Side) -> Self {
        let moves = Vec::new();
        Self { first, moves }
    }

    /// The side that moves first.
    pub(super) fn first(&self) -> Side {
        self.first
    }

    /// The side whose turn it is. After the end of the game, the side that did not move last.
    pub(super) fn turn(&self) -> Side {
        self.side_of_move(self.moves.len())
    }

    fn side_of_move(&self, index: usize) -> Side {
        if index.is_multiple_of(2) {
            self.first
        } else {
            self.first.other()
        }
    }

    /// The pieces in each column, from the lowest.
    fn columns(&self) -> [Vec<Side>; COLUMNS] {
        let mut columns = [const { Vec::new() }; COLUMNS];
        for (index, column) in self.moves.iter().enumerate() {
            columns[column.index()].push(self.side_of_move(index));
        }
        columns
    }

    /// Whether the last move made four in a line.
    pub(super) fn has_four(&self) -> bool {
        let last = self.turn().other();
        let (mut pieces, mut heights) = (0, [0; COLUMNS]);
        for (index, column) in self.moves.iter().enumerate() {
            let height = &mut heights[column.index()];
            if self.side_of_move(index) == last {
                pieces |= bit(*height, column.index());
            }
            *height += 1;
        }
        has_line(pieces)
    }

    pub(super) fn is_full(&self) -> bool {
        self.moves.len() == COLUMNS * ROWS
    }

    pub(super) fn is_column_full(&self, column: Column) -> bool {
        self.moves.iter().filter(|&&other| other == column).count() == ROWS
    }

    /// Drops a piece of the side whose turn it is. Returns `false`, and changes nothing, if the
    /// column is full or the game is won.
    #[must_use]
    pub(super) fn play(&mut self, column: Column) -> bool {
        let is_legal = !self.is_column_full(column) && !self.has_four();
        if is_legal {
            self.moves.push(column);
        }
        is_legal
    }
}

impl TryFrom<Moves> for Board {
    type Error = &'static str;

    fn try_from(Moves { first, moves }: Moves) -> Result<Self, &'static str> {
        let mut board = Self::new(first);
        let is_legal = moves.into_iter().all(|column| board.play(column));
        is_legal.then_some(board).ok_or("illegal move")
    }
}

/// Lines of text, the numbers of the columns first, without a line end after the last.
impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" 1 2 3 4 5 6 7")?;
        let columns = self.columns();
        for row in (0..ROWS).rev() {
            f.write_str("\n")?;
            for column in &columns {
                match column.get(row) {
                    Some(side) => write!(f, " {side}")?,
                    None => f.write_str(" .")?,
                }
            }
        }
        Ok(())
    }
}

/// The bit of a position in a set of them. A column has more bits than rows, so that no line
/// continues in the next one.
fn bit(row: usize, column: usize) -> u64 {
    1 << (COLUMN_BITS * column + row)
}

/// Whether there are four positions in a line among these.
fn has_line(positions: u64) -> bool {
    // Up, and to the right: falling, level and rising.
    let steps = [1, COLUMN_BITS - 1, COLUMN_BITS, COLUMN_BITS + 1];
    steps.into_iter().any(|step| {
        let pairs = positions & positions >> step;
        pairs & pairs >> (2 * step) != 0
    })
}

const COLUMNS: usize = 7;
const ROWS: usize = 6;
const COLUMN_BITS: usize = 8;

/// The moves of a game that fills the board without four in a line.
#[cfg(test)]
pub(super) const DRAWN: &str = "547125662261271266215743771576315353334444";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(number: u8) -> Column {
        Column(number - 1)
    }

    /// The board after these moves, all of which are legal.
    #[track_caller]
    fn played(moves: &str) -> Board {
        let mut board = Board::new(Side::X);
        for digit in moves.bytes() {
            let column = Column::from_digit(digit).expect("a column");
            assert!(board.play(column), "{digit} in {moves}");
        }
        board
    }

    /// Whether there are four in a line, found by comparing every line of four.
    fn has_four_somewhere(board: &Board) -> bool {
        let columns = board.columns();
        let at = |row: isize, column: isize| {
            let column = columns.get(usize::try_from(column).ok()?)?;
            column.get(usize::try_from(row).ok()?).copied()
        };
        let line = |row: isize, column: isize, (up, right): (isize, isize)| {
            let marks = [0, 1, 2, 3].map(|step| at(row + step * up, column + step * right));
            marks[0].is_some() && marks.iter().all(|mark| *mark == marks[0])
        };
        (0..6).any(|row| {
            (0..7).any(|column| {
                [(0, 1), (1, 0), (1, 1), (-1, 1)]
                    .into_iter()
                    .any(|direction| line(row, column, direction))
            })
        })
    }

    #[test]
    fn a_column_is_a_digit_from_1_to_7() {
        let columns: Vec<u8> = (0..=255)
            .filter(|&byte| Column::from_digit(byte).is_some())
            .collect();
        assert_eq!(columns, b"1234567");
        assert_eq!(Column::from_digit(b'7'), Some(column(7)));
        assert_eq!(column(7).to_string(), "7");
    }

    #[test]
    fn the_lowest_row_is_displayed_last() {
        assert_eq!(
            played("4453").to_string(),
            " 1 2 3 4 5 6 7\n . . . . . . .\n . . . . . . .\n . . . . . . .\n . . . . . . .\n\
             \x20. . . O . . .\n . . O X X . ."
        );
    }

    /// Tries every line of four, and each of its pieces alone missing.
    #[test]
    fn four_in_any_line_win_and_three_do_not() {
        let mut lines = 0;
        for (up, right) in [(0, 1), (1, 0), (1, 1), (1, -1)] {
            for (row, column) in (0..6).flat_map(|row| (0..7).map(move |column| (row, column))) {
                let cell = |step: isize| {
                    let row = usize::try_from(row + step * up).ok()?;
                    let column = usize::try_from(column + step * right).ok()?;
                    (row < ROWS && column < COLUMNS).then_some((row, column))
                };
                let cells: Option<Vec<_>> = (0..4).map(cell).collect();
                let Some(cells) = cells else { continue };
                lines += 1;
                let bits: Vec<u64> = cells
                    .iter()
                    .map(|&(row, column)| bit(row, column))
                    .collect();
                let all = bits.iter().sum();
                assert!(has_line(all), "{cells:?}");
                for missing in &bits {
                    assert!(!has_line(all - missing), "{cells:?}");
                }
            }
        }
        assert_eq!(lines, 24 + 21 + 12 + 12, "the number of lines on the board");
    }

    #[test]
    fn no_move_is_legal_after_four_in_a_line() {
        for (moves, winner) in [
            ("1122334", Side::X),     // a row
            ("1212121", Side::X),     // a column
            ("12233434414", Side::X), // a rising diagonal
            ("76655454474", Side::X), // a falling diagonal
            ("71122334", Side::O),
        ] {
            let mut board = played(moves);
            assert!(board.has_four(), "{moves}");
            assert_eq!(board.turn(), winner.other(), "{moves}");
            assert!((1..=7).all(|number| !board.play(column(number))));
        }
    }

    #[test]
    fn a_column_holds_six() {
        let mut board = played("333333");
        assert!(board.is_column_full(column(3)));
        assert!(!board.play(column(3)));
        assert_eq!(board.turn(), Side::X, "the board is unchanged");
    }

    #[test]
    fn a_full_board_without_four_has_no_winner() {
        let board = played(DRAWN);
        assert!(board.is_full() && !board.has_four() && !has_four_somewhere(&board));
    }

    proptest! {
        #[test]
        fn every_win_is_detected_when_it_happens(numbers in prop::collection::vec(1..8u8, 0..120)) {
            let mut board = Board::new(Side::O);
            for column in numbers.into_iter().map(column) {
                let before = board.clone();
                let height = board.columns()[column.index()].len();
                let turn = board.turn();
                if board.play(column) {
                    let pieces = &board.columns()[column.index()];
                    prop_assert_eq!(pieces.get(height), Some(&turn));
                    prop_assert_eq!(board.turn(), turn.other());
                } else {
                    prop_assert!(height == ROWS || before.has_four());
                    prop_assert_eq!(&board, &before);
                }
                prop_assert_eq!(board.has_four(), has_four_somewhere(&board));
                prop_assert_eq!(board.is_full(), board.columns().iter().all(|column| column.len() == ROWS));
            }
        }
    }
}
