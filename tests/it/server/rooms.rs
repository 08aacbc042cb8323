//! Rooms: several listeners, the hub process, shutdown.

use std::fs;

use nix::sys::signal::{Signal, kill};

use crate::support::chat::{ALICE_AND_BOB, GREETING, enter};
use crate::support::{
    CONCURRENT_MODELS, Client, MODELS, Scene, Server, UdpClient, pid_in, stdout_of, temp_dir,
};

const GONE: &str = "The server lost the room. Goodbye.";

/// Serves on TCP, on UDP, and on a Unix socket in `folder`.
fn serve_everywhere(args: &str, folder: &tempfile::TempDir) -> Server {
    let unix = format!("--listen unix:{}", folder.path().join("socket").display());
    let server = Server::serve(&format!(
        "{args} --listen 127.0.0.1:0 {unix} --listen udp://127.0.0.1:0"
    ));
    assert_eq!(server.addresses().len(), 1);
    server
}

#[test]
fn a_session_can_answer_its_own_posts() {
    for model in CONCURRENT_MODELS {
        let server = Server::villain(&format!("self-post --model {model}"));
        let mut client = server.connect();
        assert_eq!(client.ask("here"), "done", "{model}");
    }
}

#[test]
fn a_panic_about_a_room_does_not_end_other_rooms() {
    for model in CONCURRENT_MODELS {
        let server = Server::villain(&format!("self-post --model {model}"));
        let (mut one, mut other) = (server.connect(), server.connect());
        assert_eq!(one.ask("here"), "done");
        other.send("panic\n");
        assert_eq!(one.ask("there"), "done", "{model}");
    }
}

#[test]
fn clients_of_different_listeners_share_rooms() {
    for model in CONCURRENT_MODELS {
        let folder = temp_dir();
        let socket = folder.path().join("socket");
        let connect = |server: &Server, listener: &str| match listener {
            "unix" => Client::connect_unix(&socket),
            _ => server.connect(),
        };
        let server = serve_everywhere(&format!("forward --to all --model {model}"), &folder);
        let mut scene = Scene::new(&[], |listener| connect(&server, listener));
        scene.play("+1\n1= 1");
        let udp = UdpClient::connect(&server);
        udp.send("");
        scene.play("1: anyone there?");
        assert_eq!(udp.text(), "anyone there?", "{model}");
        scene.play(
            "+2 unix
            2= 2
            +3
            3= 2
            1: hello
            2= hello
            3= hello",
        );
        assert_eq!(udp.text(), "hello", "{model}");
        drop(scene);
        drop(server);

        fs::remove_file(&socket).ok(); // left behind by the killed server
        let server = serve_everywhere(&format!("chat --model {model}"), &folder);
        let mut scene = Scene::new(&GREETING, |listener| connect(&server, listener));
        scene.play(&ALICE_AND_BOB.replace("+2", "+2 unix"));
        let carol = UdpClient::connect(&server);
        let entered = "-- You are in #lobby as carol, with 2 others.\n";
        assert_eq!(carol.ask("carol\n"), entered, "{model}");
        scene.play(
            "1< -- carol is here.
            2< -- carol is here.
            2> hello
            1< bob: hello",
        );
        assert_eq!(carol.text(), "bob: hello\n");
        carol.send("hi\n");
        scene.play("1< carol: hi\n2< carol: hi");
    }
}

#[test]
fn a_lost_hub_is_announced_and_replaced() {
    let folder = temp_dir();
    let server = serve_everywhere("chat", &folder);
    let carol = UdpClient::connect(&server);
    for times in 1..3 {
        // The new rooms have no members of the old ones.
        let entered = "-- You are in #lobby as carol, alone.\n";
        // A long datagram raises the amplification limit far enough for all that follows.
        assert_eq!(carol.ask(format!("carol{:100}\n", "")), entered);
        let mut scene = Scene::at(&server, &GREETING);
        scene.play(
            "+1
            1> alice
            1< -- You are in #lobby as alice, with 1 other.
            +2
            2> bob
            2< -- You are in #lobby as bob, with 2 others.
            1< -- bob is here.
            1> hello
            2< alice: hello",
        );
        for line in ["-- alice is here.", "-- bob is here.", "alice: hello"] {
            assert_eq!(carol.text(), format!("{line}\n"));
        }
        let pid = server.hub(times);
        assert!(server.children().iter().any(|(child, _)| *child == pid));
        kill(pid, Signal::SIGKILL).expect("it runs");
        for number in [1, 2] {
            scene.play(&format!("{number}< {GONE}\n{number}."));
        }
        assert_eq!(carol.text(), format!("{GONE}\n"));
        server.log_lines("end: hub lost", 3 * times);
    }
    server.log("the hub has ended, and its rooms with it");
    server.log("the process of a UDP socket has ended; restarting it");
    assert_ne!(server.hub(1), server.hub(2));
}

