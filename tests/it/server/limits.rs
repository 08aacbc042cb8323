//! The limits: caps that wait, caps that refuse, and time.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use nix::sys::signal::Signal;

use crate::support::server::{Caller, MODELS, Server, program, until};

/// Who works for longer than a peer may be silent is not silent, and the others are served.
#[test]
fn a_session_at_work_is_not_idle() {
    for model in ["fork", "threads", "events"] {
        let server = Server::villain(&format!("work --idle 300ms --model {model}"));
        let mut peer = server.connect();
        peer.say("1000\n");
        let mut other = server.connect();
        other.say("1\n");
        assert_eq!(other.line(), "done", "{model}");
        assert_eq!(peer.line(), "done", "{model}");
    }
}

#[test]
fn a_crowd_at_the_door_does_not_get_past_the_cap() {
    for model in MODELS {
        check_cap(model);
    }
}

#[track_caller]
fn check_cap(model: &str) {
    let server = Server::start(&format!("echo --max-clients 2 --model {model}"));
    let end = if model == "fork" { " reap: " } else { " end: " };
    // They all arrive before the server looks again.
    server.signal(Signal::SIGSTOP);
    server.state_until('T');
    let mut callers: Vec<_> = (0..6).map(|_| server.connect()).collect();
    server.signal(Signal::SIGCONT);
    for caller in &mut callers {
        caller.say("my turn\n");
    }
    for caller in &mut callers {
        assert_eq!(caller.line(), "my turn");
        caller.hang_up();
    }
    server.log_times(end, 6);
    let log = server.log_times("", 1);
    let third = place(&log, " accept ", 2);
    let first_end = place(&log, end, 0);
    assert!(
        first_end < third,
        "the third came in before one had left: {log:#?}"
    );
}

/// Which line of `log` is the one that has `what` after `before` others have.
fn place(log: &[String], what: &str, before: usize) -> usize {
    let mut lines = (0..log.len()).filter(|&line| log[line].contains(what));
    lines
        .nth(before)
        .unwrap_or_else(|| panic!("{what}: {log:#?}"))
}

#[test]
fn one_client_at_a_time_lets_the_next_one_wait() {
    let server = Server::start("echo --model sequential");
    let mut first = server.connect();
    assert_eq!(first.ask("one"), "one");
    let mut second = server.connect();
    second.say("two\n");
    assert_eq!(first.ask("more"), "more");
    assert!(server.children().is_empty());
    drop(first);
    assert_eq!(second.line(), "two");
    let log = server.log_times("", 1);
    let (end, accept) = (place(&log, " end: ", 0), place(&log, " accept ", 1));
    assert!(end < accept, "{log:#?}");
}

#[test]
fn a_crowd_at_one_listener_does_not_shut_out_the_other() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("socket");
    let words = format!(
        "uppercase --model sequential --listen unix:{}",
        socket.display()
    );
    let server = Server::start(&words);
    // Both crowds are there before the server looks.
    server.signal(Signal::SIGSTOP);
    server.state_until('T');
    let over_unix: Vec<_> = (0..4)
        .map(|_| UnixStream::connect(&socket).expect("somebody listens"))
        .collect();
    let over_tcp: Vec<_> = (0..4).map(|_| server.connect()).collect();
    server.signal(Signal::SIGCONT);
    drop((over_unix, over_tcp));
    let accepted = server.log_times(" accept ", 8);
    let kinds: Vec<bool> = accepted.iter().map(|line| line.contains("unix:")).collect();
    assert!(
        kinds.windows(2).all(|two| two[0] != two[1]),
        "{accepted:#?}"
    );
}

#[test]
fn a_host_over_its_cap_is_refused_with_words_and_without_a_fork() {
    for model in ["fork", "threads", "events"] {
        check_cap_of_a_host(model);
    }
}

#[track_caller]
fn check_cap_of_a_host(model: &str) {
    let words =
        format!("-v serve echo --model {model} --max-clients 10 --max-per-host 2 --listen :0");
    let server = Server::run(Command::new(program()).args(words.split_whitespace()));
    let mut held: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for caller in &mut held {
        assert_eq!(caller.ask("hello"), "hello");
    }
    let mut third = server.connect();
    third.say("I talk before I listen\n");
    let words =
        "Too many conversations with 127.0.0.1 at the same time: at most 2. Try again later.\n";
    assert_eq!(String::from_utf8_lossy(&third.rest()), words);
    server.log("refuse: Too many");
    let children = if model == "fork" { 2 } else { 0 };
    assert_eq!(server.children().len(), children);
    let mut other = Caller::from([127, 0, 0, 2], server.address());
    assert_eq!(other.ask("another host"), "another host");
    drop(held.pop());
    server.log(if model == "fork" {
        " reap: "
    } else {
        " end: the peer left"
    });
    // In a thread, its place is free shortly after that.
    until("room again", || {
        (server.connect().ask("room again") == "room again").then_some(())
    });
}

