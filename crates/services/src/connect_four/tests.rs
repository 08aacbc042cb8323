//! Games between several peers, without a socket or a clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use switchboard_core::Limits;
use switchboard_core::testing::{Chunks, RoomDriver, drive_stream};

use super::*;
use crate::connect_four::board::DRAWN;
use crate::testing::{outbox_limit, parse_options};

fn game_room(limits: Limits) -> RoomDriver {
    let time = Some(Duration::from_secs(120));
    RoomDriver::new(Arc::new(ConnectFour::new(time)), limits)
}

/// Executes each step of a script, and checks that every peer is sent exactly the lines below it. A
/// board is written as `#`, and the first line of the greeting is left out.
///
/// Steps: `+1` connects peer 1, `-1` ends its input, `!1` disconnects it, `1> line` sends a line from
/// it, `~9` lets 9 seconds pass, `stop` stops the server; `12* 3434` makes 1 and 2 play these columns
/// by turns and ignores what they are sent.
#[track_caller]
fn check(script: &str) {
    let mut room = game_room(Limits::default());
    let mut connected = Vec::new();
    let mut lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    while let Some(line) = lines.next() {
        let number = |digits: &str| digits.parse::<u8>().expect("a peer");
        let mut greeting = None;
        if let Some(peer) = line.strip_prefix('+') {
            connected.retain(|&other| other != number(peer));
            connected.push(number(peer));
            greeting = Some(number(peer));
            room.connect(number(peer));
        } else if let Some(peer) = line.strip_prefix('-') {
            room.end_input(number(peer));
        } else if let Some(peer) = line.strip_prefix('!') {
            connected.retain(|&other| other != number(peer));
            room.kill(number(peer));
        } else if let Some(seconds) = line.strip_prefix('~') {
            room.advance(Duration::from_secs(seconds.parse().expect("seconds")));
        } else if let Some((peer, text)) = line.split_once("> ") {
            room.send(number(peer), format!("{text}\n").as_bytes());
        } else if let Some((peer, moves)) = line.split_once("* ") {
            play(&mut room, peer, moves);
            connected.iter().for_each(|&peer| drop(room.received(peer)));
        } else {
            assert_eq!(line, "stop");
            room.shut_down();
        }
        let mut expected: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
        while let Some((peer, output)) = lines.peek().and_then(|line| line.split_once("< ")) {
            expected.entry(number(peer)).or_default().push(output);
            lines.next();
        }
        for &peer in &connected {
            let output = without_boards(&room.received(peer));
            let mut output: Vec<&str> = output.lines().collect();
            if greeting == Some(peer) {
                assert_eq!(output.remove(0), messages::GREETING);
            }
            let expected = expected.remove(&peer).unwrap_or_default();
            assert_eq!(output, expected, "{peer} after {line}");
        }
        assert!(expected.is_empty(), "no such peer: {expected:?}");
    }
}

/// These peers, of one digit each, play these columns by turns.
fn play(room: &mut RoomDriver, peers: &str, moves: &str) {
    for (peer, column) in peers.bytes().cycle().zip(moves.chars()) {
        room.send(peer - b'0', format!("{column}\n").as_bytes());
    }
}

fn without_boards(output: &[u8]) -> String {
    let mut text = String::new();
    for line in str::from_utf8(output).expect("text").lines() {
        match line {
            " 1 2 3 4 5 6 7" => text += "#\n",
            row if row.starts_with(' ') => assert_eq!(row.len(), 14),
            line => text += &format!("{line}\n"),
        }
    }
    text
}

/// Peers 1 and 2 play, and 1 is to move.
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

/// Peer 3 watches.
const THREE: &str = "
    +3
    3< You watch. When a seat is free, /play takes it.
    3< #
    3< X is to move.
";

