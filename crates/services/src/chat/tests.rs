//! Several people in one chat, without a socket.

mod crowded;
mod floods;
mod harm;
mod names;

use std::sync::Arc;
use std::time::Duration;

use switchboard_core::Limits;
use switchboard_core::testing::RoomDriver;
use switchboard_eliza::{Conversation, Script};

use super::*;
use crate::talk::from_words;

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

const GREETING: &str = "-- Welcome to the chat; /help tells how it works.\n-- What is your name?\n";

/// A chat with these options, whose friend draws from seed 1.
fn chat(words: &str) -> Chat {
    Chat {
        seed: Some(1),
        ..Chat::from_options(from_words(words)).expect("it compiles")
    }
}

fn driver(words: &str, outbox_bytes: usize) -> RoomDriver {
    let mut limits = Limits::default();
    limits.outbox_bytes = outbox_bytes;
    RoomDriver::new(Arc::new(chat(words)), limits)
}

fn heard(driver: &mut RoomDriver, who: u8) -> String {
    String::from_utf8(driver.received(who)).expect("all that is said is text")
}

/// Alice, Bob and Carol say these lines in this order, and hear this, in whatever pieces they say
/// it. Each comes just before saying something for the first time, and is greeted.
#[track_caller]
fn check(words: &str, said: &[(u8, &str)], answers: &[(u8, &str)]) {
    for size in [1, 2, 3, 5, 8, usize::MAX] {
        for outbox_bytes in [1, 64 * 1024] {
            let mut driver = driver(words, outbox_bytes);
            let mut here = Vec::new();
            for &(who, line) in said {
                if !here.contains(&who) {
                    driver.connect(who);
                    assert_eq!(heard(&mut driver, who), GREETING);
                    here.push(who);
                }
                for piece in format!("{line}\n").as_bytes().chunks(size) {
                    driver.send(who, piece);
                }
            }
            for &(who, answers) in answers {
                let heard = heard(&mut driver, who);
                assert_eq!(heard, answers, "{who} in pieces of {size}");
            }
        }
    }
}

/// Alice and Bob are in the lobby; then it goes on as for [`check`].
#[track_caller]
fn check_two(words: &str, said: &[(u8, &str)], alice: &str, bob: &str) {
    let said = [&[(ALICE, "alice"), (BOB, "bob")], said].concat();
    let alice = format!("-- You are in #lobby as alice, alone.\n-- bob is here.\n{alice}");
    let bob = format!("-- You are in #lobby as bob, with 1 other.\n{bob}");
    check(words, &said, &[(ALICE, &alice), (BOB, &bob)]);
}

#[test]
fn what_is_said_is_heard_by_all_others() {
    check_two(
        "",
        &[
            (ALICE, "hello"),
            (BOB, "  hi, alice"),
            (ALICE, ""),
            (BOB, " \t"),
        ],
        "bob:   hi, alice\n",
        "alice: hello\n",
    );
    check_two("", &[(ALICE, "/me waves")], "", "* alice waves\n");
    check_two("", &[(ALICE, "//me waves")], "", "alice: /me waves\n");
}

#[test]
fn lines_that_come_at_once_are_as_good() {
    let mut driver = driver("", 1);
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.connect(BOB);
    driver.send(
        BOB,
        b"ALICE\r\nhello\r\n/nick bob\r\n/join x\r\nlost\r\n/leave\r\nback",
    );
    driver.end_input(BOB);
    assert_eq!(
        heard(&mut driver, ALICE),
        "-- ALICE-2 is here.\nALICE-2: hello\n-- ALICE-2 is called bob now.\n-- bob has left.\n\
         -- bob is here.\nbob: back\n-- bob has left.\n"
    );
    let heard = heard(&mut driver, BOB);
    let heard = heard.strip_prefix(GREETING).expect("it is first");
    assert_eq!(
        heard,
        "-- ALICE is taken, so you are ALICE-2.\r\n-- You are in #lobby as ALICE-2, with 1 other.\r\n\
         -- You are called bob now.\r\n-- You are in #x as bob, alone.\r\n\
         -- You are in #lobby as bob, with 1 other.\r\n| ALICE-2: hello\r\n"
    );
    assert!(driver.close_reason(BOB).is_some());
}

