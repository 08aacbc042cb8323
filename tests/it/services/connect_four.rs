//! The Connect Four service: two players and a spectator.

use nix::sys::signal::{Signal, kill};

use crate::support::{CONCURRENT_MODELS, Client, Scene, Server, installed, pid_in};

const GREETING: [&str; 1] = ["Connect Four: four in a line win. /help tells more."];

/// A script of [`play`]: three games, a rematch, a change of players.
const GAMES: &str = "
    +1
    1< You are X.
    1< Waiting for an opponent.
    +2
    2< You are O.
    2< A new game begins.
    2< #
    2< X is to move.
    1< O has sat down.
    1< A new game begins.
    1<  1 2 3 4 5 6 7
    1<  . . . . . . .
    1<  . . . . . . .
    1<  . . . . . . .
    1<  . . . . . . .
    1<  . . . . . . .
    1<  . . . . . . .
    1< Your turn, X: 1 to 7.
    +3
    3< You watch. When a seat is free, /play takes it.
    3< #
    3< X is to move.
    2> 4
    2< It is not your turn.
    3> 4
    3< You only watch: that is for the players.
    3< X is to move.
    1> 8
    1< There is no such column: they are 1 to 7.
    1* 1
    2* 2
    1* 1
    2* 2
    1* 1
    2* 2
    1> 1
    1< You play column 1.
    1<  1 2 3 4 5 6 7
    1<  . . . . . . .
    1<  . . . . . . .
    1<  X . . . . . .
    1<  X O . . . . .
    1<  X O . . . . .
    1<  X O . . . . .
    1< You win: four in a line.
    1< Type rematch for another game, or /quit.
    2< X plays column 1.
    2< #
    2< X wins: four in a line.
    2< Type rematch for another game, or /quit.
    3< X plays column 1.
    3< #
    3< X wins: four in a line.
    3< The game is over.
    2> 3
    2< This game is over.
    2< Type rematch for another game, or /quit.
    1> rematch
    1< You ask for a rematch.
    1< Waiting for O to agree.
    2< X asks for a rematch.
    2< Type rematch to agree, or /quit.
    3< X asks for a rematch.
    3< The game is over.
    2> rematch
    2< You ask for a rematch.
    2< A new game begins.
    2< #
    2< Your turn, O: 1 to 7.
    1< O asks for a rematch.
    1< A new game begins.
    1< #
    1< O is to move.
    3< O asks for a rematch.
    3< A new game begins.
    3< #
    3< O is to move.
    2> /quit
    2< Goodbye.
    -2
    2.
    1< O has left.
    1< You win: O has left.
    1< Waiting for an opponent.
    3< O has left.
    3< X wins: O has left.
    3< A seat is free: /play takes it.
    3> /play
    3< You are O.
    3< A new game begins.
    3< #
    3< X is to move.
    1< O has sat down.
    1< A new game begins.
    1< #
    1< Your turn, X: 1 to 7.
    -1
    1< Goodbye.
    1.
    3< X has left.
    3< You win: X has left.
    3< Waiting for an opponent.
    -3
    3< Goodbye.
    3.
";

/// Plays a script in which `1< #` stands for a board, and `1* 4` for a move into column 4 and what
/// all three receive.
fn play(scene: &mut Scene<'_>, script: &str) {
    for line in script.lines().map(str::trim_start) {
        if let Some((player, column)) = line.split_once("* ") {
            let (player, other) = if player == "1" {
                ("1", "2")
            } else {
                ("2", "1")
            };
            let (side, turn) = if player == "1" {
                ("X", "O")
            } else {
                ("O", "X")
            };
            let notice = format!("{side} plays column {column}.");
            scene.play(&format!(
                "{player}> {column}\n{player}< You play column {column}."
            ));
            board(scene, player);
            scene.play(&format!("{player}< {turn} is to move.\n{other}< {notice}"));
            board(scene, other);
            scene.play(&format!("{other}< Your turn, {turn}: 1 to 7.\n3< {notice}"));
            board(scene, "3");
            scene.play(&format!("3< {turn} is to move."));
        } else if let Some(number) = line.strip_suffix("< #") {
            board(scene, number);
        } else {
            scene.play(line);
        }
    }
}

/// A board arrives.
#[track_caller]
fn board(scene: &mut Scene<'_>, number: &str) {
    let client = scene.client(number.parse().expect("a number"));
    assert_eq!(client.line(), " 1 2 3 4 5 6 7");
    for _ in 0..6 {
        let row = client.line();
        assert!(row.len() == 14 && row.starts_with(' '), "{row:?}");
    }
}

#[test]
fn two_clients_play_and_others_watch() {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("connect-four --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        // All have left at the end, so the script starts over.
        for _ in 0..2 {
            play(&mut scene, GAMES);
        }
    }
}

#[test]
fn two_clients_play_by_nc() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("connect-four --model {model}"));
        let (port, mut processes) = (server.port(), Vec::new());
        let connect = |_: &str| Client::nc(&port, &mut processes);
        play(&mut Scene::new(&GREETING, connect), GAMES);
    }
}

/// Two players connect, and X is to move.
const TWO_PLAYERS: &str = "
    +1
    1< You are X.
    1< Waiting for an opponent.
    +2
    2< You are O.
    2< A new game begins.
    2< #
    2< X is to move.
    1< O has sat down.
    1< A new game begins.
    1< #
    1< Your turn, X: 1 to 7.
";

#[test]
fn a_player_over_the_move_time_loses() {
    for model in ["fork", "events"] {
        let server = Server::start(&format!("connect-four --move-time 1 --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        play(&mut scene, TWO_PLAYERS);
        play(
            &mut scene,
            "1< O wins: you took too long.
            1< Type rematch for another game, or /quit.
            2< You win: X took too long.
            2< Type rematch for another game, or /quit.",
        );
    }
}

#[test]
fn a_lost_player_has_left() {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("connect-four --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        play(&mut scene, TWO_PLAYERS);
        // In the middle of a line.
        scene.play("1: 4");
        if model == "fork" {
            let peer = scene.client(1).address();
            let fork = server.log(&format!("fork peer={peer}"));
            kill(pid_in(&fork, "pid="), Signal::SIGKILL).expect("it runs");
        } else {
            scene.play("!1");
        }
        play(
            &mut scene,
            "2< X has left.
            2< You win: X has left.
            2< Waiting for an opponent.
            +1
            1< You are X.
            1< A new game begins.
            1< #
            1< O is to move.
            2< X has sat down.
            2< A new game begins.
            2< #
            2< Your turn, O: 1 to 7.",
        );
    }
}
