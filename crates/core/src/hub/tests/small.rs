//! All short sequences of operations of a few members.

use super::checker::{Act, Checker};
use super::*;

/// Tries all sequences of `steps` acts, after the first ones.
fn check(kind: RoomKind, members: usize, first: &[Act], acts: &[Act], steps: u32) {
    for sequence in 0..acts.len().pow(steps) {
        let chosen = (0..steps).map(|step| acts[sequence / acts.len().pow(step) % acts.len()]);
        let all: Vec<Act> = first.iter().copied().chain(chosen).collect();
        let result = std::panic::catch_unwind(|| {
            let mut checker = Checker::new(kind, members);
            all.iter().for_each(|&act| checker.act(act));
            checker.take_all();
            checker.end();
        });
        assert!(result.is_ok(), "{kind:?}: {all:?}");
    }
}

fn acts(members: usize, rooms: &[&'static str]) -> Vec<Act> {
    let mut acts = Vec::new();
    for member in 0..members {
        for room in rooms {
            acts.extend([Act::Join(member, room), Act::Leave(member, room)]);
            acts.push(Act::Post(member, room, FULL.len()));
        }
        acts.extend([
            Act::Take(member),
            Act::Disconnect(member),
            Act::Lose(member),
        ]);
    }
    acts
}

fn all_kinds() -> impl Iterator<Item = RoomKind> {
    (0..16).map(|bits| RoomKind {
        lossless: bits & 1 == 0,
        echo: bits & 2 == 0,
        host: (bits & 4 == 0).then_some("host"),
        history: (bits & 8) / 4,
    })
}

#[test]
fn two_in_one_room() {
    for kind in all_kinds().filter(|kind| kind.host.is_none() && kind.history == 0) {
        check(kind, 2, &[], &acts(2, &["r"]), 4);
    }
}

#[test]
fn three_in_one_room() {
    let first = [Act::Join(0, "r"), Act::Join(1, "r"), Act::Join(2, "r")];
    for kind in all_kinds().filter(|kind| kind.history == 0) {
        check(kind, 3, &first, &acts(3, &["r"]), 3);
    }
}

#[test]
fn two_in_two_rooms() {
    let first = [Act::Join(0, "p"), Act::Join(1, "q"), Act::Join(1, "p")];
    for kind in all_kinds().filter(|kind| kind.host.is_none() && 0 < kind.history) {
        check(kind, 2, &first, &acts(2, &["p", "q"]), 3);
    }
}
