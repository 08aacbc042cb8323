//! The friend and scripts of all three kinds over TCP.

use std::collections::HashSet;
use std::fs;
use std::io::Write;

use crate::support::{MODELS, Server, installed, shell, stdout_of, temp_dir};

const INPUT: &str = "I need a holiday\nquit\n";

#[track_caller]
fn check_conversation(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert!(lines[0].contains("feel"), "{output}");
    assert!(lines[1].contains("a holiday"), "{output}");
    assert!(lines[2].contains("oodbye"), "{output}");
}

#[test]
fn common_clients_talk_to_the_friend() {
    let server = Server::start("eliza");
    let port = server.port();
    if installed(&["nc.openbsd"]) {
        check_conversation(&stdout_of(
            &format!("nc.openbsd -N localhost {port}"),
            INPUT,
        ));
    }
    if installed(&["ncat"]) {
        check_conversation(&stdout_of(&format!("ncat localhost {port}"), INPUT));
    }
    if installed(&["socat"]) {
        check_conversation(&stdout_of(
            &format!("socat -t 10 - TCP:localhost:{port}"),
            INPUT,
        ));
    }
    if installed(&["python3"]) {
        let script = format!(
            "import socket; s = socket.create_connection(('localhost', {port})); f = s.makefile('rw', newline='\\n')\n\
             print(f.readline(), end='')\n\
             for line in ['I need a holiday', 'quit']:\n    \
                 f.write(line + '\\n'); f.flush(); print(f.readline(), end='')\n\
             assert s.recv(1) == b''"
        );
        check_conversation(&stdout_of(&format!("python3 -c \"{script}\""), ""));
    }
}

#[test]
fn ten_clients_have_a_process_each() {
    let server = Server::start("eliza");
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert!(client.line().contains("feel"));
    }
    assert_eq!(server.children().len(), 10);
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("I need {number} apples\n"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert!(client.line().contains(&format!("{number} apples")));
    }
    // If all processes had the same random numbers, all conversations would be equal.
    let conversations: HashSet<String> = clients
        .iter_mut()
        .map(|client| {
            ["I feel well", "because", "the weather", "why?"]
                .map(|line| client.ask(line))
                .join("|")
        })
        .collect();
    assert!(1 < conversations.len(), "{conversations:?}");
}

#[test]
fn a_seed_makes_replies_reproducible() {
    let server = Server::start("eliza --seed 7");
    let conversation = || {
        let mut client = server.connect();
        let greeting = client.line();
        [greeting]
            .into_iter()
            .chain(["I am sad", "yes", "quit"].map(|line| client.ask(line)))
            .collect::<Vec<_>>()
    };
    assert_eq!(conversation(), conversation());
}

#[test]
fn binary_and_telnet_input_is_answered() {
    let server = Server::start("eliza");
    let mut client = server.connect();
    client.line();
    for line in [
        &b"I need \0 a rest\n"[..],
        b"\xff\xfe\xfa I need a rest\n",
        b"I need\x1b[31m a rest\r\n",
    ] {
        client.send(line);
        let answer = client.line();
        assert!(
            answer.contains("rest") && !answer.contains('\x1b'),
            "{answer:?}"
        );
    }
    // telnet negotiates options, and ends its lines with CR NUL.
    let mut telnet = server.connect();
    telnet.line();
    telnet.send(b"\xff\xfd\x03\xff\xfb\x01I need a rest\r\0");
    assert!(telnet.line().contains("a rest"));
}

/// A script of each kind (friend, 1966, Hayden) that answers `I need X` with X.
const NEED_SCRIPTS: [(&str, &str); 3] = [
    (
        "needs.toml",
        "greeting = ['Hi']\nfarewell = ['Ciao']\nsilence = ['?', '!']\notherwise = ['a', 'b']\nquit = ['ciao']\n\
         [[rule]]\npatterns = ['i need (.+)']\nreplies = ['You need {1}', 'So you need {1}']\n",
    ),
    (
        "needs.script",
        "(HI)\n(NEED ((0 NEED 0) (YOU NEED 3)))\n(NONE ((0) (A)))\n\
         (MEMORY NEED (0 = A) (0 = B) (0 = C) (0 = D))\n",
    ),
    (
        "needs.txt",
        "initial: Hi\nkey: need\n decomp: * need *\n reasmb: You need (2)\n\
         key: xnone\n decomp: *\n reasmb: a\n",
    ),
];

