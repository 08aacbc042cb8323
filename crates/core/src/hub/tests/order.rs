//! What happens while something else does.

use super::*;

#[test]
fn all_hear_the_same_order_when_one_falls_behind() {
    let mut scene = Scene::new(by_capitals);
    scene.join("bde", "L");
    scene.join("bcad", "v");
    scene.post('d', "L", FULL);
    scene.told('e');
    scene.post('d', "L", b"waits for b");
    scene.post('d', "v", b"2");
    scene.post('a', "v", b"1"); // b is dropped, and d goes on
    assert_eq!(scene.posts('c'), ["v 1 a: 1", "v 2 d: 2"]);
    assert_eq!(scene.told('b').last().unwrap(), "too slow");
}

#[test]
fn who_falls_behind_was_there_when_somebody_came() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "v");
    scene.post('a', "v", FULL);
    scene.post('a', "v", FULL); // for b, one too many
    scene.join("b", "v"); // which comes to nothing
    scene.join("c", "v");
    assert_eq!(scene.told('c'), ["in v 2 of 2"]);
    scene.join("d", "v");
    scene.post('a', "v", &FULL.repeat(2));
    scene.told('c');
    scene.join("e", "v");
    assert_eq!(scene.told('e'), ["in v 4 of 4", "v -d TooSlow"]);
}

#[test]
fn however_many_fall_behind_at_once() {
    let thread = std::thread::Builder::new().stack_size(128 * 1024); // so nothing is nested
    let thread = thread.spawn(all_of_a_crowd_fall_behind).unwrap();
    thread.join().unwrap();
}

fn all_of_a_crowd_fall_behind() {
    let mut scene = Scene::new(by_capitals);
    let crowd: String = ('\u{4e00}'..).take(400).collect();
    scene.join(&crowd, "v");
    for who in crowd.chars() {
        scene.skip(who);
    }
    scene.post('a', "v", &FULL.repeat(2));
    scene.join("a", "v"); // one notice too many, for all of them
    assert_eq!(scene.hub.halls["v"].seats().len(), 1);
    for who in crowd.chars() {
        assert_eq!(scene.told(who), ["too slow"]);
    }
}
