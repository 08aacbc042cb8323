//! Chats between several people, without a socket.

mod crowded;
mod floods;
mod names;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use switchboard_core::Limits;
use switchboard_core::testing::RoomDriver;
use switchboard_eliza::{Conversation, Script};

use super::*;
use crate::testing::{outbox_limit, parse_options};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

const GREETING: &str = "-- Welcome to the chat; /help tells how it works.\n-- What is your name?\n";

/// A chat with these options, whose bot has the seed 1.
fn chat(options: &str) -> Chat {
    Chat {
        seed: Some(1),
        ..Chat::from_options(parse_options(options)).expect("it compiles")
    }
}

fn driver(options: &str, outbox_bytes: usize) -> RoomDriver {
    let limits = outbox_limit(outbox_bytes);
    RoomDriver::new(Arc::new(chat(options)), limits)
}

fn output(driver: &mut RoomDriver, peer: u8) -> String {
    String::from_utf8(driver.received(peer)).expect("the output is text")
}

/// Alice, Bob and Carol send these lines in this order and receive these answers, for chunks of
/// several sizes. Each connects just before the first line, and receives the greeting.
#[track_caller]
fn check(options: &str, lines: &[(u8, &str)], answers: &[(u8, &str)]) {
    for size in [1, 2, 3, 5, 8, usize::MAX] {
        for outbox_bytes in [1, 64 * 1024] {
            let mut driver = driver(options, outbox_bytes);
            let mut connected = Vec::new();
            for &(peer, line) in lines {
                if !connected.contains(&peer) {
                    driver.connect(peer);
                    assert_eq!(output(&mut driver, peer), GREETING);
                    connected.push(peer);
                }
                for piece in format!("{line}\n").as_bytes().chunks(size) {
                    driver.send(peer, piece);
                }
            }
            for &(peer, answers) in answers {
                let output = output(&mut driver, peer);
                assert_eq!(output, answers, "{peer} in chunks of {size}");
            }
        }
    }
}

/// Alice and Bob enter the lobby; the rest is as in [`check`].
#[track_caller]
fn check_two(options: &str, lines: &[(u8, &str)], alice: &str, bob: &str) {
    let lines = [&[(ALICE, "alice"), (BOB, "bob")], lines].concat();
    let alice = format!("-- You are in #lobby as alice, alone.\n-- bob is here.\n{alice}");
    let bob = format!("-- You are in #lobby as bob, with 1 other.\n{bob}");
    check(options, &lines, &[(ALICE, &alice), (BOB, &bob)]);
}

#[test]
fn a_message_reaches_all_others_in_the_room() {
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
fn lines_that_arrive_together_are_executed_in_order() {
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
        output(&mut driver, ALICE),
        "-- ALICE-2 is here.\nALICE-2: hello\n-- ALICE-2 is called bob now.\n-- bob has left.\n\
         -- bob is here.\nbob: back\n-- bob has left.\n"
    );
    let output = output(&mut driver, BOB);
    let output = output.strip_prefix(GREETING).expect("it is first");
    assert_eq!(
        output,
        "-- ALICE is taken, so you are ALICE-2; /nick NAME changes that.\r\n-- You are in #lobby as ALICE-2, with 1 other.\r\n\
         -- You are called bob now.\r\n-- You are in #x as bob, alone.\r\n\
         -- You are in #lobby as bob, with 1 other.\r\n| ALICE-2: hello\r\n"
    );
    assert!(driver.close_reason(BOB).is_some());
}

#[test]
fn the_reason_of_leaving_is_announced() {
    let mut driver = driver("", 64 * 1024);
    for (peer, name) in [
        (ALICE, "alice\n"),
        (BOB, "bob\n"),
        (CAROL, "carol\n"),
        (4, "dave\n"),
    ] {
        driver.connect(peer);
        driver.send(peer, name.as_bytes());
    }
    driver.received(ALICE);
    driver.kill(BOB);
    driver.send(CAROL, b"/quit\n");
    driver.end_input(4);
    assert_eq!(
        output(&mut driver, ALICE),
        "-- bob was lost.\n-- carol has left.\n-- dave has left.\n"
    );
}

#[test]
fn a_member_that_falls_behind_is_dropped_and_delays_no_other() {
    let mut driver = driver("--burst 10000", 64 * 1024);
    for (peer, name) in [(ALICE, "alice\n"), (BOB, "bob\n"), (CAROL, "carol\n")] {
        driver.connect(peer);
        driver.send(peer, name.as_bytes());
    }
    driver.stop_reading(BOB);
    driver.received(CAROL);
    let line = [&[b'x'; 1000], &b"\n"[..]].concat();
    for _ in 0..500 {
        driver.send(ALICE, &line);
        driver.advance(Duration::from_millis(10));
    }
    let all = output(&mut driver, CAROL);
    assert_eq!(all.matches("alice: x").count(), 500);
    assert_eq!(
        all.matches("-- bob fell behind and was dropped.\n").count(),
        1
    );
    driver.resume_reading(BOB);
    let all = output(&mut driver, BOB);
    let last = "-- You read too slowly. Goodbye.\n";
    assert!(all.ends_with(last), "{:?}", all.lines().last());
    assert!(driver.close_reason(BOB).is_some());
    assert_eq!(output(&mut driver, CAROL), "");
}