#[test]
fn refusals_by_the_hundred_cost_no_descriptors() {
    let server = Server::start("echo --max-per-host 1");
    let mut only = server.connect();
    assert_eq!(only.ask("hello"), "hello");
    let mut refused: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let last = refused.last_mut().expect("there are many");
    assert!(last.line().starts_with("Too many conversations"));
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("it runs")
        .count();
    assert!(open < 100, "{open} descriptors");
    assert_eq!(only.ask("still there?"), "still there?");
}

#[test]
fn a_conversation_is_ended_when_its_time_is_over() {
    let too_long = "Nothing was heard for too long. Goodbye.";
    let over = "The time for this conversation is over. Goodbye.";
    for model in MODELS {
        for (limit, words, end) in [
            ("--idle", too_long, "end: idle"),
            ("--first", too_long, "end: idle"),
            ("--session", over, "end: lasted as long as it may"),
        ] {
            let server = Server::start(&format!("eliza {limit} 200ms --model {model}"));
            let mut caller = server.connect();
            assert!(caller.line().contains("feel"));
            assert_eq!(caller.line(), words);
            assert_eq!(caller.rest(), b"");
            server.log(end);
        }
    }
    // Words would be taken for content here.
    let server = Server::start("echo --idle 200ms");
    assert_eq!(server.connect().rest(), b"");
}

#[test]
fn a_line_that_trickles_is_no_message() {
    for (limits, words) in [
        ("--idle 300ms", "Nothing was heard for too long. Goodbye."),
        (
            "--idle none --first 300ms",
            "Nothing was heard for too long. Goodbye.",
        ),
        (
            "--idle none --session 300ms",
            "The time for this conversation is over. Goodbye.",
        ),
    ] {
        let server = Server::start(&format!("eliza --max-line 64M {limits}"));
        let mut caller = server.connect();
        assert!(caller.line().contains("feel"));
        let mut writing = caller.stream.try_clone().expect("a socket can be cloned");
        // One byte after the other, until it is cut off.
        let trickle = thread::spawn(move || while writing.write_all(b"x").is_ok() {});
        assert_eq!(caller.line(), words);
        drop((caller, server));
        trickle.join().expect("the writer does not panic");
    }
}

#[test]
fn a_line_may_be_as_long_as_is_said() {
    let server = Server::villain("stubborn --max-line 10");
    let mut caller = server.connect();
    assert_eq!(caller.line(), "ready");
    assert_eq!(caller.ask("0123456789"), "0123456789");
    assert_eq!(caller.ask("0123456789a"), "That line is too long. Goodbye.");
    assert_eq!(caller.rest(), b"");
}

#[test]
fn who_does_not_leave_is_cut_when_the_grace_is_over() {
    let server = Server::start("eliza --grace 300ms");
    let mut caller = server.connect();
    caller.line();
    caller.say("quit\n");
    assert!(caller.line().contains("oodbye"));
    // It goes on talking, and the server does not listen for ever.
    let mut writing = caller.stream.try_clone().expect("a socket can be cloned");
    let talker = thread::spawn(move || while writing.write_all(b"and another thing\n").is_ok() {});
    server.log("end: closed by the service");
    server.log("reap");
    talker.join().expect("the writer does not panic");
}

#[test]
fn a_refusal_makes_the_server_deaf_to_nobody() {
    for model in ["fork", "threads", "events"] {
        let mut server = Server::start(&format!("echo --max-per-host 1 --model {model}"));
        let mut held = server.connect();
        assert_eq!(held.ask("hello"), "hello");
        // While one is told to go, somebody comes to another listener, and an order is given.
        let mut refused = server.connect();
        assert!(refused.line().contains("at most 1"));
        let port = server.address().port();
        let next = || Caller::connect(([0, 0, 0, 0, 0, 0, 0, 1], port).into());
        let mut other = next();
        assert_eq!(other.ask("hello"), "hello");
        server.signal(Signal::SIGUSR1);
        server.log_times("counters live=2", 1);
        drop((refused, other));
        // All of them are heard afterwards as well.
        for number in 1..=5 {
            let end = if model == "fork" {
                " reap: "
            } else {
                " end: the peer left"
            };
            server.log_times(end, number);
            let again = until("the next one to be let in", || {
                let mut caller = next();
                (caller.ask("hello") == "hello").then_some(caller)
            });
            drop(again);
        }
        server.signal(Signal::SIGUSR1);
        server.log_times("counters ", 2);
        server.signal(Signal::SIGTERM);
        drop(held);
        assert_eq!(server.wait().code(), Some(0));
        let log = server.whole_log();
        assert!(
            !log.iter().any(|line| line.contains("does not come back")),
            "{log:#?}"
        );
    }
}