#[test]
fn players_move_by_turns() {
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
fn the_board_is_sent_as_text() {
    let mut room = game_room(Limits::default());
    (1..=2).for_each(|peer| room.connect(peer));
    play(&mut room, "12", "4453");
    room.received(1);
    room.send(1, b"/board\r\n");
    let board = " 1 2 3 4 5 6 7\n . . . . . . .\n . . . . . . .\n . . . . . . .\n . . . . . . .\n\
                 \x20. . . O . . .\n . . O X X . .\nYour turn, X: 1 to 7.\n";
    let output = String::from_utf8(room.received(1)).expect("text");
    assert_eq!(output, board.replace('\n', "\r\n"));
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
fn after_a_draw_the_other_player_moves_first() {
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
fn the_loser_moves_first_in_a_rematch() {
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
fn illegal_input_is_answered_with_the_reason() {
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
fn zero_width_characters_count_as_nothing() {
    for command in ["help", "board"] {
        let mut room = game_room(Limits::default());
        room.connect(1);
        room.received(1);
        room.send(1, format!("{command}\n").as_bytes());
        let answer = room.received(1);
        room.send(
            1,
            format!("\u{200b}{command}\u{ad}\u{2060} \u{feff}\n").as_bytes(),
        );
        assert_eq!(room.received(1), answer);
    }
}

#[test]
fn help_lists_every_command() {
    let mut room = game_room(Limits::default());
    room.connect(1);
    room.received(1);
    room.send(1, b"/help\n");
    let output = String::from_utf8(room.received(1)).expect("text");
    for word in ["1 to 7", "rematch", "/play", "/board", "/quit"] {
        assert!(output.contains(word), "{word}");
    }
    assert!(
        output
            .lines()
            .all(|line| line.len() < 80 && line.is_ascii())
    );
}

#[test]
fn a_player_that_leaves_loses_and_frees_the_seat() {
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
fn a_seat_becomes_free_after_a_game_as_well() {
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
fn after_both_players_left_new_peers_play() {
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
fn a_player_that_exceeds_the_move_time_is_warned_and_loses() {
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
fn a_stopping_server_sends_goodbye() {
    let mut room = game_room(Limits::default());
    (1..=3).for_each(|peer| room.connect(peer));
    room.shut_down();
    for peer in 1..=3 {
        let output = String::from_utf8(room.received(peer)).expect("text");
        assert!(output.contains("\nGoodbye.\n"), "{output}");
        assert!(room.close_reason(peer).is_some());
    }
}

#[test]
fn input_waits_until_the_room_is_entered() {
    let all = Chunks {
        input: 100,
        output: 100,
    };
    let (output, _) = drive_stream(
        &ConnectFour::new(None),
        b"4\n/play\n",
        all,
        &Limits::default(),
    );
    assert_eq!(output, format!("{}\n", messages::GREETING).as_bytes());
}

#[test]
fn lines_that_arrive_together_are_executed_in_order() {
    let mut room = game_room(Limits::default());
    room.connect(1);
    room.connect(2);
    room.received(1);
    room.send(1, b"4\n4\n/board\n");
    let output = without_boards(&room.received(1));
    let lines = "You play column 4.\n#\nO is to move.\nIt is not your turn.\n#\nO is to move.\n";
    assert_eq!(output, lines);
}

#[test]
fn a_watcher_that_does_not_read_is_dropped() {
    let mut room = game_room(Limits::default());
    (1..=3).for_each(|peer| room.connect(peer));
    room.stop_reading(3);
    for game in 0..600 {
        room.advance(Duration::from_secs(1));
        let peer = if game % 2 == 0 { "12" } else { "21" }; // the loser moves first
        play(&mut room, peer, "1212121");
        room.send(1, b"rematch\n");
        room.send(2, b"rematch\n");
        let output = without_boards(&room.received(1));
        assert!(
            output.contains("You win") != output.contains("O wins"),
            "{output}"
        );
        room.received(2);
    }
    room.resume_reading(3);
    let output = String::from_utf8(room.received(3)).expect("text");
    assert!(output.ends_with(&format!("{}\n", messages::TOO_SLOW)));
    assert!(room.close_reason(3).is_some());
}

#[test]
fn a_suspended_player_loses_by_the_opponents_timer() {
    let mut room = game_room(outbox_limit(1));
    (1..=2).for_each(|peer| room.connect(peer));
    room.stop_reading(2);
    room.send(1, b"4\n");
    room.received(1);
    room.advance(Duration::from_secs(120));
    let output = String::from_utf8(room.received(1)).expect("text");
    assert!(output.contains("You win: O took too long."), "{output}");
}

/// Peers 1 and 2 play, 3 and 4 watch, each with an outbox of one byte. A peer that does not read
/// receives one more message, and its own input is executed once it reads again, before the rest.
fn small_outboxes() -> RoomDriver {
    let mut room = game_room(outbox_limit(1));
    (1..=4).for_each(|peer| room.connect(peer));
    (1..=4).for_each(|peer| drop(room.received(peer)));
    room
}

#[track_caller]
fn check_end(room: &mut RoomDriver, peer: u8, end: &str) {
    let output = without_boards(&room.received(peer));
    assert!(output.ends_with(end), "{peer} received {output}");
    assert!(room.wants_input(peer), "{peer} can send more");
}

#[test]
fn the_first_of_two_requests_for_a_seat_gets_it() {
    let mut room = small_outboxes();
    room.stop_reading(4);
    room.kill(2);
    room.send(4, b"/play\n");
    room.send(3, b"/play\n");
    room.resume_reading(4);
    check_end(
        &mut room,
        4,
        "Another client took the seat first.\nX is to move.\n",
    );
    check_end(
        &mut room,
        3,
        "You are O.\nA new game begins.\n#\nX is to move.\n",
    );
    room.connect(5); // the last message of its history came too late
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
fn two_requests_for_two_free_seats_both_succeed() {
    let mut room = small_outboxes();
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
fn concurrent_rematch_requests_both_count() {
    let mut room = small_outboxes();
    play(&mut room, "12", "121212");
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

/// Both players measure the time, and one of them posts the timeout late.
#[test]
fn a_timeout_counts_once() {
    let mut room = small_outboxes();
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
    let lines = "O wins: you took too long.\nType rematch for another game, or /quit.\n\
                 This game is over.\nType rematch for another game, or /quit.\n";
    check_end(&mut room, 1, lines);
    check_end(&mut room, 2, "");
}

#[test]
fn a_free_seat_is_remembered_when_many_members_leave() {
    let mut room = game_room(Limits::default());
    (1..=100).for_each(|peer| room.connect(peer));
    (1..=100)
        .filter(|&peer| peer != 3)
        .for_each(|peer| room.kill(peer));
    room.received(3);
    room.send(3, b"/play\n");
    let output = without_boards(&room.received(3));
    assert_eq!(output, "You are X.\nWaiting for an opponent.\n");
}

#[test]
fn a_move_time_is_a_time_or_none() {
    let asked = |text| parse_options::<ConnectFour>(text).move_time;
    assert_eq!(asked(""), Some(Duration::from_secs(120)));
    assert_eq!(asked("--move-time 1"), Some(Duration::from_secs(1)));
    assert_eq!(asked("--move-time 2m"), Some(Duration::from_secs(120)));
    assert_eq!(asked("--move-time none"), None);
}

#[test]
fn without_a_move_time_there_is_no_timer() {
    let mut room = RoomDriver::new(Arc::new(ConnectFour::new(None)), Limits::default());
    (1..=2).for_each(|peer| room.connect(peer));
    (1..=2).for_each(|peer| drop(room.received(peer)));
    room.advance(Duration::from_secs(1_000_000));
    assert!(room.received(1).is_empty() && room.received(2).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any input in any order leaves all peers with the same board.
    #[test]
    fn all_peers_see_the_same_board(
        outbox_bytes in prop::sample::select(vec![1, 64 * 1024]),
        steps in prop::collection::vec((0..24u8, 1..5u8), 1..150),
    ) {
        let mut room = game_room(outbox_limit(outbox_bytes));
        let mut here = Vec::new();
        for (step, peer) in steps {
            match step {
                _ if !here.contains(&peer) => {
                    room.connect(peer);
                    here.push(peer);
                }
                0 | 1 => {
                    if step == 0 { room.kill(peer) } else { room.send(peer, b"/quit\n") }
                    here.retain(|&other| other != peer);
                }
                2 => room.stop_reading(peer),
                3 | 4 => room.resume_reading(peer),
                5 => room.advance(Duration::from_secs(100)),
                6..=8 => room.send(peer, b"rematch\n"),
                9 => room.send(peer, b"/play\n"),
                10 => room.send(peer, b"\xff\n1234\n"),
                _ => room.send(peer, format!("{}\n", 1 + step % 7).as_bytes()),
            }
        }
        here.iter().for_each(|&peer| room.resume_reading(peer));
        let mut boards = Vec::new();
        let (mut players, mut turns) = (0, 0);
        for &peer in &here {
            prop_assert!(room.wants_input(peer), "{peer} is not read");
            room.received(peer);
            room.send(peer, b"/board\n");
            let output = String::from_utf8(room.received(peer)).expect("text");
            let (board, status) = output.trim_end().rsplit_once('\n').expect("lines");
            boards.push(board.to_owned());
            players += u8::from(["Your turn", "Type", "Waiting"].iter().any(|word| status.starts_with(word)));
            turns += u8::from(status.starts_with("Your turn"));
        }
        prop_assert!(boards.windows(2).all(|two| two[0] == two[1]), "{boards:?}");
        prop_assert!(players <= 2 && turns <= 1);
    }
}
