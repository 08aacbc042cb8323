//! What goes wrong in a chat: people who do not read, vanish, or leave in the middle.

use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::chat::{ALICE_AND_BOB, GREETING, enter};
use crate::support::{CONCURRENT_MODELS, Client, Scene, Server, pid_in, temp_dir, wait_for};

#[test]
fn a_member_that_does_not_read_is_dropped_without_delaying_others() {
    for model in ["fork", "events"] {
        // The system lets far less wait in a Unix socket than in a connection.
        let folder = temp_dir();
        let socket = folder.path().join("socket");
        let listen = format!("--listen unix:{}", socket.display());
        let server = Server::start(&format!("chat --model {model} {listen}"));
        let mut deaf = Client::connect_unix(&socket);
        setsockopt(&deaf.stream, sockopt::RcvBuf, &2048).expect("it is a socket");
        enter(&mut deaf, "deaf");
        let mut crowd: Vec<Client> = (0..49).map(|_| server.connect()).collect();
        for (number, client) in crowd.iter_mut().enumerate() {
            enter(client, &format!("p{number}"));
        }
        for (number, client) in crowd.iter_mut().enumerate() {
            for later in number + 1..49 {
                assert_eq!(client.line(), format!("-- p{later} is here."));
            }
        }
        // They say as much as they may by turns, until the one who does not read has been dropped;
        // all others hear all of it meanwhile, and hear that too.
        let mut dropped = [false; 49];
        let long = "x".repeat(8000);
        for (turn, poster) in (0..49).cycle().take(49 * 12).enumerate() {
            crowd[poster].send(format!("{turn} {long}\n"));
            let expected = format!("p{poster}: {turn} {long}");
            for (number, client) in crowd.iter_mut().enumerate() {
                if number == poster {
                    continue;
                }
                let mut line = client.line();
                if line == NOTICE {
                    assert!(!std::mem::replace(&mut dropped[number], true));
                    line = client.line();
                }
                assert!(line == expected, "{model}, {number}: {line:.80}");
            }
            if dropped.iter().any(|dropped| *dropped) {
                break;
            }
        }
        for (number, client) in crowd.iter_mut().enumerate() {
            if !dropped[number] {
                assert_eq!(client.line(), NOTICE, "{model}, {number}");
            }
        }
        // Whoever was dropped is told so in the end.
        let rest = deaf.rest();
        let words = b"-- You fell too far behind what is said here. Goodbye.\n";
        assert!(rest.ends_with(words), "{model}");
        server.check_memory(16 * 1024);
    }
}

const NOTICE: &str = "-- deaf fell behind and was dropped.";

/// The hub is started for the first one, and must not hold on to its connection.
#[test]
fn the_first_member_is_disconnected_when_its_process_is_killed() {
    let server = Server::start("chat");
    let mut scene = Scene::at(&server, &GREETING);
    scene.play(ALICE_AND_BOB);
    let own = scene.client(1).address();
    let fork = server.log(&format!("fork peer={own}"));
    kill(pid_in(&fork, "pid="), Signal::SIGKILL).expect("it runs");
    scene.play(
        "1.
        2< -- alice was lost.",
    );
}

#[test]
fn a_killed_process_is_announced_as_a_lost_member() {
    let server = Server::start("chat");
    let mut scene = Scene::at(&server, &GREETING);
    scene.play(ALICE_AND_BOB);
    let own = scene.client(2).address();
    let fork = server.log(&format!("fork peer={own}"));
    kill(pid_in(&fork, "pid="), Signal::SIGKILL).expect("it runs");
    scene.play(
        "1< -- bob was lost.
        1> /who
        1< -- In #lobby: alice
        +3
        3> bob
        3< -- You are in #lobby as bob, with 1 other.
        1< -- bob is here.
        3> back
        1< bob: back",
    );
    assert!(
        server
            .children()
            .iter()
            .any(|(pid, _)| *pid == server.hub(1))
    );
}

/// Gets as far as it gets until the server hears of the reset.
fn come_and_reset(server: &Server, crowd: usize, guest: usize) {
    let mut client = server.connect();
    client.send(match guest % 3 {
        0 => String::new(),
        1 => format!("guest{crowd}-{guest}\n"),
        _ => format!("guest{crowd}-{guest}\n/join elsewhere\n"),
    });
    client.reset();
}

/// The next line that does not tell who comes and goes; of those others so many are here.
fn hear(client: &mut Client, others: &mut i32) -> String {
    loop {
        match client.line() {
            line if line.ends_with(" is here.") => *others += 1,
            line if line.ends_with(" has left.") => *others -= 1,
            line => return line,
        }
    }
}

#[test]
fn resets_during_joining_do_not_disturb_members() {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("chat --history 0 --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        scene.play(ALICE_AND_BOB);
        // Many come and go at the same moment, in the middle of joining, and the two talk meanwhile.
        let mut others = [0; 2];
        thread::scope(|scope| {
            for crowd in 0..4 {
                let server = &server;
                scope.spawn(move || (0..20).for_each(|guest| come_and_reset(server, crowd, guest)));
            }
            for number in 0..50 {
                scene.client(1).send(format!("{number}\n"));
                let heard = hear(scene.client(2), &mut others[1]);
                assert_eq!(heard, format!("alice: {number}"), "{model}");
            }
        });
        server.log_lines(" end: ", 80);
        // Those who came so far as to be seen are seen to leave as well.
        for (who, others) in [1, 2].into_iter().zip(&mut others) {
            wait_for("the two to be alone", || {
                scene.client(who).send("/who\n");
                let names = hear(scene.client(who), others);
                (names == "-- In #lobby: alice, bob").then_some(())
            });
            assert_eq!(*others, 0, "{model}");
        }
        // A line that is not ended is said when its peer ends its side, and is not when it is lost.
        scene.play(
            "+3
            3> carol
            3< -- You are in #lobby as carol, with 2 others.
            1< -- carol is here.
            3: half a li
            -3
            3.
            1< carol: half a li
            1< -- carol has left.
            +4
            4> dave
            4< -- You are in #lobby as dave, with 2 others.
            1< -- dave is here.
            4: half a li
            !4
            1< -- dave has left.
            1> hello
            2< -- carol is here.
            2< carol: half a li
            2< -- carol has left.
            2< -- dave is here.
            2< -- dave has left.
            2< alice: hello",
        );
        if model == "fork" {
            let left = server.wait_for_children("the others to be gone", |left| left.len() == 3);
            assert!(left.iter().any(|(pid, _)| *pid == server.hub(1)));
        }
    }
}
