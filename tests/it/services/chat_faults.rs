//! The `chat` service with members that do not read, crash, or leave in the middle.

use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::chat::{ALICE_AND_BOB, GREETING, enter};
use crate::support::{CONCURRENT_MODELS, Client, Scene, Server, pid_in, temp_dir, wait_for};

#[test]
fn a_member_that_does_not_read_is_dropped_without_delaying_others() {
    for model in ["fork", "events"] {
        // A Unix socket buffers far less than a TCP connection.
        let folder = temp_dir();
        let socket = folder.path().join("socket");
        let listen = format!("--listen unix:{}", socket.display());
        let server = Server::start(&format!("chat --model {model} {listen}"));
        let mut slow = Client::connect_unix(&socket);
        setsockopt(&slow.stream, sockopt::RcvBuf, &2048).expect("it is a socket");
        enter(&mut slow, "slow");
        let mut members: Vec<Client> = (0..49).map(|_| server.connect()).collect();
        for (number, client) in members.iter_mut().enumerate() {
            enter(client, &format!("p{number}"));
        }
        for (number, client) in members.iter_mut().enumerate() {
            for later in number + 1..49 {
                assert_eq!(client.line(), format!("-- p{later} is here."));
            }
        }
        // They post by turns, each within its rate limit, until the member that does not read is dropped.
        // All others get every post and a notice.
        let mut dropped = [false; 49];
        let long = "x".repeat(8000);
        for (turn, poster) in (0..49).cycle().take(49 * 12).enumerate() {
            members[poster].send(format!("{turn} {long}\n"));
            let expected = format!("p{poster}: {turn} {long}");
            for (number, client) in members.iter_mut().enumerate() {
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
        for (number, client) in members.iter_mut().enumerate() {
            if !dropped[number] {
                assert_eq!(client.line(), NOTICE, "{model}, {number}");
            }
        }
        // The dropped member finds the reason at the end of its input.
        let rest = slow.rest();
        let reason = b"-- You read too slowly. Goodbye.\n";
        assert!(rest.ends_with(reason), "{model}");
        server.check_memory(16 * 1024);
    }
}

const NOTICE: &str = "-- slow fell behind and was dropped.";

/// The hub process is forked at the first member, and must not keep the socket of that member open.
#[test]
fn the_first_member_is_disconnected_when_its_process_is_killed() {
    let server = Server::start("chat");
    let mut scene = Scene::at(&server, &GREETING);
    scene.play(ALICE_AND_BOB);
    let peer = scene.client(1).address();
    let fork = server.log(&format!("fork peer={peer}"));
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
    let peer = scene.client(2).address();
    let fork = server.log(&format!("fork peer={peer}"));
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

/// Connects, enters and joins a room, or does less, and resets the connection.
fn connect_and_reset(server: &Server, thread: usize, number: usize) {
    let mut client = server.connect();
    client.send(match number % 3 {
        0 => String::new(),
        1 => format!("p{thread}-{number}\n"),
        _ => format!("p{thread}-{number}\n/join elsewhere\n"),
    });
    client.reset();
}

/// The next line that is no notice of a member that came or left; these are counted in `others`.
fn next_post(client: &mut Client, others: &mut i32) -> String {
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
        // Other members connect and reset, some while they join, and the two talk meanwhile.
        let mut others = [0; 2];
        thread::scope(|scope| {
            for thread in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    (0..20).for_each(|number| connect_and_reset(server, thread, number))
                });
            }
            for number in 0..50 {
                scene.client(1).send(format!("{number}\n"));
                let post = next_post(scene.client(2), &mut others[1]);
                assert_eq!(post, format!("alice: {number}"), "{model}");
            }
        });
        server.log_lines(" end: ", 80);
        // Every member that was announced is announced to leave.
        for (number, others) in [1, 2].into_iter().zip(&mut others) {
            wait_for("the two to be alone", || {
                scene.client(number).send("/who\n");
                let names = next_post(scene.client(number), others);
                (names == "-- In #lobby: alice, bob").then_some(())
            });
            assert_eq!(*others, 0, "{model}");
        }
        // A line without an end is posted at the end of input, and discarded at a reset.
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
            let children = server.wait_for_children("the others to exit", |all| all.len() == 3);
            assert!(children.iter().any(|(pid, _)| *pid == server.hub(1)));
        }
    }
}
