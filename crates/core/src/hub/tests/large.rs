//! Long random sequences of operations of many members.

use proptest::prelude::*;

use super::checker::{Act, Checker, LARGEST};
use super::*;

const MEMBERS: usize = 12;

fn act() -> impl Strategy<Value = Act> {
    let member = 0..MEMBERS;
    let room = prop::sample::select(vec!["p", "q", "r"]);
    let size = prop_oneof![8 => 0..2000usize, 3 => 0..100_000usize, 1 => 0..LARGEST];
    prop_oneof![
        4 => (member.clone(), room.clone()).prop_map(|(member, room)| Act::Join(member, room)),
        1 => (member.clone(), room.clone()).prop_map(|(member, room)| Act::Leave(member, room)),
        8 => (member.clone(), room.clone(), size).prop_map(|(member, room, size)| Act::Post(member, room, size)),
        1 => (member.clone(), room).prop_map(|(member, room)| Act::ListMembers(member, room)),
        6 => member.clone().prop_map(Act::Take),
        1 => member.clone().prop_map(Act::Disconnect),
        1 => member.prop_map(Act::Lose),
    ]
}

fn kind() -> impl Strategy<Value = RoomKind> {
    let host = prop::option::of(Just("host"));
    (any::<bool>(), 0..20usize, any::<bool>(), host).prop_map(|(lossless, history, echo, host)| {
        RoomKind {
            lossless,
            history,
            echo,
            host,
        }
    })
}

proptest! {
    #[test]
    fn invariants_stay_true(kind in kind(), acts in prop::collection::vec(act(), 1..400)) {
        let mut checker = Checker::new(kind, MEMBERS);
        for (step, &act) in acts.iter().enumerate() {
            checker.act(act);
            if step % 100 == 99 {
                checker.take_all();
            }
        }
        checker.take_all();
        checker.end();
    }
}
