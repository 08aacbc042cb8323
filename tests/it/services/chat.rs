//! The `chat` service: rooms, names, messages, hostile input.

use std::thread;

use crate::support::chat::{ALICE_AND_BOB, GREETING};
use crate::support::{CONCURRENT_MODELS, Client, Scene, Server, installed, shell};

/// What follows: the commands of the chat, and a third member.
const MEETING: &str = "
    1> hello
    2< alice: hello
    2> /me waves
    1< * bob waves
    1> /who
    1< -- In #lobby: alice, bob
    1> /msg Bob psst
    1< [you to Bob] psst
    2< [alice to you] psst
    2> /msg carol psst
    2< -- There is no member called carol.
    2> /join #X
    2< -- You are in #x as bob, alone.
    1< -- bob has left.
    1> is anybody here?
    1> /who
    1< -- In #lobby: alice
    +3
    3> ALICE
    3< -- ALICE is taken, so you are ALICE-2; /nick NAME changes that.
    3< -- You are in #lobby as ALICE-2, with 1 other.
    3< | alice: hello
    3< | * bob waves
    3< | alice: is anybody here?
    1< -- ALICE-2 is here.
    3> /nick Alice
    3< -- Alice is taken; you are still ALICE-2.
    3> /nick carol
    3< -- You are called carol now.
    1< -- ALICE-2 is called carol now.
    3> /join x
    3< -- You are in #x as carol, with 1 other.
    1< -- carol has left.
    2< -- carol is here.
    2> just us two
    3< bob: just us two
    3> /leave
    3< -- You are in #lobby as carol, with 1 other.
    3< | alice: hello
    3< | * bob waves
    3< | alice: is anybody here?
    2< -- carol has left.
    1< -- carol is here.
    3> /quit
    3< -- Goodbye.
    -3
    3.
    1< -- carol has left.
    1> /msg bob bye
    1< [you to bob] bye
    2< [alice to you] bye
    2> /leave
    2< -- You are in #lobby as bob, with 1 other.
    2< | alice: hello
    2< | * bob waves
    2< | alice: is anybody here?
    1< -- bob is here.
    -2
    2.
    1< -- bob has left.
    1> /msg bob are you there?
    1< -- There is no member called bob.
    -1
    1.
";

#[test]
fn members_meet_in_rooms() {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("chat --model {model}"));
        Scene::at(&server, &GREETING).play(&(ALICE_AND_BOB.to_owned() + MEETING));
    }
}

#[test]
fn members_meet_in_rooms_by_nc() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("chat --model {model}"));
        let (port, mut processes) = (server.port(), Vec::new());
        let connect = |_: &str| Client::nc(&port, &mut processes);
        Scene::new(&GREETING, connect).play(&(ALICE_AND_BOB.to_owned() + MEETING));
    }
}

/// What alice sends, and what bob receives: no terminal control.
const HOSTILE: [(&[u8], &str); 12] = [
    (b"\x1b[2J\x1b[31mred", "alice: \\x1b[2J\\x1b[31mred"),
    (b"\x1b]0;title\x07", "alice: \\x1b]0;title\\x07"),
    ("\u{9b}31mred".as_bytes(), "alice: \\u{9b}31mred"),
    (b"\x9b31mred", "alice: \\x9b31mred"),
    (b"one\x08\x7f", "alice: o"),
    (b"hi\x0b\x0cbob: ho", "alice: hi\\x0b\\x0cbob: ho"),
    (
        "\u{202e}olleh\u{2066}".as_bytes(),
        "alice: \\u{202e}olleh\\u{2066}",
    ),
    ("one\u{2028}-- two".as_bytes(), "alice: one\\u{2028}-- two"),
    (b"a\tb\0", "alice: a    b\\x00"),
    (b"\xfe\xc0\xed\xa0\x80", "alice: \\xfe\\xc0\\xed\\xa0\\x80"),
    (b"/me rings\x07", "* alice rings\\x07"),
    (b"/msg bob \x1b[A", "[alice to you] \\x1b[A"),
];

/// What alice sends and only she gets an answer to.
const REFUSED: [&[u8]; 6] = [
    b"/nick \x1b[31m",
    b"/nick \xe2\x80\xaealice",
    b"/join \x1b[31m",
    b"/msg \x07 hello",
    b"/\x1b[2J",
    b"/me",
];

#[test]
fn no_terminal_control_reaches_other_members() {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("chat --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        scene.play(ALICE_AND_BOB);
        for (input, expected) in HOSTILE {
            let line = [input, b"\n"].concat();
            scene.client(1).send(line);
            assert_eq!(scene.client(2).line(), expected, "{model}");
        }
        scene.play(
            "1< [you to bob] \\x1b[A
            2> still here",
        );
        assert_eq!(scene.client(1).line(), "bob: still here");
        for input in REFUSED {
            scene.client(1).send([input, b"\n"].concat());
            let answer = scene.client(1).line();
            let is_text = answer.starts_with("-- ") && !answer.contains(char::is_control);
            assert!(is_text, "{model}, {input:?}: {answer:?}");
        }
        scene.play(
            "+3
            3> \x1b[31malice\x07",
        );
        let answer = scene.client(3).line();
        assert!(
            answer.starts_with("-- A name is up to 20 letters"),
            "{answer}"
        );
        scene.play(
            "1> the end
            2< alice: the end",
        );
        for line in server.log_so_far() {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn a_long_paste_arrives_complete() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let check = |model: &str| {
        let server = Server::start(&format!("chat --model {model}"));
        let mut scene = Scene::at(&server, &GREETING);
        scene.play(ALICE_AND_BOB);
        let lines: Vec<String> = (1..=205).map(|number| format!("{number:>40}")).collect();
        scene.client(1).send(lines.join("\n") + "\n");
        for line in &lines {
            assert_eq!(scene.client(2).line(), format!("alice: {line}"), "{model}");
        }
        // The rate limit has delayed some lines, and none is lost.
        let notice = scene.client(1).line();
        assert!(
            notice.starts_with("-- You are sending too fast:"),
            "{notice}"
        );
        // The same from a pipe that ends without a line end.
        let paste = format!("carol\n{}", lines[..200].join("\n"));
        let command = format!("nc.openbsd -N 127.0.0.1 {}", server.port());
        let output = shell(&command, paste.as_bytes());
        assert!(output.status.success());
        assert_eq!(scene.client(2).line(), "-- carol is here.");
        for line in &lines[..200] {
            assert_eq!(scene.client(2).line(), format!("carol: {line}"), "{model}");
        }
        assert_eq!(scene.client(2).line(), "-- carol has left.");
    };
    thread::scope(|scope| {
        for model in CONCURRENT_MODELS {
            scope.spawn(move || check(model));
        }
    });
}