#[test]
fn every_kind_of_script_answers_binary_input() {
    let folder = temp_dir();
    for (name, script) in NEED_SCRIPTS {
        let path = folder.path().join(name);
        fs::write(&path, script).expect("it can be written");
        for model in MODELS {
            let path = path.display();
            let server = Server::start(&format!("eliza --model {model} --script {path}"));
            let mut client = server.connect();
            assert_eq!(client.line().to_lowercase(), "hi");
            for line in [
                &b"I need a\0rest\n"[..],
                b"\0\0. I need\0 \0rest\0\n",
                b"\xc3\x28 \xf5, I need \xed\xa0\x80 rest\xe2\x82\n",
                b"\x1b[31mwell. I need \x1b]0\x07 rest \x9b \xc2\x9b\r\n",
                b"I need \xe2\x80\xae rest\n",
            ] {
                client.send(line);
                let answer = client.line();
                let lower = answer.to_lowercase();
                assert!(
                    lower.contains("you need") && lower.contains("rest"),
                    "{name}: {answer:?}"
                );
                assert!(!answer.chars().any(char::is_control), "{name}: {answer:?}");
            }
            // Lines without any text do not disturb the next one.
            for line in [&b"\xf5\xc0\n"[..], b"\0\n", b"\n"] {
                client.send(line);
                client.line();
            }
            assert!(client.ask("I need a rest").to_lowercase().ends_with("rest"));
        }
    }
}

#[test]
fn a_script_with_an_endless_loop_answers_the_next_line() {
    const DOCTOR1966: &str = "(HI)\n(A ((0) (PRE (A B 1) (=B))))\n(B ((0) (=A)))\n\
        (NONE ((0) (FINE)))\n(MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n";
    const HAYDEN: &str = "initial: HI\nkey: a\n decomp: *\n reasmb: goto b\nkey: b\n decomp: *\n reasmb: goto a\n\
        key: xnone\n decomp: *\n reasmb: FINE\n";
    let folder = temp_dir();
    let path = folder.path().join("round.script");
    for script in [DOCTOR1966, HAYDEN] {
        fs::write(&path, script).expect("it can be written");
        for model in MODELS {
            let args = format!(
                "eliza --model {model} --commands --script {}",
                path.display()
            );
            let server = Server::start(&args);
            let mut client = server.connect();
            assert_eq!(client.line(), "HI");
            for _ in 0..3 {
                let answer = client.ask("a");
                assert!(
                    answer.starts_with("I THOUGHT ABOUT THAT FOR TOO LONG")
                        || answer.starts_with("I have lost my thread"),
                    "{answer}"
                );
                assert_eq!(client.ask("x"), "FINE");
            }
            client.ask("a");
            client.send("*why\n");
            client.shutdown_write();
            let why = String::from_utf8(client.rest()).expect("it is text");
            assert!(why.trim_end().len() < 8 * 1024, "{why}");
            assert!(why.contains("input       a\n"), "{why}");
        }
    }
}

#[test]
fn a_script_of_the_user_replaces_the_friend() {
    let folder = temp_dir();
    let path = folder.path().join("parrot.toml");
    let mut file = fs::File::create(&path).expect("a file can be made");
    writeln!(
        file,
        "greeting = ['Hi']\nfarewell = ['Ciao']\nsilence = ['?', '!']\notherwise = ['a', 'b']\nquit = ['ciao']\n\
         [[rule]]\npatterns = ['say (.+)']\nreplies = ['{{1}}']"
    )
    .expect("it can be written");
    let server = Server::start(&format!("eliza --script {}", path.display()));
    let mut client = server.connect();
    assert_eq!(client.line(), "Hi");
    assert_eq!(client.ask("say my name"), "Your name");
    assert_eq!(client.ask("Ciao."), "Ciao");
    assert_eq!(client.rest(), b"");
}

#[test]
fn binary_scripts_and_devices_are_refused() {
    let folder = temp_dir();
    let path = folder.path().join("latin.toml");
    fs::write(&path, b"greeting = ['a']\nfarewell = ['\xe4']\n").expect("it can be written");
    let name = path.display();
    let refused = |path: &str| {
        let output = shell(&format!("$PROGRAM talk --script {path}"), b"");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(
        refused(&name.to_string()),
        format!("switchboard: {name}:2:14: not UTF-8\n")
    );
    assert_eq!(
        refused("/dev/zero"),
        "switchboard: /dev/zero: not a regular file\n"
    );
}

#[test]
fn scripts_are_read_from_pipes() {
    let output = stdout_of(
        "$PROGRAM talk --script <(cat data/transcripts/parrot.toml)",
        "I need you\n",
    );
    assert!(output.contains("Why do you need me?"), "{output}");
}
