//! Whole evenings at the table, without a socket or a clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use switchboard_core::Limits;
use switchboard_core::testing::{Chunks, RoomDriver, drive_stream};

use super::*;
use crate::duel::board::DRAWN;
use crate::talk::from_words;

fn table(limits: Limits) -> RoomDriver {
    let time = Some(Duration::from_secs(120));
    RoomDriver::new(Arc::new(Duel::new(time)), limits)
}

/// Plays what happens, and checks after each of it that every peer hears what is written below it,
/// and nothing else. A board is written as `#`, and the first line of a greeting is left out.
///
/// `+1` comes, `-1` hangs up, `!1` vanishes, `1> line` says that, `~9` so many seconds pass, `stop`
/// stops the server; `12* 3434` lets 1 and 2 make these moves by turns, whatever is heard.
#[track_caller]
fn check(happenings: &str) {
    let mut room = table(Limits::default());
    let mut who_came = Vec::new();
    let mut lines = happenings
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    while let Some(line) = lines.next() {
        let peer = |digits: &str| digits.parse::<u8>().expect("a peer");
        let mut greeting = None;
        if let Some(who) = line.strip_prefix('+') {
            who_came.retain(|&other| other != peer(who));
            who_came.push(peer(who));
            greeting = Some(peer(who));
            room.connect(peer(who));
        } else if let Some(who) = line.strip_prefix('-') {
            room.end_input(peer(who));
        } else if let Some(who) = line.strip_prefix('!') {
            who_came.retain(|&other| other != peer(who));
            room.kill(peer(who));
        } else if let Some(seconds) = line.strip_prefix('~') {
            room.advance(Duration::from_secs(seconds.parse().expect("seconds")));
        } else if let Some((who, said)) = line.split_once("> ") {
            room.send(peer(who), format!("{said}\n").as_bytes());
        } else if let Some((who, moves)) = line.split_once("* ") {
            moved(&mut room, who, moves);
            who_came.iter().for_each(|&who| drop(room.received(who)));
        } else {
            assert_eq!(line, "stop");
            room.shut_down();
        }
        let mut expected: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
        while let Some((who, heard)) = lines.peek().and_then(|line| line.split_once("< ")) {
            expected.entry(peer(who)).or_default().push(heard);
            lines.next();
        }
        for &who in &who_came {
            let heard = without_boards(&room.received(who));
            let mut heard: Vec<&str> = heard.lines().collect();
            if greeting == Some(who) {
                assert_eq!(heard.remove(0), words::GREETING);
            }
            let expected = expected.remove(&who).unwrap_or_default();
            assert_eq!(heard, expected, "{who} after {line}");
        }
        assert!(expected.is_empty(), "nobody is there for {expected:?}");
    }
}

/// These peers, of one digit each, make these moves by turns.
fn moved(room: &mut RoomDriver, who: &str, moves: &str) {
    for (who, column) in who.bytes().cycle().zip(moves.chars()) {
        room.send(who - b'0', format!("{column}\n").as_bytes());
    }
}

fn without_boards(heard: &[u8]) -> String {
    let mut text = String::new();
    for line in str::from_utf8(heard).expect("text").lines() {
        match line {
            " 1 2 3 4 5 6 7" => text += "#\n",
            row if row.starts_with(' ') => assert_eq!(row.len(), 14),
            words => text += &format!("{words}\n"),
        }
    }
    text
}

/// Two have sat down, and 1 is to move.
const TWO: &str = "
    +1
    1< You are X.
    1< Waiting for an opponent.
    +2
    1< O has sat down.
    1< A new game begins.
    1< #
    1< Your turn, X: 1 to 7.
    2< You are O.
    2< A new game begins.
    2< #
    2< X is to move.
";

/// And somebody watches.
const THREE: &str = "
    +3
    3< You watch. When a seat is free, /play takes it.
    3< #
    3< X is to move.
";

#[test]
fn two_play_by_turns() {
    check(&format!(
        "{TWO}
        1> 4
        1< You play column 4.
        1< #
        1< O is to move.
        2< X plays column 4.
        2< #
        2< Your turn, O: 1 to 7.
        2> /4
        1< O plays column 4.
        1< #
        1< Your turn, X: 1 to 7.
        2< You play column 4.
        2< #
        2< X is to move."
    ));
}