#[test]
fn a_lost_hub_ends_sessions_of_other_services() {
    let server = Server::start("forward");
    let mut scene = Scene::at(&server, &[]);
    scene.play("+1\n1= 1\n+2\n2= 2\n1> hello\n2< hello");
    kill(server.hub(1), Signal::SIGKILL).expect("it runs");
    scene.play("1.\n2.\n+1\n1= 1\n+2\n2= 2\n1> again\n2< again");

    let server = Server::start("connect-four");
    let mut scene = Scene::at(&server, &[]);
    scene.play(
        "+1
        1< Connect Four: four in a line win. /help tells more.
        1< You are X.
        1< Waiting for an opponent.",
    );
    kill(server.hub(1), Signal::SIGKILL).expect("it runs");
    scene.play(&format!("1< {GONE}\n1."));
}

/// The sessions end one after the other, and the first ones to end have not left the others.
#[test]
fn at_shutdown_no_member_is_reported_to_have_left() {
    for model in CONCURRENT_MODELS {
        let mut server = Server::start(&format!("connect-four --model {model}"));
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..8 {
            let mut client = server.connect();
            let ready = ["Waiting for an opponent.", "X is to move."];
            while !ready.contains(&&*client.line()) {}
            clients.push(client);
        }
        while clients[0].line() != "Your turn, X: 1 to 7." {}
        server.signal(Signal::SIGTERM);
        for client in &mut clients {
            assert_eq!(client.rest(), b"Goodbye.\n", "{model}");
        }
        assert_eq!(server.wait().code(), Some(0));

        let mut server = Server::start(&format!("chat --model {model}"));
        let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            enter(client, &format!("p{number}"));
        }
        server.signal(Signal::SIGTERM);
        for client in &mut clients {
            let text = String::from_utf8(client.rest()).expect("it is text");
            assert!(
                !text.contains("has left") && !text.contains("lost"),
                "{model}: {text}"
            );
        }
        assert_eq!(server.wait().code(), Some(0));
    }
}

/// A single process that is asked to end is not a shutdown: the others are notified soon.
#[test]
fn a_member_whose_process_is_stopped_has_left() {
    let server = Server::start("chat");
    let mut scene = Scene::at(&server, &GREETING);
    scene.play(ALICE_AND_BOB);
    let peer = scene.client(2).address();
    let fork = server.log(&format!("fork peer={peer}"));
    kill(pid_in(&fork, "pid="), Signal::SIGTERM).expect("it runs");
    scene.play("2< -- The server stops.\n2< -- Goodbye.\n1< -- bob has left.");
}

#[test]
fn shutdown_of_rooms_sends_goodbye_and_leaves_no_process() {
    for (service, goodbye) in [
        ("chat", "-- The server stops.\n-- Goodbye.\n"),
        ("forward", ""),
    ] {
        for model in MODELS {
            let mut server = Server::start(&format!("{service} --model {model}"));
            let count = if model == "sequential" { 1 } else { 3 };
            let mut clients: Vec<Client> = Vec::new();
            for number in 0..count {
                let mut client = server.connect();
                if service == "chat" {
                    enter(&mut client, &format!("p{number}"));
                } else {
                    client.text(1);
                }
                clients.push(client);
                if service == "forward" && number == 1 {
                    break;
                }
            }
            let children = server.children();
            server.signal(Signal::SIGTERM);
            for (number, client) in clients.iter_mut().enumerate() {
                let text = String::from_utf8(client.rest()).expect("it is text");
                // Some are also notified of members that came.
                let own = text.lines().filter(|line| !line.ends_with(" is here."));
                let own: Vec<&str> = own.collect();
                assert_eq!(
                    own,
                    goodbye.lines().collect::<Vec<_>>(),
                    "{model}, {number}"
                );
            }
            drop(clients);
            assert_eq!(server.wait().code(), Some(0), "{service}, {model}");
            assert_eq!(children.is_empty(), model != "fork");
            for (child, _) in children {
                assert!(kill(child, None).is_err(), "{child} is still alive");
            }
        }
    }
}

#[test]
fn a_single_stdio_peer_leaves_no_hub_running() {
    for model in MODELS {
        for (input, goodbye) in [
            ("alice\n/who\n", ""),
            ("alice\n/who\n/quit\n", "-- Goodbye.\n"),
        ] {
            let serve = format!("$PROGRAM -q serve chat --listen stdio: --model {model}");
            let expected = GREETING.join("\n")
                + "\n-- You are in #lobby as alice, alone.\n-- In #lobby: alice\n"
                + goodbye;
            // A hub that still ran would keep standard output open, and this would not return.
            assert_eq!(stdout_of(&serve, input), expected, "{model}");
        }
    }
}
