//! The friend over TCP, as people meet it.

use std::collections::HashSet;
use std::io::Write;

use crate::harness::{Server, have, heard, shell};

const SAID: &str = "I need a holiday\nquit\n";

#[track_caller]
fn check_talk(talk: &str) {
    let lines: Vec<&str> = talk.lines().collect();
    assert_eq!(lines.len(), 3, "{talk}");
    assert!(lines[0].contains("feel"), "{talk}");
    assert!(lines[1].contains("a holiday"), "{talk}");
    assert!(lines[2].contains("oodbye"), "{talk}");
}

#[test]
fn nc_ncat_socat_and_python_talk_to_it() {
    let server = Server::start("eliza");
    let port = server.port();
    if have(&["nc.openbsd"]) {
        check_talk(&heard(&format!("nc.openbsd -N localhost {port}"), SAID));
    }
    if have(&["ncat"]) {
        check_talk(&heard(&format!("ncat localhost {port}"), SAID));
    }
    if have(&["socat"]) {
        check_talk(&heard(&format!("socat -t 10 - TCP:localhost:{port}"), SAID));
    }
    if have(&["python3"]) {
        let script = format!(
            "import socket; s = socket.create_connection(('localhost', {port})); f = s.makefile('rw', newline='\\n')\n\
             print(f.readline(), end='')\n\
             for line in ['I need a holiday', 'quit']:\n    \
                 f.write(line + '\\n'); f.flush(); print(f.readline(), end='')\n\
             assert s.recv(1) == b''"
        );
        check_talk(&heard(&format!("python3 -c \"{script}\""), ""));
    }
}

#[test]
fn ten_talk_at_once_each_in_a_process_of_its_own() {
    let server = Server::start("eliza");
    let mut callers: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for caller in &mut callers {
        assert!(caller.line().contains("feel"));
    }
    assert_eq!(server.children().len(), 10);
    for (number, caller) in callers.iter_mut().enumerate() {
        caller.say(format!("I need {number} apples\n"));
    }
    for (number, caller) in callers.iter_mut().enumerate() {
        assert!(caller.line().contains(&format!("{number} apples")));
    }
    // With ten answers to each of four lines, equal chance in all would be seen.
    let talks: HashSet<String> = callers
        .iter_mut()
        .map(|caller| {
            ["I feel well", "because", "the weather", "why?"]
                .map(|line| caller.ask(line))
                .join("|")
        })
        .collect();
    assert!(1 < talks.len(), "{talks:?}");
}

#[test]
fn a_seed_makes_it_reproducible() {
    let server = Server::start("eliza --seed 7");
    let talk = || {
        let mut caller = server.connect();
        let greeting = caller.line();
        [greeting]
            .into_iter()
            .chain(["I am sad", "yes", "quit"].map(|line| caller.ask(line)))
            .collect::<Vec<_>>()
    };
    assert_eq!(talk(), talk());
}

#[test]
fn strange_lines_are_answered() {
    let server = Server::start("eliza");
    let mut caller = server.connect();
    caller.line();
    for line in [
        &b"I need \0 a rest\n"[..],
        b"\xff\xfe\xfa I need a rest\n",
        b"I need\x1b[31m a rest\r\n",
    ] {
        caller.say(line);
        let answer = caller.line();
        assert!(
            answer.contains("rest") && !answer.contains('\x1b'),
            "{answer:?}"
        );
    }
    // As telnet does: it negotiates first, and its lines end with CR NUL.
    let mut telnet = server.connect();
    telnet.line();
    telnet.say(b"\xff\xfd\x03\xff\xfb\x01I need a rest\r\0");
    assert!(telnet.line().contains("a rest"));
}

#[test]
fn a_script_of_ones_own_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("parrot.toml");
    let mut file = std::fs::File::create(&path).expect("a file can be made");
    writeln!(
        file,
        "greeting = ['Hi']\nfarewell = ['Ciao']\nsilence = ['?', '!']\notherwise = ['a', 'b']\nquit = ['ciao']\n\
         [[rule]]\npatterns = ['say (.+)']\nreplies = ['{{1}}']"
    )
    .expect("it can be written");
    let server = Server::start(&format!("eliza --script {}", path.display()));
    let mut caller = server.connect();
    assert_eq!(caller.line(), "Hi");
    assert_eq!(caller.ask("say my name"), "Your name");
    assert_eq!(caller.ask("Ciao."), "Ciao");
    assert_eq!(caller.rest(), b"");
}

#[test]
fn a_script_that_is_no_text_or_has_no_end_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("latin.toml");
    std::fs::write(&path, b"greeting = ['a']\nfarewell = ['\xe4']\n").expect("it can be written");
    let name = path.display();
    let refused = |words: &str| {
        let output = shell(&format!("$PROGRAM talk --script {words}"), b"");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(
        refused(&name.to_string()),
        format!("switchboard: {name}:2:14: not UTF-8\n")
    );
    assert_eq!(
        refused("/dev/zero"),
        "switchboard: /dev/zero:1:1: a script is at most 1024 KiB\n"
    );
}

#[test]
fn a_script_may_come_through_a_pipe() {
    let talk = heard(
        "$PROGRAM talk --script <(cat data/transcripts/parrot.toml)",
        "I need you\n",
    );
    assert!(talk.contains("Why do you need me?"), "{talk}");
}
