//! Graceful shutdown: sessions are notified, the grace period holds, and no process stays.

use std::fs;
use std::net::TcpStream;
use std::thread;

use nix::sys::signal::{Signal, kill};

use crate::support::{MODELS, Server, signal_and_wait, temp_dir, wait_for_exit};

#[test]
fn sigterm_and_sigint_shut_down_gracefully() {
    for (model, signal) in [
        ("fork", Signal::SIGTERM),
        ("fork", Signal::SIGINT),
        ("threads", Signal::SIGTERM),
        ("threads", Signal::SIGINT),
        ("events", Signal::SIGTERM),
        ("events", Signal::SIGINT),
        ("sequential", Signal::SIGTERM),
    ] {
        let mut server = Server::start(&format!("eliza --model {model}"));
        let count = if model == "sequential" { 1 } else { 3 };
        let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
        clients
            .iter_mut()
            .for_each(|client| assert!(client.line().contains("feel")));
        let children = server.children();
        server.signal(signal);
        for client in &mut clients {
            assert!(client.line().contains("oodbye"));
            assert_eq!(client.rest(), b"");
        }
        drop(clients);
        assert_eq!(server.wait().code(), Some(0));
        for (child, _) in children {
            assert!(kill(child, None).is_err(), "{child} is still alive");
        }
    }
}

#[test]
fn ctrl_c_at_a_terminal_shuts_down_gracefully() {
    let mut server = Server::start("eliza");
    let mut client = server.connect();
    assert!(client.line().contains("feel"));
    for (child, _) in server.children() {
        signal_and_wait(child, Signal::SIGINT);
    }
    assert!(
        !client.ask("I need a coat").contains("oodbye"),
        "only the signal to the server counts"
    );
    server.signal(Signal::SIGINT);
    assert!(client.line().contains("oodbye"));
    drop(client);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_endless_session_is_shut_down_gracefully() {
    let mut server = Server::villain("endless --grace 1m");
    let mut client = server.connect();
    assert!(client.line().starts_with("and so on"));
    let reader = thread::spawn(move || client.rest().len());
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.log("end: server shutdown");
    reader.join().expect("the reader does not panic");
}

#[test]
fn a_server_in_shutdown_refuses_connections() {
    let mut server = Server::villain("stubborn --grace 1m");
    let mut client = server.connect();
    assert_eq!(client.line(), "ready");
    let address = server.address();
    server.signal(Signal::SIGTERM);
    server.log("stop sessions=1");
    let refused = TcpStream::connect(address).map_err(|error| error.kind());
    assert_eq!(
        refused.map(drop),
        Err(std::io::ErrorKind::ConnectionRefused)
    );
    assert_eq!(client.ask("still here"), "still here");
    // A second signal ends the grace period.
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.log("killing the remaining sessions");
}

#[test]
fn sessions_are_killed_after_the_grace_period() {
    for model in MODELS {
        for service in ["stubborn", "stuck"] {
            let mut server = Server::villain(&format!("{service} --grace 200ms --model {model}"));
            let mut client = server.connect();
            assert_eq!(client.line(), "ready");
            client.send("go\n");
            let children = server.children();
            assert_eq!(children.len(), usize::from(model == "fork"));
            server.signal(Signal::SIGTERM);
            assert_eq!(server.wait().code(), Some(0));
            for (child, _) in children {
                assert!(kill(child, None).is_err(), "{child} is still alive");
            }
        }
    }
}

#[test]
fn every_end_is_logged_after_the_grace_period() {
    for model in MODELS {
        let mut server = Server::villain(&format!("stubborn --grace 200ms --model {model}"));
        let count = if model == "sequential" { 1 } else { 10 };
        let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
        clients
            .iter_mut()
            .for_each(|client| assert_eq!(client.line(), "ready"));
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        server.log_lines("end: aborted", count);
    }
}

#[test]
fn children_of_a_killed_server_die_and_free_the_port() {
    let mut server = Server::start("echo");
    let mut client = server.connect();
    assert_eq!(client.ask("hello"), "hello");
    let child = server.children()[0].0;
    let address = server.address();
    server.signal(Signal::SIGKILL);
    server.wait();
    drop(Server::serve(&format!("echo --listen {address}")));
    assert_eq!(client.rest(), b"");
    drop(client);
    wait_for_exit(child);
}

#[test]
fn the_socket_file_is_removed_at_shutdown() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let mut server = Server::start(&format!(
            "echo --model {model} --listen unix:{}",
            path.display()
        ));
        assert!(path.exists());
        assert_eq!(server.connect().ask("hello"), "hello");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        assert!(!path.exists());
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
        assert_eq!(
            server
                .whole_log()
                .iter()
                .filter(|line| line.contains("listens on"))
                .count(),
            1
        );
    }
}