#[test]
fn how_somebody_left_is_told() {
    let mut driver = driver("", 64 * 1024);
    for (who, name) in [
        (ALICE, "alice\n"),
        (BOB, "bob\n"),
        (CAROL, "carol\n"),
        (4, "dave\n"),
    ] {
        driver.connect(who);
        driver.send(who, name.as_bytes());
    }
    driver.received(ALICE);
    driver.kill(BOB);
    driver.send(CAROL, b"/quit\n");
    driver.end_input(4);
    assert_eq!(
        heard(&mut driver, ALICE),
        "-- bob was lost.\n-- carol has left.\n-- dave has left.\n"
    );
}

#[test]
fn who_falls_behind_is_dropped_and_nobody_waits() {
    let mut driver = driver("--burst 10000", 64 * 1024);
    for (who, name) in [(ALICE, "alice\n"), (BOB, "bob\n"), (CAROL, "carol\n")] {
        driver.connect(who);
        driver.send(who, name.as_bytes());
    }
    driver.stop_reading(BOB);
    driver.received(CAROL);
    let line = [&[b'x'; 1000], &b"\n"[..]].concat();
    for _ in 0..500 {
        driver.send(ALICE, &line);
        driver.advance(Duration::from_millis(10));
    }
    let all = heard(&mut driver, CAROL);
    assert_eq!(all.matches("alice: x").count(), 500);
    assert_eq!(
        all.matches("-- bob fell behind and was dropped.\n").count(),
        1
    );
    driver.resume_reading(BOB);
    let all = heard(&mut driver, BOB);
    let last = "-- You fell too far behind what is said here. Goodbye.\n";
    assert!(all.ends_with(last), "{:?}", all.lines().last());
    assert!(driver.close_reason(BOB).is_some());
    assert_eq!(heard(&mut driver, CAROL), "");
}

#[test]
fn who_enters_is_shown_what_was_said_last() {
    let said = [
        (ALICE, "alice"),
        (ALICE, "one"),
        (ALICE, "/me waits"),
        (ALICE, "/msg alice secret"),
        (ALICE, "/nick ann"),
        (ALICE, "three"),
        (BOB, "bob"),
    ];
    let entered = "-- You are in #lobby as bob, with 1 other.\n";
    let all = "| alice: one\n| * alice waits\n| ann: three\n";
    check("", &said, &[(BOB, &[entered, all].concat())]);
    check(
        "--history 1",
        &said,
        &[(BOB, &[entered, "| ann: three\n"].concat())],
    );
    check("--history 0", &said, &[(BOB, entered)]);
}

#[test]
fn rooms_are_apart() {
    check_two(
        "",
        &[
            (BOB, "/join Rust"),
            (ALICE, "not heard"),
            (BOB, "not heard either"),
            (ALICE, "/join #rust"),
            (ALICE, "hello"),
            (BOB, "/join RUST"),
            (BOB, "/leave"),
            (BOB, "/leave"),
            (BOB, "/join a b"),
        ],
        "-- bob has left.\n-- You are in #rust as alice, with 1 other.\n| bob: not heard either\n\
         -- bob has left.\n",
        "-- You are in #rust as bob, alone.\n-- alice is here.\nalice: hello\n\
         -- You are in #rust already.\n-- You are in #lobby as bob, alone.\n| alice: not heard\n\
         -- You are in #lobby already.\n\
         -- The name of a room is up to 20 letters, digits, '-', '_' and '.', the first a letter or \
         a digit.\n",
    );
    check_two(
        "",
        &[
            (BOB, "/who"),
            (BOB, "/join x"),
            (BOB, "/who"),
            (ALICE, "/who"),
        ],
        "-- bob has left.\n-- In #lobby: alice\n",
        "-- In #lobby: alice, bob\n-- You are in #x as bob, alone.\n-- In #x: bob\n",
    );
}

#[test]
fn what_is_said_to_one_is_heard_by_one() {
    check(
        "",
        &[
            (ALICE, "alice"),
            (BOB, "bob"),
            (CAROL, "carol"),
            (CAROL, "/join elsewhere"),
            (CAROL, "/msg BOB  come here"),
            (BOB, "/nick rob"),
            (CAROL, "/msg bob hello?"),
            (CAROL, "/msg rob hello"),
            (CAROL, "/msg carol hm"),
            (CAROL, "/msg ??? hm"),
        ],
        &[
            (
                ALICE,
                "-- You are in #lobby as alice, alone.\n-- bob is here.\n-- carol is here.\n\
                 -- carol has left.\n-- bob is called rob now.\n",
            ),
            (
                BOB,
                "-- You are in #lobby as bob, with 1 other.\n-- carol is here.\n-- carol has left.\n\
                 [carol to you] come here\n-- You are called rob now.\n[carol to you] hello\n",
            ),
            (
                CAROL,
                "-- You are in #lobby as carol, with 2 others.\n\
                 -- You are in #elsewhere as carol, alone.\n[you to BOB] come here\n\
                 -- Nobody is called bob.\n[you to rob] hello\n-- That is you.\n\
                 -- Nobody is called ???.\n",
            ),
        ],
    );
}

