//! What the hub keeps of members that have left.

use super::*;

#[test]
fn requests_of_a_lost_member_are_discarded() {
    let mut scene = Scene::new(by_capitals);
    scene.join("a", "L");
    scene.post('a', "L", b"is anybody there?");
    scene.join("a", "M");
    scene.disconnect('a');
    assert_eq!(scene.hub.members.len(), 0);
    assert_eq!(scene.hub.rooms.len(), 0);
    scene.join("b", "M");
    assert_eq!(scene.events('b'), ["in M 1 of 1"]);
}

#[test]
fn a_member_that_disconnects_before_its_requests_are_done_is_removed() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "v");
    scene.post('b', "v", FULL);
    scene.request('a', Request::ListMembers { room: "v".into() });
    scene.join("a", "w");
    scene.request('a', Request::Disconnect);
    assert_eq!(scene.hub.members.len(), 1);
    assert!(!scene.hub.rooms.contains_key("w"));
}

#[test]
fn a_room_whose_history_is_pushed_out_is_removed() {
    let kind = RoomKind {
        history: 1,
        ..LOSSY
    };
    let mut scene = Scene::new(move |_| kind);
    scene.join("a", "r");
    scene.post('a', "r", b"once");
    scene.request('a', Request::Leave { room: "r".into() });
    assert_eq!(scene.hub.rooms.len(), 1);
    scene.post('b', "r", FULL); // longer than a history
    assert_eq!(scene.hub.rooms.len(), 0);
    assert_eq!(scene.events('b'), ["r undelivered"]);
}

#[test]
fn the_last_empty_rooms_keep_their_history() {
    let kind = RoomKind {
        history: 1,
        ..LOSSY
    };
    let mut scene = Scene::new(move |_| kind);
    for number in 0..10 * MAX_EMPTY_ROOMS {
        let room = number.to_string();
        scene.join("a", &room);
        scene.post('a', &room, b"remember me");
        scene.request('a', leave(&room));
        scene.skip('a');
    }
    assert_eq!(scene.hub.rooms.len(), MAX_EMPTY_ROOMS);
    scene.join("b", &(10 * MAX_EMPTY_ROOMS - 1).to_string());
    scene.join("c", "0");
    assert_eq!(scene.posts('b').len(), 1);
    assert_eq!(scene.posts('c').len(), 0);
}

#[test]
fn a_member_is_in_16_rooms_at_most() {
    let mut scene = Scene::new(by_capitals);
    for number in 0..17 {
        scene.join("a", &number.to_string());
    }
    let events = scene.events('a');
    assert_eq!(events.len(), 17);
    assert_eq!(
        events
            .iter()
            .filter(|event| event.starts_with("in "))
            .count(),
        16
    );
}
