//! `--commands`: lines that begin with an asterisk.

use crate::support::{MODELS, Server, UdpClient, installed, stdout_of};

const PARROT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/transcripts/parrot.toml");

const INPUT: &str = "*why\nI need my mother.\n*why\n*script /etc/passwd\n*script friend\n*script parrot\n*help\n*reset\nBye\n";

/// Checks the answers to `INPUT`. The friend has several greetings; each is one line.
#[track_caller]
fn check(output: &str, case: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let expected = [
        "How do you feel?",
        "Nothing was answered yet.",
        "Why do you need your mother?",
        "input       I need my mother.",
    ];
    assert_eq!(lines[..4], expected, "{case}");
    let end = lines.iter().position(|line| *line == "from        a rule");
    let rest = &lines[end.unwrap_or_else(|| panic!("{case}: {output}")) + 1..];
    assert!(
        rest[0].starts_with("No such script; there are: parrot, friend"),
        "{case}: {output}"
    );
    assert!(rest[1].contains("feel"), "{case}: {output}");
    assert_eq!(rest[2], "How do you feel?", "{case}");
    for (line, command) in rest[3..].iter().zip(["*why", "*reset", "*script", "*help"]) {
        assert!(line.starts_with(command), "{case}: {output}");
    }
    assert_eq!(rest[7..], ["How do you feel?", "Goodbye."], "{case}");
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
        let nc = format!("nc.openbsd -N localhost {}", server.port());
        check(&stdout_of(&nc, INPUT), model);
    }
}

#[test]
fn commands_work_on_stdio_and_in_talk() {
    let serve = format!("$PROGRAM serve eliza --commands --script {PARROT} --listen -");
    check(&stdout_of(&serve, INPUT), "standard input");
    let talk = format!("$PROGRAM talk --commands --script {PARROT}");
    check(&stdout_of(&talk, INPUT), "talk");
}

#[test]
fn commands_work_over_udp() {
    let server = Server::start_udp(&format!("eliza --commands --script {PARROT}"));
    let client = UdpClient::connect(&server);
    client.ask("I need my mother.");
    let trace = client.ask("*why\n");
    assert!(trace.contains("input       I need my mother.\n"), "{trace}");
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
    let trace = client.rest();
    assert!(trace.len() < 8 * 1024, "{}", trace.len());
}
