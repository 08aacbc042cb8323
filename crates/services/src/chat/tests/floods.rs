//! Floods of lines.

use std::time::Duration;

use super::*;

/// Alice and Bob are in the lobby, and Alice has sent `count` lines at once.
fn flood(options: &str, count: usize) -> RoomDriver {
    let mut driver = driver(options, 64 * 1024);
    for (peer, name) in [(ALICE, "alice\n"), (BOB, "bob\n")] {
        driver.connect(peer);
        driver.send(peer, name.as_bytes());
    }
    driver.received(ALICE);
    driver.received(BOB);
    let lines: String = (1..=count).map(|line| format!("{line}\n")).collect();
    driver.send(ALICE, lines.as_bytes());
    driver
}

fn numbers(driver: &mut RoomDriver) -> Vec<usize> {
    let output = output(driver, BOB);
    let lines = output
        .lines()
        .filter_map(|line| line.strip_prefix("alice: "));
    lines.map(|line| line.parse().expect("a number")).collect()
}

const WARNING: &str = "-- You are sending too fast: lines are delayed to";

#[test]
fn a_paste_is_not_delayed() {
    let mut driver = flood("", 200);
    assert_eq!(numbers(&mut driver), Vec::from_iter(1..=200));
    assert!(driver.wants_input(ALICE));
    driver.advance(Duration::from_secs(100));
    assert_eq!(output(&mut driver, ALICE), "");
}

#[test]
fn a_flood_is_delayed_and_not_lost() {
    let mut driver = flood("--burst 10 --line-rate 3", 18);
    let second = Duration::from_secs(1);
    driver.end_input(ALICE);
    assert_eq!(numbers(&mut driver), Vec::from_iter(1..=10));
    assert!(!driver.wants_input(ALICE));
    for lines in [11..=13, 14..=16, 17..=18] {
        assert!(driver.close_reason(ALICE).is_none());
        driver.advance(second - Duration::from_millis(1));
        assert!(numbers(&mut driver).is_empty());
        driver.advance(Duration::from_millis(1));
        assert_eq!(numbers(&mut driver), Vec::from_iter(lines));
    }
    assert_eq!(
        output(&mut driver, ALICE),
        format!("{WARNING} 3 per second.\n")
    );
    assert!(
        driver.close_reason(ALICE).is_some(),
        "the end of input follows the last line"
    );
}

#[test]
fn a_steady_pace_is_never_delayed() {
    let mut driver = flood("--burst 3 --line-rate 1", 0);
    for line in 1..=50 {
        driver.send(ALICE, format!("{line}\n").as_bytes());
        assert_eq!(numbers(&mut driver), [line]);
        // One line per second on average, and sometimes two within a second.
        driver.advance(Duration::from_millis(500 + 1000 * (line as u64 % 2)));
    }
    assert_eq!(output(&mut driver, ALICE), "");
}

#[test]
fn each_flood_is_warned_about_once() {
    let mut driver = flood("--burst 10 --line-rate 5", 11);
    for seconds in [3, 2] {
        assert_eq!(
            output(&mut driver, ALICE),
            format!("{WARNING} 5 per second.\n")
        );
        driver.send(ALICE, b"1\n");
        driver.advance(Duration::from_secs(seconds));
        assert_eq!(output(&mut driver, ALICE), "");
        driver.advance(Duration::from_secs(60));
        driver.send(ALICE, "1\n".repeat(11).as_bytes());
    }
}

#[test]
fn long_lines_count_as_several() {
    let mut driver = flood("", 0);
    let line = [&[b'x'; 8000], &b"\n"[..]].concat();
    (0..20).for_each(|_| driver.send(ALICE, &line));
    assert_eq!(output(&mut driver, BOB).lines().count(), 13);
    assert_eq!(
        output(&mut driver, ALICE),
        format!("{WARNING} 5 per second.\n")
    );
    driver.advance(Duration::from_secs(60));
    assert_eq!(output(&mut driver, BOB).lines().count(), 7);
}

#[test]
fn a_room_event_does_not_end_the_delay() {
    let mut driver = flood("--burst 2 --line-rate 1", 4);
    driver.send(BOB, b"hello\n");
    assert_eq!(
        output(&mut driver, ALICE),
        format!("{WARNING} 1 per second.\nbob: hello\n")
    );
    assert_eq!(numbers(&mut driver), [1, 2]);
    assert!(!driver.wants_input(ALICE));
}
