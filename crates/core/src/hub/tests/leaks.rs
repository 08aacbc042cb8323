//! What is remembered of members that are gone.

use super::*;

#[test]
fn who_is_lost_while_it_is_held_back_comes_into_no_room_any_more() {
    let mut scene = Scene::new(by_capitals);
    scene.join("a", "L");
    scene.post('a', "L", b"is anybody there?");
    scene.join("a", "M");
    scene.lose('a');
    assert_eq!(scene.hub.members.len(), 0);
    assert_eq!(scene.hub.halls.len(), 0);
    scene.join("b", "M");
    assert_eq!(scene.told('b'), ["in M 1 of 1"]);
}

#[test]
fn who_departs_before_it_was_told_what_it_asked_for_is_gone() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "v");
    scene.post('b', "v", FULL);
    scene.ask('a', Request::ListMembers { room: "v".into() });
    scene.join("a", "w");
    scene.ask('a', Request::Disconnect);
    assert_eq!(scene.hub.members.len(), 1);
    assert!(!scene.hub.halls.contains_key("w"));
}

#[test]
fn a_room_whose_past_is_pushed_out_from_outside_is_forgotten() {
    let rules = RoomKind {
        history: 1,
        ..LIVELY
    };
    let mut scene = Scene::new(move |_| rules);
    scene.join("a", "r");
    scene.post('a', "r", b"once");
    scene.ask('a', Request::Leave { room: "r".into() });
    assert_eq!(scene.hub.halls.len(), 1);
    scene.post('b', "r", FULL); // more than may be remembered
    assert_eq!(scene.hub.halls.len(), 0);
    assert_eq!(scene.told('b'), ["r unheard"]);
}

#[test]
fn of_rooms_that_were_left_the_last_ones_keep_their_past() {
    let rules = RoomKind {
        history: 1,
        ..LIVELY
    };
    let mut scene = Scene::new(move |_| rules);
    for number in 0..10 * MOST_LEFT {
        let room = number.to_string();
        scene.join("a", &room);
        scene.post('a', &room, b"remember me");
        scene.ask('a', leave(&room));
        scene.skip('a');
    }
    assert_eq!(scene.hub.halls.len(), MOST_LEFT);
    scene.join("b", &(10 * MOST_LEFT - 1).to_string());
    scene.join("c", "0");
    assert_eq!(scene.posts('b').len(), 1);
    assert_eq!(scene.posts('c').len(), 0);
}

#[test]
fn there_are_rooms_enough_and_no_more() {
    let mut scene = Scene::new(by_capitals);
    for number in 0..17 {
        scene.join("a", &number.to_string());
    }
    let told = scene.told('a');
    assert_eq!(told.len(), 17);
    assert_eq!(
        told.iter().filter(|told| told.starts_with("in ")).count(),
        16
    );
}