#[test]
fn a_person_that_enters_sees_the_history() {
    let lines = [
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
    check("", &lines, &[(BOB, &[entered, all].concat())]);
    check(
        "--history 1",
        &lines,
        &[(BOB, &[entered, "| ann: three\n"].concat())],
    );
    check("--history 0", &lines, &[(BOB, entered)]);
}

#[test]
fn rooms_are_separate() {
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
fn a_private_message_reaches_one_person() {
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
                 -- There is no member called bob.\n[you to rob] hello\n-- That is you.\n\
                 -- There is no member called ???.\n",
            ),
        ],
    );
}

#[test]
fn an_invalid_command_is_answered_and_not_posted() {
    check_two(
        "",
        &[
            (ALICE, "/frob x"),
            (ALICE, "/ x"),
            (ALICE, "/msg bob"),
            (ALICE, "/me"),
        ],
        "-- Unknown command /frob; /help lists the commands. \
         To send the line as text, begin it with //.\n\
         -- Unknown command /; /help lists the commands. \
         To send the line as text, begin it with //.\n\
         -- That is used so: /msg NAME TEXT\n-- That is used so: /me ACTION\n",
        "",
    );
}

#[test]
fn every_line_of_help_is_a_notice() {
    for (options, names) in [("", 0), ("--with-eliza", 1)] {
        let mut driver = driver(options, 1);
        driver.connect(ALICE);
        driver.send(ALICE, b"/help\nalice\n/help\n");
        let all = output(&mut driver, ALICE);
        assert!(all.lines().all(|line| line.starts_with("-- ")), "{all}");
        assert_eq!(all.matches("/msg NAME TEXT").count(), 2);
        assert_eq!(all.matches("say \"eliza, ...\"").count(), 2 * names);
    }
}

#[test]
fn a_stopping_server_sends_goodbye() {
    let mut driver = driver("", 1);
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.shut_down();
    assert_eq!(
        output(&mut driver, ALICE),
        "-- The server stops.\n-- Goodbye.\n"
    );
    assert!(driver.close_reason(ALICE).is_some());
}

#[test]
fn the_bot_answers_a_person_that_addresses_it() {
    let mut bot = Conversation::new(&Script::friend().expect("it compiles"), 1);
    let answers = ["I am sad", "bye", "hi!", "Why?"].map(|text| bot.reply(text).text);
    let entered = |name, others| format!("-- You are in #lobby as {name}, with {others}.\n");
    let lines = [
        (ALICE, "alice"),
        (BOB, "bob"),
        (ALICE, "Eliza, I am sad"),
        (ALICE, "eliza: bye"),
        (ALICE, "elizabeth"),
        (ALICE, "hi eliza!"),
        (ALICE, "/msg ELIZA Why?"),
        (BOB, "/who"),
        (BOB, "/nick Eliza"),
        (CAROL, "eliza"),
    ];
    let [sad, bye, hi, why] = &answers;
    let alice = format!(
        "-- bob is here.\neliza: {sad}\neliza: {bye}\neliza: {hi}\n[you to ELIZA] Why?\n[ELIZA to you] {why}\n\
         -- eliza-2 is here.\n"
    );
    let bob = format!(
        "alice: Eliza, I am sad\neliza: {sad}\nalice: eliza: bye\neliza: {bye}\nalice: elizabeth\n\
         alice: hi eliza!\neliza: {hi}\n\
         -- In #lobby: alice, bob, eliza\n-- Eliza is taken; you are still bob.\n\
         -- eliza-2 is here.\n"
    );
    check(
        "--with-eliza",
        &lines,
        &[
            (ALICE, &(entered("alice", "1 other") + &alice)),
            (BOB, &(entered("bob", "2 others") + &bob)),
        ],
    );
    // Without the bot, its name is free.
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
fn datagrams_are_served_like_streams() {
    let mut driver = driver("", 1);
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.connect_datagram(BOB, b"bob\n");
    driver.send(BOB, b"two\nlines\n");
    assert_eq!(
        output(&mut driver, ALICE),
        "-- bob is here.\nbob: two\\nlines\n"
    );
    driver.send(ALICE, b"hello\n");
    let output = driver.received_datagrams(BOB);
    assert_eq!(
        output.last().map(|last| &last[..]),
        Some(&b"alice: hello\n"[..])
    );
}
