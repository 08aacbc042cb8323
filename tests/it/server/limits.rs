//! Connection caps, per-host caps, timeouts, line lengths.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;

use nix::sys::signal::Signal;

use crate::support::{Client, MODELS, Server, temp_dir, wait_for, wait_until};

/// A session that works for longer than the idle timeout stays open, and others are served meanwhile.
#[test]
fn a_working_session_is_not_idle() {
    for model in ["fork", "threads", "events"] {
        let server = Server::villain(&format!("work --idle-timeout 300ms --model {model}"));
        let mut peer = server.connect();
        peer.send("1000\n");
        let mut other = server.connect();
        other.send("1\n");
        assert_eq!(other.line(), "done", "{model}");
        assert_eq!(peer.line(), "done", "{model}");
    }
}

#[test]
fn simultaneous_clients_do_not_exceed_the_cap() {
    for model in MODELS {
        check_cap(model);
    }
}

#[track_caller]
fn check_cap(model: &str) {
    let server = Server::start(&format!("echo --max-clients 2 --model {model}"));
    let end = if model == "fork" { " reap: " } else { " end: " };
    // All clients are in the backlog when the server continues.
    server.pause();
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    server.resume();
    for client in &mut clients {
        client.send("my turn\n");
    }
    for client in &mut clients {
        assert_eq!(client.line(), "my turn");
        client.shutdown_write();
    }
    server.log_lines(end, 6);
    let log = server.log_so_far();
    let third = line_of(&log, " accept ", 2);
    let first_end = line_of(&log, end, 0);
    assert!(
        first_end < third,
        "the third was accepted before one had left: {log:#?}"
    );
}

/// The index of the `nth` line of `log`, from 0, that contains `text`.
fn line_of(log: &[String], text: &str, nth: usize) -> usize {
    let mut lines = (0..log.len()).filter(|&line| log[line].contains(text));
    lines.nth(nth).unwrap_or_else(|| panic!("{text}: {log:#?}"))
}

#[test]
fn sequential_serves_one_client_at_a_time() {
    let server = Server::start("echo --model sequential");
    let mut first = server.connect();
    assert_eq!(first.ask("one"), "one");
    let mut second = server.connect();
    second.send("two\n");
    assert_eq!(first.ask("more"), "more");
    assert!(server.children().is_empty());
    drop(first);
    assert_eq!(second.line(), "two");
    let log = server.log_so_far();
    let (end, accept) = (line_of(&log, " end: ", 0), line_of(&log, " accept ", 1));
    assert!(end < accept, "{log:#?}");
}

#[test]
fn listeners_take_turns() {
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    let args = format!(
        "uppercase --model sequential --listen unix:{}",
        socket.display()
    );
    let server = Server::start(&args);
    // All clients are in both backlogs when the server continues.
    server.pause();
    let over_unix: Vec<_> = (0..4)
        .map(|_| UnixStream::connect(&socket).expect("the server listens"))
        .collect();
    let over_tcp: Vec<_> = (0..4).map(|_| server.connect()).collect();
    server.resume();
    drop((over_unix, over_tcp));
    let accepted = server.log_lines(" accept ", 8);
    let kinds: Vec<bool> = accepted.iter().map(|line| line.contains("unix:")).collect();
    assert!(
        kinds.windows(2).all(|two| two[0] != two[1]),
        "{accepted:#?}"
    );
}

#[test]
fn a_host_over_its_cap_gets_a_message_without_a_fork() {
    for model in ["fork", "threads", "events"] {
        check_cap_of_a_host(model);
    }
}

#[track_caller]
fn check_cap_of_a_host(model: &str) {
    let server = Server::serve(&format!(
        "echo --model {model} --max-clients 10 --max-per-host 2 --listen :0"
    ));
    let mut first: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut first {
        assert_eq!(client.ask("hello"), "hello");
    }
    let mut third = server.connect();
    third.send("early input\n");
    let message =
        "Too many sessions from 127.0.0.1: at most 2 at the same time. Try again later.\n";
    assert_eq!(String::from_utf8_lossy(&third.rest()), message);
    server.log("refuse: Too many");
    let children = if model == "fork" { 2 } else { 0 };
    assert_eq!(server.children().len(), children);
    let mut other = Client::connect_from([127, 0, 0, 2], server.address());
    assert_eq!(other.ask("another host"), "another host");
    drop(first.pop());
    server.log(if model == "fork" {
        " reap: "
    } else {
        " end: closed by the peer"
    });
    // In a thread, the slot becomes free shortly after the end is logged.
    wait_until("a free slot", || server.connect().ask("hello") == "hello");
}

