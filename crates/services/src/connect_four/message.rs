//! The messages in the room: an action, with the state that it applies to.

use serde::{Deserialize, Serialize};

use crate::connect_four::game::{Action, Game};

/// What a session posts to the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// The sequence number of the post that led to `game`.
    pub(super) revision: u64,
    /// The state to which the action applies.
    pub(super) game: Game,
    pub(super) action: Action,
}

impl Message {
    /// The message as bytes: the version of the format, and the fields as postcard encodes them.
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("memory does not run out")
    }

    /// The message in these bytes. `None` for anything that [`encode`](Self::encode) does not
    /// produce: another version, an illegal position, trailing bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[VERSION])?;
        if MAX_BYTES < bytes.len() {
            return None;
        }
        let (message, rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        let is_rematch_due = message.game.rematch == [true; 2]; // a new game would have begun
        (rest.is_empty() && !is_rematch_due).then_some(message)
    }
}

const VERSION: u8 = 1;
const MAX_BYTES: usize = 256; // a full board and every field at its longest take half of it

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connect_four::board::{Board, Column, DRAWN, Side};
    use crate::connect_four::game::End;

    fn column(digit: u8) -> Column {
        Column::from_digit(digit).expect("a column")
    }

    fn played(first: Side, moves: &str) -> Board {
        let mut board = Board::new(first);
        assert!(moves.bytes().all(|digit| board.play(column(digit))));
        board
    }

    fn message(board: Board) -> Message {
        Message {
            revision: 7,
            game: Game {
                seats: [Some(1), None],
                board,
                end: None,
                rematch: [false; 2],
            },
            action: Action::Timeout,
        }
    }

    #[test]
    fn messages_round_trip() {
        let actions = [
            Action::Sit(Vec::new()),
            Action::Sit(vec![1, u64::MAX]),
            Action::OpponentLeft(u64::MAX),
            Action::Play(column(b'7')),
            Action::Rematch,
            Action::Timeout,
        ];
        let ends = [
            End::Draw,
            End::Four(Side::X),
            End::Left(Side::O),
            End::Timeout(Side::X),
        ];
        let boards = [
            played(Side::O, ""),
            played(Side::X, "1212121"),
            played(Side::X, DRAWN),
        ];
        for (board, rematch) in boards
            .into_iter()
            .zip([[false; 2], [true, false], [false, true]])
        {
            for end in ends.map(Some).into_iter().chain([None]) {
                for action in &actions {
                    let message = Message {
                        revision: u64::MAX,
                        game: Game {
                            seats: [Some(u64::MAX), None],
                            board: board.clone(),
                            end,
                            rematch,
                        },
                        action: action.clone(),
                    };
                    assert_eq!(Message::decode(&message.encode()), Some(message));
                }
            }
        }
    }

    /// Any other encoding needs another version.
    #[test]
    fn the_format_is_fixed() {
        let bytes = message(played(Side::O, "44")).encode();
        assert_eq!(bytes, [1, 7, 1, 1, 0, 1, 2, 3, 3, 0, 0, 0, 4]);
    }

    #[test]
    fn other_bytes_are_no_message() {
        let valid = message(played(Side::X, "1212")).encode();
        assert!(Message::decode(&valid).is_some());
        for length in 0..valid.len() {
            assert_eq!(Message::decode(&valid[..length]), None, "{length} bytes");
        }
        assert_eq!(
            Message::decode(&[&valid[..], &[0]].concat()),
            None,
            "a trailing byte"
        );
        for (index, byte) in [
            (0, 0),  // another version
            (0, 2),  // another version
            (2, 2),  // a seat that is neither free nor taken
            (5, 2),  // no side
            (7, 7),  // no column
            (12, 2), // no flag
            (14, 5), // no action
        ] {
            let mut bytes = valid.clone();
            bytes[index] = byte;
            assert_eq!(Message::decode(&bytes), None, "{byte} at {index}");
        }
    }

    #[test]
    fn an_impossible_state_is_no_message() {
        let mut both = message(Board::new(Side::X));
        both.game.rematch = [true; 2];
        assert_eq!(Message::decode(&both.encode()), None);
        // A seventh piece in a column, and a move after four in a line.
        for moves in [&[0; 7][..], &[0, 1, 0, 1, 0, 1, 0, 1]] {
            let [head, tail] = [&[1, 7, 1, 1, 0, 0][..], &[0, 0, 0, 4]];
            let bytes = |moves: &[u8]| [head, &[moves.len() as u8], moves, tail].concat();
            assert!(Message::decode(&bytes(&moves[1..])).is_some());
            assert_eq!(Message::decode(&bytes(moves)), None, "{moves:?}");
        }
    }

    #[test]
    fn long_input_is_refused() {
        let mut long = message(Board::new(Side::X));
        long.action = Action::Sit(vec![u64::MAX; 20]);
        assert!(Message::decode(&long.encode()).is_some());
        long.action = Action::Sit(vec![u64::MAX; 26]);
        assert_eq!(Message::decode(&long.encode()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            change in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            Message::decode(&bytes);
            Message::decode(&[&[VERSION], &bytes[..]].concat());
            let mut changed = message(played(Side::X, "1234")).encode();
            let index = change.index(changed.len());
            changed[index] = byte;
            if let Some(message) = Message::decode(&changed) {
                prop_assert_eq!(Message::decode(&message.encode()), Some(message));
            }
        }
    }
}