#[test]
fn the_board_is_plain_text() {
    let mut room = table(Limits::default());
    (1..=2).for_each(|who| room.connect(who));
    moved(&mut room, "12", "4453");
    room.received(1);
    room.send(1, b"/board\r\n");
    let board = " 1 2 3 4 5 6 7\n . . . . . . .\n . . . . . . .\n . . . . . . .\n . . . . . . .\n\
                 \x20. . . O . . .\n . . O X X . .\nYour turn, X: 1 to 7.\n";
    let heard = String::from_utf8(room.received(1)).expect("text");
    assert_eq!(heard, board.replace('\n', "\r\n"));
}

#[test]
fn four_win_in_every_direction_for_either_side() {
    for (moves, last) in [("112233", "4"), ("121212", "1"), ("1223343441", "4")] {
        check(&format!(
            "{TWO}{THREE}
            12* {moves}
            1> {last}
            1< You play column {last}.
            1< #
            1< You win: four in a line.
            1< Type rematch for another game, or /quit.
            2< X plays column {last}.
            2< #
            2< X wins: four in a line.
            2< Type rematch for another game, or /quit.
            3< X plays column {last}.
            3< #
            3< X wins: four in a line.
            3< The game is over."
        ));
    }
    check(&format!(
        "{TWO}
        12* 7112233
        2> 4
        2< You play column 4.
        2< #
        2< You win: four in a line.
        2< Type rematch for another game, or /quit.
        1< O plays column 4.
        1< #
        1< O wins: four in a line.
        1< Type rematch for another game, or /quit."
    ));
}

#[test]
fn a_full_board_is_a_draw_and_the_other_begins_the_next() {
    let (moves, last) = DRAWN.split_at(41);
    check(&format!(
        "{TWO}
        12* {moves}
        2> {last}
        2< You play column {last}.
        2< #
        2< It is a draw: the board is full.
        2< Type rematch for another game, or /quit.
        1< O plays column {last}.
        1< #
        1< It is a draw: the board is full.
        1< Type rematch for another game, or /quit.
        1> rematch
        1< You ask for a rematch.
        1< Waiting for O to agree.
        2< X asks for a rematch.
        2< Type rematch to agree, or /quit.
        2> /Rematch
        1< O asks for a rematch.
        1< A new game begins.
        1< #
        1< O is to move.
        2< You ask for a rematch.
        2< A new game begins.
        2< #
        2< Your turn, O: 1 to 7."
    ));
}

#[test]
fn who_lost_begins_a_rematch() {
    check(&format!(
        "{TWO}
        12* 1212121
        1> 3
        1< This game is over.
        1< Type rematch for another game, or /quit.
        2> rematch
        1< O asks for a rematch.
        1< Type rematch to agree, or /quit.
        2< You ask for a rematch.
        2< Waiting for X to agree.
        2> rematch
        2< You have asked for that already.
        2< Waiting for X to agree.
        1> rematch
        1< You ask for a rematch.
        1< A new game begins.
        1< #
        1< O is to move.
        2< X asks for a rematch.
        2< A new game begins.
        2< #
        2< Your turn, O: 1 to 7.
        1> rematch
        1< This game is not over yet.
        1< O is to move."
    ));
}

