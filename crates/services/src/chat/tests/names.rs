//! Unique names.

use super::*;

#[test]
fn a_person_without_a_name_is_asked_for_one() {
    let rule = "-- A name is up to 20 letters, digits, '-', '_' and '.', the first a letter or a \
                digit. What is your name?\n";
    let ask = "-- What is your name?\n";
    let entered = "-- You are in #lobby as alice, alone.\n";
    check(
        "",
        &[
            (ALICE, "al ice"),
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
fn zero_width_characters_count_as_nothing() {
    check(
        "",
        &[
            (ALICE, "\u{feff}al\u{200b}i\u{ad}ce\u{2060}"),
            (ALICE, "\u{200b}"),
            (BOB, "bob"),
            (ALICE, "so\u{ad}ft"),
            (BOB, "\u{200b}/q\u{2060}uit"),
        ],
        &[
            (
                ALICE,
                "-- You are in #lobby as alice, alone.\n-- bob is here.\n-- bob has left.\n",
            ),
            (
                BOB,
                "-- You are in #lobby as bob, with 1 other.\nalice: soft\n-- Goodbye.\n",
            ),
        ],
    );
}

#[test]
fn names_are_unique() {
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
                "-- ALICE is taken, so you are ALICE-3; /nick NAME changes that.\n\
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
fn many_people_of_one_name_all_get_a_name() {
    let mut driver = driver("", 64 * 1024);
    for peer in 1..=60 {
        driver.connect(peer);
        driver.send(peer, b"anna\n");
    }
    driver.send(60, b"/who\n");
    let output = output(&mut driver, 60);
    let listed = output
        .lines()
        .filter_map(|line| line.strip_prefix("-- In #lobby: "));
    let mut names: Vec<&str> = listed.flat_map(|names| names.split(", ")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 60, "{names:?}");
}

#[test]
fn a_name_is_free_again_when_its_owner_has_left() {
    let mut driver = driver("", 1);
    for leave in [RoomDriver::end_input, RoomDriver::kill] {
        driver.connect(ALICE);
        driver.send(ALICE, b"alice\n");
        assert!(output(&mut driver, ALICE).ends_with("-- You are in #lobby as alice, alone.\n"));
        leave(&mut driver, ALICE);
    }
}

#[test]
fn a_refused_name_is_not_claimed() {
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
             -- There is no member called alice.\n",
        )],
    );
}

#[test]
fn a_new_owner_of_a_name_does_not_see_earlier_private_messages() {
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
