//! What a peer may ask of the program beside talking: lines that begin with an asterisk.

use crate::server::udp;
use crate::support::server::{MODELS, Server, have, heard};

const PARROT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/transcripts/parrot.toml");

const SAID: &str = "*why\nI need my mother.\n*why\n*script /etc/passwd\n*script friend\n*script parrot\n*help\n*reset\nBye\n";

/// What a peer hears to `SAID`; of the friend's greeting, of which there are several, only that it is
/// one line.
#[track_caller]
fn check(heard: &str, how: &str) {
    let lines: Vec<&str> = heard.lines().collect();
    let expected = [
        "How do you feel?",
        "Nothing was answered yet.",
        "Why do you need your mother?",
        "input       I need my mother.",
    ];
    assert_eq!(lines[..4], expected, "{how}");
    let end = lines.iter().position(|line| *line == "from        a rule");
    let rest = &lines[end.unwrap_or_else(|| panic!("{how}: {heard}")) + 1..];
    assert!(
        rest[0].starts_with("No such script; there are: parrot, friend"),
        "{how}: {heard}"
    );
    assert!(rest[1].contains("feel"), "{how}: {heard}");
    assert_eq!(rest[2], "How do you feel?", "{how}");
    for (line, command) in rest[3..].iter().zip(["*why", "*reset", "*script", "*help"]) {
        assert!(line.starts_with(command), "{how}: {heard}");
    }
    assert_eq!(rest[7..], ["How do you feel?", "Goodbye."], "{how}");
}

#[test]
fn nc_asks_under_every_model() {
    if !have(&["nc.openbsd"]) {
        return;
    }
    for model in MODELS {
        let server = Server::start(&format!(
            "eliza --commands --script {PARROT} --model {model}"
        ));
        let call = format!("nc.openbsd -N localhost {}", server.port());
        check(&heard(&call, SAID), model);
    }
}

#[test]
fn standard_input_and_talk_ask_as_well() {
    let serve = format!("$PROGRAM serve eliza --commands --script {PARROT} --listen -");
    check(&heard(&serve, SAID), "standard input");
    let talk = format!("$PROGRAM talk --commands --script {PARROT}");
    check(&heard(&talk, SAID), "talk");
}

#[test]
fn datagrams_ask_as_well() {
    let server = udp::start(&format!("eliza --commands --script {PARROT}"));
    let caller = udp::Caller::to(&server);
    caller.ask("I need my mother.");
    // What is longer than the question needs an address that was shown to be the asker's own.
    let proof = caller.ask("*why\n");
    let number: String = proof.chars().filter(char::is_ascii_digit).collect();
    let trace = caller.ask(format!("{number}\n"));
    assert!(
        trace.contains("input       I need my mother.\n"),
        "{proof}{trace}"
    );
    assert_eq!(caller.ask("*reset\n"), "How do you feel?\n");
}

#[test]
fn a_peer_opens_no_file() {
    let server = Server::start("eliza --commands --model sequential");
    let mut caller = server.connect();
    caller.line();
    for name in [
        PARROT,
        "/etc/passwd",
        "../friend",
        "/dev/zero",
        "friend/",
        "fd:0",
        "parrot",
    ] {
        let answer = caller.ask(&format!("*script {name}"));
        assert!(answer.starts_with("No such script"), "{name}: {answer}");
    }
}

#[test]
fn without_commands_it_is_talk() {
    let server = Server::start(&format!("eliza --script {PARROT}"));
    let mut caller = server.connect();
    caller.line();
    let answer = caller.ask("*why");
    assert!(!answer.contains("Nothing was answered"), "{answer}");
    let answer = caller.ask("*help");
    assert!(!answer.contains("*why"), "{answer}");
}

#[test]
fn a_trace_of_a_long_line_is_short() {
    let server = Server::start("eliza --commands --max-line 1M --model events");
    let mut caller = server.connect();
    caller.line();
    caller.ask(&"you ".repeat(200_000));
    caller.say("*why\n");
    caller.hang_up();
    let heard = caller.rest();
    assert!(heard.len() < 8 * 1024, "{}", heard.len());
}
