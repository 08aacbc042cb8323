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
    assert_eq!(scene.told('b'), ["too slow"]);
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
    scene.crowd("d", "v");
    scene.skip('c');
    scene.join("e", "v");
    assert_eq!(scene.told('e'), ["in v 4 of 4", "v -d TooSlow"]);
}

#[test]
fn who_falls_behind_takes_others_along_one_after_the_other() {
    let mut scene = Scene::new(by_capitals);
    scene.join("abcdef", "v");
    scene.crowd("abcde", "v");
    scene.skip('f');
    scene.join("g", "v"); // one notice too many, for all of them but f
    let parted = "abcde".chars().map(|who| format!("v -{who} TooSlow"));
    let told: Vec<String> = std::iter::once("v +g".to_owned()).chain(parted).collect();
    assert_eq!(scene.told('f'), told);
    assert_eq!(scene.hub.halls["v"].seats().len(), 2);
    for who in "abcde".chars() {
        assert_eq!(scene.told(who), ["too slow"]);
    }
}
