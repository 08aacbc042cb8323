//! All that can happen to few members in few steps.

use super::watch::{Act, Watch};
use super::*;

/// Tries all sequences of so many of these acts, after what was done to begin with.
fn check(rules: RoomKind, members: usize, first: &[Act], acts: &[Act], steps: u32) {
    for sequence in 0..acts.len().pow(steps) {
        let chosen = (0..steps).map(|step| acts[sequence / acts.len().pow(step) % acts.len()]);
        let all: Vec<Act> = first.iter().copied().chain(chosen).collect();
        let watched = std::panic::catch_unwind(|| {
            let mut watch = Watch::new(rules, members);
            all.iter().for_each(|&act| watch.act(act));
            watch.hear_out();
            watch.end();
        });
        assert!(watched.is_ok(), "{rules:?}: {all:?}");
    }
}

fn acts(members: usize, rooms: &[&'static str]) -> Vec<Act> {
    let mut acts = Vec::new();
    for who in 0..members {
        for room in rooms {
            acts.extend([Act::Join(who, room), Act::Leave(who, room)]);
            acts.push(Act::Post(who, room, FULL.len()));
        }
        acts.extend([Act::Hear(who), Act::Depart(who), Act::Lose(who)]);
    }
    acts
}

fn all_rules() -> impl Iterator<Item = RoomKind> {
    (0..16).map(|bits| RoomKind {
        lossless: bits & 1 == 0,
        echo: bits & 2 == 0,
        host: (bits & 4 == 0).then_some("host"),
        history: (bits & 8) / 4,
    })
}

#[test]
fn two_in_one_room() {
    for rules in all_rules().filter(|rules| rules.host.is_none() && rules.history == 0) {
        check(rules, 2, &[], &acts(2, &["r"]), 4);
    }
}

#[test]
fn three_who_are_there() {
    let first = [Act::Join(0, "r"), Act::Join(1, "r"), Act::Join(2, "r")];
    for rules in all_rules().filter(|rules| rules.history == 0) {
        check(rules, 3, &first, &acts(3, &["r"]), 3);
    }
}

#[test]
fn two_in_two_rooms() {
    let first = [Act::Join(0, "p"), Act::Join(1, "q"), Act::Join(1, "p")];
    for rules in all_rules().filter(|rules| rules.host.is_none() && 0 < rules.history) {
        check(rules, 2, &first, &acts(2, &["p", "q"]), 3);
    }
}
