//! Names: one each.

use super::*;

#[test]
fn who_has_no_name_is_asked_for_one() {
    let rule = "-- A name is up to 20 letters, digits, '-', '_' and '.', the first a letter or a \
                digit. What is your name?\n";
    let ask = "-- What is your name?\n";
    let entered = "-- You are in #lobby as alice, alone.\n";
    check(
        "",
        &[
            (ALICE, "GET / HTTP/1.1"),
            (ALICE, ""),
            (ALICE, "/who"),
            (ALICE, "/join x"),
            (ALICE, "/nick \x1b[2J"),
            (ALICE, "//x"),
            (ALICE, " alice "),
        ],
        &[(ALICE, &[rule, ask, ask, rule, rule, entered].concat())],
    );
    check("", &[(ALICE, "/nick alice")], &[(ALICE, entered)]);
    check(
        "",
        &[(ALICE, "/quit"), (ALICE, "x")],
        &[(ALICE, "-- Goodbye.\n")],
    );
}

#[test]
fn no_two_have_the_same_name() {
    check(
        "",
        &[
            (ALICE, "alice"),
            (BOB, "Alice"),
            (CAROL, "ALICE"),
            (CAROL, "hello"),
        ],
        &[
            (
                ALICE,
                "-- You are in #lobby as alice, alone.\n-- Alice-2 is here.\n\
                 -- ALICE-3 is here.\nALICE-3: hello\n",
            ),
            (
                CAROL,
                "-- ALICE is taken, so you are ALICE-3.\n\
                 -- You are in #lobby as ALICE-3, with 2 others.\n",
            ),
        ],
    );
    check_two(
        "",
        &[
            (BOB, "/nick Alice"),
            (BOB, "hello"),
            (ALICE, "/nick carol"),
            (BOB, "/nick Alice"),
        ],
        "bob: hello\n-- You are called carol now.\n-- bob is called Alice now.\n",
        "-- Alice is taken; you are still bob.\n-- alice is called carol now.\n\
         -- You are called Alice now.\n",
    );
    check_two(
        "",
        &[
            (ALICE, "/nick alice"),
            (ALICE, "/nick ALICE"),
            (ALICE, "/nick a b"),
            (ALICE, "hi"),
        ],
        "-- You are called alice already.\n-- You are called ALICE now.\n\
         -- A name is up to 20 letters, digits, '-', '_' and '.', the first a letter or a digit.\n",
        "-- alice is called ALICE now.\nALICE: hi\n",
    );
}

#[test]
fn a_crowd_of_one_name_finds_names_for_all() {
    let mut driver = driver("", 64 * 1024);
    for who in 1..=60 {
        driver.connect(who);
        driver.send(who, b"guest\n");
    }
    driver.send(60, b"/who\n");
    let heard = heard(&mut driver, 60);
    let listed = heard
        .lines()
        .filter_map(|line| line.strip_prefix("-- In #lobby: "));
    let mut names: Vec<&str> = listed.flat_map(|names| names.split(", ")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 60, "{names:?}");
}

#[test]
fn a_name_is_free_again_when_its_owner_is_gone() {
    let mut driver = driver("", 1);
    for leave in [RoomDriver::end_input, RoomDriver::kill] {
        driver.connect(ALICE);
        driver.send(ALICE, b"alice\n");
        assert!(heard(&mut driver, ALICE).ends_with("-- You are in #lobby as alice, alone.\n"));
        leave(&mut driver, ALICE);
    }
}

#[test]
fn nothing_is_left_of_a_name_that_was_refused() {
    check(
        "",
        &[
            (ALICE, "alice"),
            (BOB, "bob"),
            (BOB, "/nick alice"),
            (ALICE, "/nick ann"),
            (ALICE, "/msg alice hello?"),
        ],
        &[(
            ALICE,
            "-- You are in #lobby as alice, alone.\n-- bob is here.\n-- You are called ann now.\n\
             -- Nobody is called alice.\n",
        )],
    );
}

#[test]
fn who_takes_a_name_over_does_not_hear_what_was_for_another() {
    check(
        "",
        &[
            (ALICE, "alice"),
            (BOB, "bob"),
            (BOB, "/msg alice secret"),
            (ALICE, "/nick ann"),
            (CAROL, "alice"),
            (BOB, "/msg alice hello"),
        ],
        &[(
            CAROL,
            "-- You are in #lobby as alice, with 2 others.\n[bob to you] hello\n",
        )],
    );
}
