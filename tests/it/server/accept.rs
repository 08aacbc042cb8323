//! Accepting and reaping: bursts, stalls and idle clients that other servers fail at.

use nix::sys::signal::Signal;

use crate::support::{Client, MODELS, Server, installed, shell, stdout_of, wait_for_exit};

#[test]
fn many_short_connections_are_all_served() {
    for model in MODELS {
        for service in [&["echo"][..], &["exec", "--", "cat"]] {
            let server = if service.len() == 1 {
                Server::start(&format!("echo --model {model}"))
            } else {
                Server::exec(&format!("--model {model}"), &service[2..])
            };
            for _ in 0..300 {
                let mut client = server.connect();
                assert_eq!(client.ask("hello"), "hello");
                client.shutdown_write();
            }
            assert_eq!(server.connect().ask("and one more"), "and one more");
            let log = server.log_lines(" accept ", 301);
            assert_eq!(log.len(), 301);
            server.log_lines(" end: ", 300);
        }
    }
}

#[test]
fn simultaneous_clients_are_all_served() {
    for model in MODELS {
        let server = Server::start(&format!("echo --model {model}"));
        // All clients are in the backlog when the server continues.
        server.pause();
        let mut clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        server.resume();
        for client in &mut clients {
            client.send("hello\n");
            client.shutdown_write();
        }
        for mut client in clients {
            assert_eq!(client.rest(), b"hello\n", "{model}");
        }
        assert_eq!(server.log_lines(" accept ", 60).len(), 60);
    }
}

#[test]
fn consecutive_clients_are_served_without_a_stall() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["echo", "hello"]);
        let port = server.port();
        // A stall of a second per client would exceed the deadline of the command.
        let each = format!("for i in {{1..100}}; do nc.openbsd 127.0.0.1 {port} </dev/null; done");
        assert_eq!(stdout_of(&each, ""), "hello\n".repeat(100), "{model}");
        assert_eq!(server.log_lines(" accept ", 100).len(), 100);
    }
}

#[test]
fn an_idle_client_ends_only_its_session() {
    for model in ["fork", "threads", "events"] {
        for command in [None, Some("cat")] {
            let options = format!("--model {model} --idle-timeout 500ms");
            let server = match command {
                None => Server::start(&format!("echo {options}")),
                Some(command) => Server::exec(&options, &[command]),
            };
            let mut idle = server.connect();
            assert_eq!(idle.rest(), b"");
            server.log("end: idle");
            let mut next = server.connect();
            assert_eq!(next.ask("hello"), "hello", "{model}");
        }
    }
}

#[test]
fn ended_children_are_reaped_without_another_client() {
    for command in [None, Some("cat")] {
        let server = match command {
            None => Server::start("echo"),
            Some(command) => Server::exec("", &[command]),
        };
        let mut clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("hello"), "hello");
        }
        assert_eq!(server.children().len(), 60);
        let mut one_more = server.connect();
        assert_eq!(one_more.ask("me too"), "me too");
        clients.iter().for_each(Client::shutdown_write);
        drop(clients);
        server.wait_for_children("all children but one to be reaped", |children| {
            children.len() == 1
        });
        assert_eq!(one_more.ask("still there?"), "still there?");
    }
}

#[test]
fn the_whole_answer_arrives_after_the_end_of_input() {
    let sent: Vec<u8> = (0..200_000u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    // The program answers long after the end of its input.
    let slow = ["sh", "-c", "sleep 0.8; cat; sleep 0.8; echo; echo the end"];
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &slow);
        let port = server.port();
        let mut whole = sent.clone();
        whole.extend_from_slice(b"\nthe end\n");
        let clients = [
            ("nc.openbsd", format!("nc.openbsd -N 127.0.0.1 {port}")),
            ("ncat", format!("ncat 127.0.0.1 {port}")),
        ];
        for (client, command) in clients {
            if installed(&[client]) {
                let answer = shell(&command, &sent).stdout;
                assert!(answer == whole, "{model}, {client}: {} bytes", answer.len());
            }
        }
    }
}

#[test]
fn no_program_outlives_the_server() {
    for model in MODELS {
        let mut server = Server::exec(
            &format!("--model {model} --idle-timeout none"),
            &["sleep", "1000"],
        );
        let clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        let count = if model == "sequential" { 1 } else { 3 };
        let programs = server.programs(count);
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        programs.into_iter().for_each(wait_for_exit);
        drop(clients);
    }
}
