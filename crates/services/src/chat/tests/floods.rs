//! Floods of lines.

use std::time::Duration;

use super::*;

/// Alice and Bob are in the lobby, and Alice has sent `count` lines at once.
fn flood(options: &str, count: usize) -> Gathering {
    let mut gathering = gathering(options, 64 * 1024);
    for (peer, name) in [(ALICE, "alice\n"), (BOB, "bob\n")] {
        gathering.come(peer);
        gathering.say(peer, name.as_bytes());
    }
    gathering.heard(ALICE);
    gathering.heard(BOB);
    let lines: String = (1..=count).map(|line| format!("{line}\n")).collect();
    gathering.say(ALICE, lines.as_bytes());
    gathering
}

fn numbers(gathering: &mut Gathering) -> Vec<usize> {
    let heard = heard(gathering, BOB);
    let lines = heard
        .lines()
        .filter_map(|line| line.strip_prefix("alice: "));
    lines.map(|line| line.parse().expect("a number")).collect()
}

const WARNING: &str = "-- You say much at once: all of it is passed on,";

#[test]
fn a_paste_is_not_delayed() {
    let mut gathering = flood("", 200);
    assert_eq!(numbers(&mut gathering), Vec::from_iter(1..=200));
    assert!(gathering.is_heard(ALICE));
    gathering.pass(Duration::from_secs(100));
    assert_eq!(heard(&mut gathering, ALICE), "");
}

#[test]
fn a_flood_is_delayed_and_not_lost() {
    let mut gathering = flood("--burst 10 --pace 3", 18);
    let second = Duration::from_secs(1);
    gathering.hang_up(ALICE);
    assert_eq!(numbers(&mut gathering), Vec::from_iter(1..=10));
    assert!(!gathering.is_heard(ALICE));
    for lines in [11..=13, 14..=16, 17..=18] {
        assert!(gathering.ended(ALICE).is_none());
        gathering.pass(second - Duration::from_millis(1));
        assert!(numbers(&mut gathering).is_empty());
        gathering.pass(Duration::from_millis(1));
        assert_eq!(numbers(&mut gathering), Vec::from_iter(lines));
    }
    assert_eq!(
        heard(&mut gathering, ALICE),
        format!("{WARNING} 3 lines a second.\n")
    );
    assert!(
        gathering.ended(ALICE).is_some(),
        "the end of input follows the last line"
    );
}

#[test]
fn a_steady_pace_is_never_delayed() {
    let mut gathering = flood("--burst 3 --pace 1", 0);
    for line in 1..=50 {
        gathering.say(ALICE, format!("{line}\n").as_bytes());
        assert_eq!(numbers(&mut gathering), [line]);
        // One line per second on average, and sometimes two within a second.
        gathering.pass(Duration::from_millis(500 + 1000 * (line as u64 % 2)));
    }
    assert_eq!(heard(&mut gathering, ALICE), "");
}

#[test]
fn each_flood_is_warned_about_once() {
    let mut gathering = flood("--burst 10 --pace 5", 11);
    for seconds in [3, 2] {
        assert_eq!(
            heard(&mut gathering, ALICE),
            format!("{WARNING} 5 lines a second.\n")
        );
        gathering.say(ALICE, b"1\n");
        gathering.pass(Duration::from_secs(seconds));
        assert_eq!(heard(&mut gathering, ALICE), "");
        gathering.pass(Duration::from_secs(60));
        gathering.say(ALICE, "1\n".repeat(11).as_bytes());
    }
}

#[test]
fn long_lines_count_as_several() {
    let mut gathering = flood("", 0);
    let line = [&[b'x'; 8000], &b"\n"[..]].concat();
    (0..20).for_each(|_| gathering.say(ALICE, &line));
    assert_eq!(heard(&mut gathering, BOB).lines().count(), 13);
    assert_eq!(
        heard(&mut gathering, ALICE),
        format!("{WARNING} 5 lines a second.\n")
    );
    gathering.pass(Duration::from_secs(60));
    assert_eq!(heard(&mut gathering, BOB).lines().count(), 7);
}

#[test]
fn a_room_event_does_not_end_the_delay() {
    let mut gathering = flood("--burst 2 --pace 1", 4);
    gathering.say(BOB, b"hello\n");
    assert_eq!(
        heard(&mut gathering, ALICE),
        format!("{WARNING} 1 lines a second.\nbob: hello\n")
    );
    assert_eq!(numbers(&mut gathering), [1, 2]);
    assert!(!gathering.is_heard(ALICE));
}