#[test]
fn a_command_that_cannot_be_done_is_answered_and_not_said() {
    check_two(
        "",
        &[
            (ALICE, "/frob x"),
            (ALICE, "/ x"),
            (ALICE, "/msg bob"),
            (ALICE, "/me"),
        ],
        "-- There is no command /frob; /help tells those there are. To say it, begin with //.\n\
         -- There is no command /; /help tells those there are. To say it, begin with //.\n\
         -- That is used so: /msg NAME TEXT\n-- That is used so: /me ACTION\n",
        "",
    );
}

#[test]
fn help_is_a_notice_in_every_line() {
    for (words, names) in [("", 0), ("--with-eliza", 1)] {
        let mut driver = driver(words, 1);
        driver.connect(ALICE);
        driver.send(ALICE, b"/help\nalice\n/help\n");
        let all = heard(&mut driver, ALICE);
        assert!(all.lines().all(|line| line.starts_with("-- ")), "{all}");
        assert_eq!(all.matches("/msg NAME TEXT").count(), 2);
        assert_eq!(all.matches("say \"eliza, ...\"").count(), 2 * names);
    }
}

#[test]
fn at_its_end_the_server_says_goodbye() {
    let mut driver = driver("", 1);
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.shut_down();
    assert_eq!(
        heard(&mut driver, ALICE),
        "-- The server stops.\n-- Goodbye.\n"
    );
    assert!(driver.close_reason(ALICE).is_some());
}

#[test]
fn the_friend_answers_who_speaks_to_her() {
    let mut friend = Conversation::new(&Script::friend().expect("it compiles"), 1);
    let answers = ["I am sad", "bye", "Why?"].map(|words| friend.reply(words).text);
    let entered = |name, others| format!("-- You are in #lobby as {name}, with {others}.\n");
    let said = [
        (ALICE, "alice"),
        (BOB, "bob"),
        (ALICE, "Eliza, I am sad"),
        (ALICE, "eliza: bye"),
        (ALICE, "elizabeth"),
        (ALICE, "/msg ELIZA Why?"),
        (BOB, "/who"),
        (BOB, "/nick Eliza"),
        (CAROL, "eliza"),
    ];
    let [sad, bye, why] = &answers;
    let alice = format!(
        "-- bob is here.\neliza: {sad}\neliza: {bye}\n[you to ELIZA] Why?\n[ELIZA to you] {why}\n\
         -- eliza-2 is here.\n"
    );
    let bob = format!(
        "alice: Eliza, I am sad\neliza: {sad}\nalice: eliza: bye\neliza: {bye}\nalice: elizabeth\n\
         -- In #lobby: alice, bob, eliza\n-- Eliza is taken; you are still bob.\n\
         -- eliza-2 is here.\n"
    );
    check(
        "--with-eliza",
        &said,
        &[
            (ALICE, &(entered("alice", "1 other") + &alice)),
            (BOB, &(entered("bob", "2 others") + &bob)),
        ],
    );
    // Without her, it is a name like others.
    check(
        "",
        &[(ALICE, "eliza"), (ALICE, "/who")],
        &[(
            ALICE,
            "-- You are in #lobby as eliza, alone.\n-- In #lobby: eliza\n",
        )],
    );
}

#[test]
fn over_datagrams_it_is_the_same() {
    let mut driver = driver("", 1);
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.connect_datagram(BOB, b"bob\n");
    driver.send(BOB, b"two\nlines\n");
    assert_eq!(
        heard(&mut driver, ALICE),
        "-- bob is here.\nbob: two\\nlines\n"
    );
    driver.send(ALICE, b"hello\n");
    let heard = driver.received_datagrams(BOB);
    assert_eq!(
        heard.last().map(|last| &last[..]),
        Some(&b"alice: hello\n"[..])
    );
}
