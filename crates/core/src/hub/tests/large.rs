//! Much that happens to many members.

use proptest::prelude::*;

use super::watch::{Act, LARGEST, Watch};
use super::*;

const MEMBERS: usize = 12;

fn act() -> impl Strategy<Value = Act> {
    let who = 0..MEMBERS;
    let room = prop::sample::select(vec!["p", "q", "r"]);
    let size = prop_oneof![8 => 0..2000usize, 3 => 0..100_000usize, 1 => 0..LARGEST];
    prop_oneof![
        4 => (who.clone(), room.clone()).prop_map(|(who, room)| Act::Join(who, room)),
        1 => (who.clone(), room.clone()).prop_map(|(who, room)| Act::Leave(who, room)),
        8 => (who.clone(), room.clone(), size).prop_map(|(who, room, size)| Act::Post(who, room, size)),
        1 => (who.clone(), room).prop_map(|(who, room)| Act::Ask(who, room)),
        6 => who.clone().prop_map(Act::Hear),
        1 => who.clone().prop_map(Act::Depart),
        1 => who.prop_map(Act::Lose),
    ]
}

fn rules() -> impl Strategy<Value = RoomKind> {
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
    fn it_makes_sense(rules in rules(), acts in prop::collection::vec(act(), 1..400)) {
        let mut watch = Watch::new(rules, MEMBERS);
        for (step, &act) in acts.iter().enumerate() {
            watch.act(act);
            if step % 100 == 99 {
                watch.hear_out();
            }
        }
        watch.hear_out();
        watch.end();
    }
}
