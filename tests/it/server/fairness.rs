//! A client that keeps its session busy delays no other, and the server notices what happens meanwhile.

use nix::sys::signal::Signal;

use crate::support::{CONCURRENT_MODELS, MODELS, Server, UdpClient};

/// Asks for some hours of work.
const LONG: &str = "30000000\n";

#[test]
fn a_working_session_delays_no_other() {
    for model in CONCURRENT_MODELS {
        let mut server = Server::villain(&format!("work --model {model}"));
        let (mut busy, mut other) = (server.connect(), server.connect());
        busy.send(LONG);
        for _ in 0..10 {
            assert_eq!(other.ask("0"), "done", "{model}");
        }
        // It ends when the server stops.
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        check_graceful(&server);
        assert_eq!(busy.rest(), b"", "{model}");
    }
}

#[test]
fn a_working_session_ends_when_its_peer_has_left() {
    for model in MODELS {
        let server = Server::villain(&format!("work --grace 100ms --model {model}"));
        let mut closed = server.connect();
        closed.send(LONG);
        drop(closed);
        server.log("end: closed by the peer");
        let mut reset = server.connect();
        reset.send(LONG);
        reset.reset();
        server.log("end: connection lost");
    }
    // A peer that has closed its sending side only is answered.
    for model in MODELS {
        let server = Server::villain(&format!("work --model {model}"));
        let mut client = server.connect();
        client.send("500\n300\n");
        client.shutdown_write();
        assert_eq!(client.rest(), b"done\ndone\n", "{model}");
    }
}

#[test]
fn messages_that_arrived_together_do_not_delay_other_clients() {
    let server = Server::serve("display --model events --listen 0 --listen udp://127.0.0.1:0");
    let (mut busy, mut other) = (server.connect(), server.connect());
    let (busy_udp, other_udp) = (UdpClient::connect(&server), UdpClient::connect(&server));
    let mut printed = 0;
    for (name, client) in [("busy", &mut busy), ("other", &mut other)] {
        client.send(format!("{name} is here\n"));
        printed = server.output_lines(printed + 1).len();
    }
    for (name, client) in [("busy", &busy_udp), ("other", &other_udp)] {
        client.send(format!("{name} is here over UDP"));
        printed = server.output_lines(printed + 1).len();
    }
    // When the server continues, everything has arrived, that of the busy client first.
    server.pause();
    busy.send("busy\n".repeat(2000));
    other.send("other\n");
    server.resume();
    let lines = server.output_lines(printed + 2001);
    check_early(&lines[printed..], "other");
    printed = lines.len();
    server.pause();
    (0..200).for_each(|_| busy_udp.send("busy"));
    other.send("other\n");
    server.resume();
    let lines = server.output_lines(printed + 201);
    check_early(&lines[printed..], "other");
}

/// Checks that the line that ends with this word is one of the first.
#[track_caller]
fn check_early(lines: &[String], word: &str) {
    let position = lines.iter().position(|line| line.ends_with(word));
    assert!(position < Some(10), "line {position:?} of {}", lines.len());
}

#[test]
fn answers_are_sent_and_signals_are_seen_between_messages_that_arrived_together() {
    for model in MODELS {
        // A line takes 20 milliseconds, so all lines take a minute.
        let mut server = Server::villain(&format!("slow --model {model}"));
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("x\n".repeat(3000));
        assert_eq!(client.line(), "x");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        check_graceful(&server);
        let answered = client.rest().split(|&byte| byte == b'\n').count();
        assert!(answered < 2000, "{model}: {answered} lines were answered");
    }
}

/// Checks that no session of a server that has exited had to be killed.
#[track_caller]
fn check_graceful(server: &Server) {
    let log = server.whole_log();
    let killed = |line: &String| line.contains("killing") || line.contains("abandoning");
    assert!(!log.iter().any(killed), "{log:#?}");
    assert!(
        log.iter().any(|line| line.contains("end: server shutdown")),
        "{log:#?}"
    );
}
