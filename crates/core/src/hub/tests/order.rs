//! The order of events when members are dropped.

use super::*;

#[test]
fn all_receive_the_same_order_when_one_is_dropped() {
    let mut scene = Scene::new(by_capitals);
    scene.join("bde", "L");
    scene.join("bcad", "v");
    scene.post('d', "L", FULL);
    scene.events('e');
    scene.post('d', "L", b"waits for b");
    scene.post('d', "v", b"2");
    scene.post('a', "v", b"1"); // b is dropped, and d goes on
    assert_eq!(scene.posts('c'), ["v 1 a: 1", "v 2 d: 2"]);
    assert_eq!(scene.events('b'), ["too slow"]);
}

#[test]
fn a_dropped_member_leaves_after_the_new_one_has_entered() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "v");
    scene.post('a', "v", FULL);
    scene.post('a', "v", FULL); // b is dropped
    scene.join("b", "v"); // without effect
    scene.join("c", "v");
    assert_eq!(scene.events('c'), ["in v 2 of 2"]);
    scene.join("d", "v");
    scene.crowd("d", "v");
    scene.skip('c');
    scene.join("e", "v");
    assert_eq!(scene.events('e'), ["in v 4 of 4", "v -d TooSlow"]);
}

#[test]
fn members_are_dropped_one_after_the_other() {
    let mut scene = Scene::new(by_capitals);
    scene.join("abcdef", "v");
    scene.crowd("abcde", "v");
    scene.skip('f');
    scene.join("g", "v"); // one event too many for all but f
    let left = "abcde".chars().map(|letter| format!("v -{letter} TooSlow"));
    let expected: Vec<String> = std::iter::once("v +g".to_owned()).chain(left).collect();
    assert_eq!(scene.events('f'), expected);
    assert_eq!(scene.hub.rooms["v"].members.len(), 2);
    for letter in "abcde".chars() {
        assert_eq!(scene.events(letter), ["too slow"]);
    }
}
