//! What a peer may ask of the program beside talking: lines that begin with an asterisk.

use crate::support::{MODELS, Server, UdpClient, installed, stdout_of};

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
fn commands_work_by_nc_under_every_model() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for model in MODELS {
        let server = Server::start(&format!(
            "eliza --commands --script {PARROT} --model {model}"
        ));
        let call = format!("nc.openbsd -N localhost {}", server.port());
        check(&stdout_of(&call, SAID), model);
    }
}

#[test]
fn commands_work_on_stdio_and_in_talk() {
    let serve = format!("$PROGRAM serve eliza --commands --script {PARROT} --listen -");
    check(&stdout_of(&serve, SAID), "standard input");
    let talk = format!("$PROGRAM talk --commands --script {PARROT}");
    check(&stdout_of(&talk, SAID), "talk");
}

#[test]
fn commands_work_over_udp() {
    let server = Server::start_udp(&format!("eliza --commands --script {PARROT}"));
    let client = UdpClient::connect(&server);
    client.ask("I need my mother.");
    // What is longer than the question needs an address that was shown to be the asker's own.
    let proof = client.ask("*why\n");
    let number: String = proof.chars().filter(char::is_ascii_digit).collect();
    let trace = client.ask(format!("{number}\n"));
    assert!(
        trace.contains("input       I need my mother.\n"),
        "{proof}{trace}"
    );
    assert_eq!(client.ask("*reset\n"), "How do you feel?\n");
}

#[test]
fn script_commands_open_no_files() {
    let server = Server::start("eliza --commands --model sequential");
    let mut client = server.connect();
    client.line();
    for name in [
        PARROT,
        "/etc/passwd",
        "../friend",
        "/dev/zero",
        "friend/",
        "fd:0",
        "parrot",
    ] {
        let answer = client.ask(&format!("*script {name}"));
        assert!(answer.starts_with("No such script"), "{name}: {answer}");
    }
}

#[test]
fn without_commands_an_asterisk_is_plain_text() {
    let server = Server::start(&format!("eliza --script {PARROT}"));
    let mut client = server.connect();
    client.line();
    let answer = client.ask("*why");
    assert!(!answer.contains("Nothing was answered"), "{answer}");
    let answer = client.ask("*help");
    assert!(!answer.contains("*why"), "{answer}");
}

#[test]
fn a_trace_of_a_long_line_is_short() {
    let server = Server::start("eliza --commands --max-line 1M --model events");
    let mut client = server.connect();
    client.line();
    client.ask(&"you ".repeat(200_000));
    client.send("*why\n");
    client.shutdown_write();
    let heard = client.rest();
    assert!(heard.len() < 8 * 1024, "{}", heard.len());
}