#[test]
fn hundreds_of_refusals_take_few_descriptors() {
    let server = Server::start("echo --max-per-host 1");
    let mut only = server.connect();
    assert_eq!(only.ask("hello"), "hello");
    let mut refused: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let last = refused.last_mut().expect("it is not empty");
    assert!(last.line().starts_with("Too many sessions"));
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("it runs")
        .count();
    assert!(open < 100, "{open} descriptors");
    assert_eq!(only.ask("still there?"), "still there?");
}

#[test]
fn timeouts_close_sessions() {
    let too_long = "Idle for too long. Goodbye.";
    let over = "The session time limit is reached. Goodbye.";
    for model in MODELS {
        for (limit, message, end) in [
            ("--idle-timeout", too_long, "end: idle"),
            ("--first-message-timeout", too_long, "end: idle"),
            ("--session-timeout", over, "end: session timeout"),
        ] {
            let server = Server::start(&format!("eliza {limit} 200ms --model {model}"));
            let mut client = server.connect();
            assert!(client.line().contains("feel"));
            assert_eq!(client.line(), message);
            assert_eq!(client.rest(), b"");
            server.log(end);
        }
    }
    // A byte service sends no message, which would look like content.
    let server = Server::start("echo --idle-timeout 200ms");
    assert_eq!(server.connect().rest(), b"");
}

#[test]
fn timeouts_apply_to_a_line_that_arrives_byte_by_byte() {
    for (limits, message) in [
        ("--idle-timeout 300ms", "Idle for too long. Goodbye."),
        (
            "--idle-timeout none --first-message-timeout 300ms",
            "Idle for too long. Goodbye.",
        ),
        (
            "--idle-timeout none --session-timeout 300ms",
            "The session time limit is reached. Goodbye.",
        ),
    ] {
        let server = Server::start(&format!("eliza --max-line 64M {limits}"));
        let mut client = server.connect();
        assert!(client.line().contains("feel"));
        let mut writing = client.stream.try_clone().expect("a socket can be cloned");
        // Send byte by byte until the server closes.
        let trickle = thread::spawn(move || while writing.write_all(b"x").is_ok() {});
        assert_eq!(client.line(), message);
        drop((client, server));
        trickle.join().expect("the writer does not panic");
    }
}

#[test]
fn max_line_limits_the_length_of_lines() {
    let server = Server::villain("stubborn --max-line 10");
    let mut client = server.connect();
    assert_eq!(client.line(), "ready");
    assert_eq!(client.ask("0123456789"), "0123456789");
    assert_eq!(client.ask("0123456789a"), "That line is too long. Goodbye.");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_peer_that_keeps_sending_is_cut_off_after_the_grace_period() {
    let server = Server::start("eliza --grace 300ms");
    let mut client = server.connect();
    client.line();
    client.send("quit\n");
    assert!(client.line().contains("oodbye"));
    // The client keeps sending, and the server must not read forever.
    let mut writing = client.stream.try_clone().expect("a socket can be cloned");
    let sender = thread::spawn(move || while writing.write_all(b"another line\n").is_ok() {});
    server.log("end: closed by the service");
    server.log("reap");
    sender.join().expect("the writer does not panic");
}

#[test]
fn a_refused_peer_does_not_delay_other_events() {
    for model in ["fork", "threads", "events"] {
        let mut server = Server::start(&format!("echo --max-per-host 1 --model {model}"));
        let mut first = server.connect();
        assert_eq!(first.ask("hello"), "hello");
        // While the refused peer is still connected, a client connects to another listener, and a signal
        // arrives.
        let mut refused = server.connect();
        assert!(refused.line().contains("at most 1"));
        let port = server.address().port();
        let next = || Client::connect(([0, 0, 0, 0, 0, 0, 0, 1], port).into());
        let mut other = next();
        assert_eq!(other.ask("hello"), "hello");
        server.signal(Signal::SIGUSR1);
        server.log_lines("counters live=2", 1);
        drop((refused, other));
        // And afterwards as well.
        for number in 1..=5 {
            let end = if model == "fork" {
                " reap: "
            } else {
                " end: closed by the peer"
            };
            server.log_lines(end, number);
            let again = wait_for("the next client to be served", || {
                let mut client = next();
                (client.ask("hello") == "hello").then_some(client)
            });
            drop(again);
        }
        server.signal(Signal::SIGUSR1);
        server.log_lines("counters ", 2);
        server.signal(Signal::SIGTERM);
        drop(first);
        assert_eq!(server.wait().code(), Some(0));
        let log = server.whole_log();
        assert!(
            !log.iter().any(|line| line.contains("does not return")),
            "{log:#?}"
        );
    }
}