#[test]
fn what_cannot_be_is_refused_with_words() {
    check(&format!(
        "+1
        1< You are X.
        1< Waiting for an opponent.
        1> 4
        1< Waiting for an opponent.
        1> rematch
        1< Waiting for an opponent.
        -1
        1< Goodbye.
        {TWO}{THREE}
        2> 4
        2< It is not your turn.
        12* 333333
        1> 3
        1< Column 3 is full.
        1> 0
        1< There is no such column: they are 1 to 7.
        1> 12
        1< There is no such column: they are 1 to 7.
        1> \x1b[2J
        1< That is not understood. A move is a number from 1 to 7; /help tells more.
        1> /
        1< Your turn, X: 1 to 7.
        1> /play
        1< You have a seat.
        1< Your turn, X: 1 to 7.
        3> 3
        3< You only watch: that is for the players.
        3< X is to move.
        3> rematch
        3< You only watch: that is for the players.
        3< X is to move.
        3> /play
        3< No seat is free.
        3< X is to move."
    ));
}

#[test]
fn help_says_everything_that_may_be_said() {
    let mut room = table(Limits::default());
    room.connect(1);
    room.received(1);
    room.send(1, b"/help\n");
    let heard = String::from_utf8(room.received(1)).expect("text");
    for word in ["1 to 7", "rematch", "/play", "/board", "/quit"] {
        assert!(heard.contains(word), "{word}");
    }
    assert!(heard.lines().all(|line| line.len() < 80 && line.is_ascii()));
}

#[test]
fn who_leaves_a_game_loses_it_and_the_seat_is_free() {
    for how in ["-2", "!2", "2> /quit"] {
        let goodbye = if how == "!2" { "" } else { "2< Goodbye." };
        check(&format!(
            "{TWO}{THREE}
            12* 44
            {how}
            {goodbye}
            1< O has left.
            1< You win: O has left.
            1< Waiting for an opponent.
            3< O has left.
            3< X wins: O has left.
            3< A seat is free: /play takes it.
            3> /play
            1< O has sat down.
            1< A new game begins.
            1< #
            1< Your turn, X: 1 to 7.
            3< You are O.
            3< A new game begins.
            3< #
            3< X is to move."
        ));
    }
}

#[test]
fn after_a_game_a_seat_changes_hands_as_well() {
    check(&format!(
        "{TWO}
        12* 1212121
        2> rematch
        1< O asks for a rematch.
        1< Type rematch to agree, or /quit.
        2< You ask for a rematch.
        2< Waiting for X to agree.
        -1
        1< Goodbye.
        2< X has left.
        2< Waiting for an opponent.
        2> rematch
        2< Waiting for an opponent.
        +4
        2< X has sat down.
        2< A new game begins.
        2< #
        2< Your turn, O: 1 to 7.
        4< You are X.
        4< A new game begins.
        4< #
        4< O is to move."
    ));
}

#[test]
fn when_both_have_left_the_table_is_for_whoever_comes() {
    check(&format!(
        "{TWO}{THREE}
        12* 44
        !1
        2< X has left.
        2< You win: X has left.
        2< Waiting for an opponent.
        3< X has left.
        3< O wins: X has left.
        3< A seat is free: /play takes it.
        !2
        3< O has left.
        3< A seat is free: /play takes it.
        3> /play
        3< You are X.
        3< Waiting for an opponent.
        !3
        +5
        5< You are X.
        5< Waiting for an opponent.
        +6
        5< O has sat down.
        5< A new game begins.
        5< #
        5< Your turn, X: 1 to 7.
        6< You are O.
        6< A new game begins.
        6< #
        6< X is to move.
        5> 4
        5< You play column 4.
        5< #
        5< O is to move.
        6< X plays column 4.
        6< #
        6< Your turn, O: 1 to 7."
    ));
}

#[test]
fn who_takes_too_long_is_warned_and_loses() {
    check(&format!(
        "{TWO}{THREE}
        ~89
        12* 4
        ~89
        ~1
        1< O has 30 seconds left.
        2< Make your move: 30 seconds left.
        ~29
        ~1
        1< You win: O took too long.
        1< Type rematch for another game, or /quit.
        2< X wins: you took too long.
        2< Type rematch for another game, or /quit.
        3< X wins: O took too long.
        3< The game is over.
        ~1000"
    ));
}

#[test]
fn the_server_says_goodbye() {
    let mut room = table(Limits::default());
    (1..=3).for_each(|who| room.connect(who));
    room.shut_down();
    for who in 1..=3 {
        let heard = String::from_utf8(room.received(who)).expect("text");
        assert!(heard.contains("\nGoodbye.\n"), "{heard}");
        assert!(room.close_reason(who).is_some());
    }
}

#[test]
fn nothing_is_judged_before_the_room_is_entered() {
    let all = Chunks {
        input: 100,
        output: 100,
    };
    let (heard, _) = drive_stream(&Duel::new(None), b"4\n/play\n", all, &Limits::default());
    assert_eq!(heard, format!("{}\n", words::GREETING).as_bytes());
}

#[test]
fn lines_that_come_at_once_are_heard_in_turn() {
    let mut room = table(Limits::default());
    room.connect(1);
    room.connect(2);
    room.received(1);
    room.send(1, b"4\n4\n/board\n");
    let heard = without_boards(&room.received(1));
    let words = "You play column 4.\n#\nO is to move.\nIt is not your turn.\n#\nO is to move.\n";
    assert_eq!(heard, words);
}

/// Somebody who watches and takes nothing of it holds nobody up, and is told when that is over.
#[test]
fn who_does_not_read_holds_nobody_up() {
    let mut room = table(Limits::default());
    (1..=3).for_each(|who| room.connect(who));
    room.stop_reading(3);
    for game in 0..600 {
        room.advance(Duration::from_secs(1));
        let who = if game % 2 == 0 { "12" } else { "21" }; // who lost begins
        moved(&mut room, who, "1212121");
        room.send(1, b"rematch\n");
        room.send(2, b"rematch\n");
        let heard = without_boards(&room.received(1));
        assert!(
            heard.contains("You win") != heard.contains("O wins"),
            "{heard}"
        );
        room.received(2);
    }
    room.resume_reading(3);
    let heard = String::from_utf8(room.received(3)).expect("text");
    assert!(heard.ends_with(&format!("{}\n", words::TOO_SLOW)));
    assert!(room.close_reason(3).is_some());
}

/// A player who reads nothing loses by time, which the other one counts.
#[test]
fn a_player_who_is_stopped_loses_by_time() {
    let mut tight = Limits::default();
    tight.outbox_bytes = 1;
    let mut room = table(tight);
    (1..=2).for_each(|who| room.connect(who));
    room.stop_reading(2);
    room.send(1, b"4\n");
    room.received(1);
    room.advance(Duration::from_secs(120));
    let heard = String::from_utf8(room.received(1)).expect("text");
    assert!(heard.contains("You win: O took too long."), "{heard}");
}

/// Peers 1 and 2 play, 3 and 4 watch. A peer that does not listen hears one thing more, and what it
/// says is done only when it listens again, before it hears the rest.
fn tight() -> RoomDriver {
    let mut limits = Limits::default();
    limits.outbox_bytes = 1;
    let mut room = table(limits);
    (1..=4).for_each(|who| room.connect(who));
    (1..=4).for_each(|who| drop(room.received(who)));
    room
}

#[track_caller]
fn check_end(room: &mut RoomDriver, who: u8, end: &str) {
    let heard = without_boards(&room.received(who));
    assert!(heard.ends_with(end), "{who} heard {heard}");
    assert!(room.wants_input(who), "{who} may say more");
}

#[test]
fn of_two_who_want_one_seat_the_first_gets_it() {
    let mut room = tight();
    room.stop_reading(4);
    room.kill(2);
    room.send(4, b"/play\n");
    room.send(3, b"/play\n");
    room.resume_reading(4);
    check_end(&mut room, 4, "Somebody else was faster.\nX is to move.\n");
    check_end(
        &mut room,
        3,
        "You are O.\nA new game begins.\n#\nX is to move.\n",
    );
    room.connect(5); // what it hears last of the past came too late
    room.received(5);
    room.kill(4);
    assert_eq!(room.received(5), b"", "no player has left");
    check_end(
        &mut room,
        1,
        "O has sat down.\nA new game begins.\n#\nYour turn, X: 1 to 7.\n",
    );
}

#[test]
fn of_two_who_want_two_seats_each_gets_one() {
    let mut room = tight();
    room.kill(2);
    room.stop_reading(4);
    room.kill(1);
    room.send(4, b"/play\n");
    room.send(3, b"/play\n");
    room.resume_reading(4);
    check_end(
        &mut room,
        4,
        "You are O.\nA new game begins.\n#\nX is to move.\n",
    );
    check_end(
        &mut room,
        3,
        "O has sat down.\nA new game begins.\n#\nYour turn, X: 1 to 7.\n",
    );
}

#[test]
fn two_who_ask_at_the_same_time_have_a_rematch() {
    let mut room = tight();
    moved(&mut room, "12", "121212");
    room.stop_reading(2);
    room.send(1, b"1\n");
    room.send(2, b"rematch\n");
    room.send(1, b"rematch\n");
    room.resume_reading(2);
    check_end(
        &mut room,
        2,
        "You ask for a rematch.\nA new game begins.\n#\nYour turn, O: 1 to 7.\n",
    );
    check_end(
        &mut room,
        1,
        "O asks for a rematch.\nA new game begins.\n#\nO is to move.\n",
    );
}

/// Both count the time, and one of them is late with that.
#[test]
fn a_game_is_lost_by_time_once() {
    let mut room = tight();
    room.advance(Duration::from_secs(89));
    room.stop_reading(1);
    room.advance(Duration::from_secs(31));
    room.send(1, b"4\n");
    check_end(
        &mut room,
        2,
        "You win: X took too long.\nType rematch for another game, or /quit.\n",
    );
    room.resume_reading(1);
    let words = "O wins: you took too long.\nType rematch for another game, or /quit.\n\
                 This game is over.\nType rematch for another game, or /quit.\n";
    check_end(&mut room, 1, words);
    check_end(&mut room, 2, "");
}

#[test]
fn a_free_seat_is_not_forgotten_however_many_leave() {
    let mut room = table(Limits::default());
    (1..=100).for_each(|who| room.connect(who));
    (1..=100)
        .filter(|&who| who != 3)
        .for_each(|who| room.kill(who));
    room.received(3);
    room.send(3, b"/play\n");
    let heard = without_boards(&room.received(3));
    assert_eq!(heard, "You are X.\nWaiting for an opponent.\n");
}

#[test]
fn a_move_time_is_a_time_or_none() {
    let asked = |words| from_words::<Options>(words).move_time;
    assert_eq!(asked(""), Some(Duration::from_secs(120)));
    assert_eq!(asked("--move-time 1"), Some(Duration::from_secs(1)));
    assert_eq!(asked("--move-time 2m"), Some(Duration::from_secs(120)));
    assert_eq!(asked("--move-time none"), None);
}

#[test]
fn without_a_move_time_nobody_is_hurried() {
    let mut room = RoomDriver::new(Arc::new(Duel::new(None)), Limits::default());
    (1..=2).for_each(|who| room.connect(who));
    (1..=2).for_each(|who| drop(room.received(who)));
    room.advance(Duration::from_secs(1_000_000));
    assert!(room.received(1).is_empty() && room.received(2).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever is there sees the same board, whatever has been said in whatever order.
    #[test]
    fn all_see_the_same(
        outbox_bytes in prop::sample::select(vec![1, 64 * 1024]),
        steps in prop::collection::vec((0..24u8, 1..5u8), 1..150),
    ) {
        let mut limits = Limits::default();
        limits.outbox_bytes = outbox_bytes;
        let mut room = table(limits);
        let mut here = Vec::new();
        for (what, who) in steps {
            match what {
                _ if !here.contains(&who) => {
                    room.connect(who);
                    here.push(who);
                }
                0 | 1 => {
                    if what == 0 { room.kill(who) } else { room.send(who, b"/quit\n") }
                    here.retain(|&other| other != who);
                }
                2 => room.stop_reading(who),
                3 | 4 => room.resume_reading(who),
                5 => room.advance(Duration::from_secs(100)),
                6..=8 => room.send(who, b"rematch\n"),
                9 => room.send(who, b"/play\n"),
                10 => room.send(who, b"\xff\n1234\n"),
                _ => room.send(who, format!("{}\n", 1 + what % 7).as_bytes()),
            }
        }
        here.iter().for_each(|&who| room.resume_reading(who));
        let mut boards = Vec::new();
        let (mut players, mut turns) = (0, 0);
        for &who in &here {
            prop_assert!(room.wants_input(who), "{who} waits");
            room.received(who);
            room.send(who, b"/board\n");
            let heard = String::from_utf8(room.received(who)).expect("text");
            let (board, standing) = heard.trim_end().rsplit_once('\n').expect("lines");
            boards.push(board.to_owned());
            players += u8::from(["Your turn", "Type", "Waiting"].iter().any(|word| standing.starts_with(word)));
            turns += u8::from(standing.starts_with("Your turn"));
        }
        prop_assert!(boards.windows(2).all(|two| two[0] == two[1]), "{boards:?}");
        prop_assert!(players <= 2 && turns <= 1);
    }
}
