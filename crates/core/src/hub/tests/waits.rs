//! Who waits for whom.

use super::*;

#[test]
fn a_post_waits_until_somebody_comes_also_where_its_poster_echo() {
    for echo in [false, true] {
        let rules = RoomKind { echo, ..LOSSLESS };
        let mut scene = Scene::new(move |_| rules);
        scene.join("a", "r");
        scene.post('a', "r", b"hello?");
        assert_eq!(scene.told('a'), ["in r 1 of 1"]);
        scene.join("b", "r");
        assert_eq!(scene.told('b'), ["in r 2 of 2", "r 1 a: hello?"]);
        assert_eq!(scene.posts('a').len(), usize::from(echo));
    }
}

#[test]
fn who_departs_is_waited_for_by_nobody() {
    let mut scene = Scene::new(by_capitals);
    scene.join("abc", "L");
    for who in ['a', 'b'] {
        scene.post(who, "L", FULL);
        scene.post(who, "L", b"held back");
    }
    scene.skip('c');
    scene.ask('a', Request::Disconnect); // and what it wanted to say comes to nothing
    assert_eq!(
        scene.told('b').last().map(String::as_str),
        Some("L -a Lost")
    );
    assert_eq!(
        scene.told('c').last().map(String::as_str),
        Some("L 3 b: held bac")
    );
    scene.ask('b', Request::Disconnect);
    assert_eq!(scene.told('c'), ["L -b Own"]);
    assert_eq!(scene.hub.members.len(), 1);
    assert_eq!(scene.hub.halls["L"].seats().len(), 1);
}

#[test]
fn a_seat_is_free_though_what_was_to_be_said_there_was_never_heard() {
    let mut scene = Scene::new(by_capitals);
    scene.join("a", "L");
    scene.post('a', "L", b"is anybody there?");
    scene.ask('a', Request::Disconnect);
    scene.join("b", "L");
    assert_eq!(scene.told('b'), ["in L 1 of 1"]);
}

#[test]
fn whatever_waits_behind_a_post_is_weighed() {
    let mut scene = Scene::new(by_capitals);
    let requests = [
        join("L", "me"),
        post("L", b"hello?"),
        join("v", "me"),
        Request::ListMembers { room: "v".into() },
        Request::Leave { room: "v".into() },
        post("nowhere", b""),
    ];
    let weights: Vec<usize> = requests.iter().map(Request::weight).collect();
    assert!(weights.iter().all(|&weight| 64 <= weight));
    for request in requests {
        scene.ask('a', request);
    }
    assert_eq!(scene.taken('a'), weights[0]);
    scene.join("b", "L");
    assert_eq!(scene.taken('a'), weights[1..].iter().sum::<usize>());
}

#[test]
fn who_asks_for_much_is_told_as_fast_as_it_hears() {
    let rules = RoomKind {
        history: 100,
        ..LIVELY
    };
    let mut scene = Scene::new(move |_| rules);
    for room in "pqrstu".chars().map(String::from) {
        scene.join("a", &room);
        (0..100).for_each(|_| scene.post('a', &room, &[b'x'; 1200]));
        scene.join("b", &room);
    }
    scene.skip('a');
    let told = scene.told('b');
    assert_eq!(told.len(), 6 * 101, "it heard all there was, in whole");
    let crowd: String = ('\u{4e00}'..).take(1000).collect();
    crowd.chars().for_each(|who| {
        let id = scene.id(who);
        scene.hub.join(id, "v", "m".into(), Transport::Stream);
    });
    (0..20).for_each(|_| scene.ask('b', Request::ListMembers { room: "v".into() }));
    assert_eq!(scene.told('b'), ["v has 1000"; 20]);
}

#[test]
fn a_long_post_is_no_reason_to_drop_anybody() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "L");
    scene.skip('b');
    scene.post('a', "L", &FULL.repeat(4));
    scene.join("c", "L");
    scene.post('a', "L", b"held back");
    assert_eq!(
        scene.told('b'),
        ["L 1 a: xxxxxxxx", "L +c", "L 2 a: held bac"]
    );
}

#[test]
fn comings_and_goings_fill_no_queue_without_end() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "L");
    scene.skip('b');
    for _ in 0..10_000 {
        scene.join("c", "L");
        scene.ask('c', leave("L"));
        scene.skip('c');
    }
    assert_eq!(scene.told('b'), ["too slow"]);
}

/// A lively room whose members are waited for as long as in earnest.
fn patient() -> Scene {
    let mut scene = Scene::new(by_capitals);
    scene.hub.patience = PATIENCE;
    scene.join("abc", "r");
    scene.skip('b');
    scene.skip('c');
    scene
}

fn pass(scene: &mut Scene, time: Duration) {
    let now = scene.hub.now + time;
    scene.hub.at(now).tick();
}

#[test]
fn a_lively_room_gives_everybody_time_to_take_a_turn() {
    let mut scene = patient();
    scene.post('a', "r", FULL);
    scene.post('a', "r", b"held back");
    pass(&mut scene, PATIENCE / 2);
    assert_eq!(scene.posts('b').len(), 1, "the other one waits for c");
    assert_eq!(scene.posts('c'), ["r 1 a: xxxxxxxx", "r 2 a: held bac"]);
    assert_eq!(scene.posts('b'), ["r 2 a: held bac"]);
}

#[test]
fn who_has_had_its_time_is_dropped_and_the_others_go_on() {
    let mut scene = patient();
    scene.post('a', "r", FULL);
    scene.post('a', "r", b"held back");
    assert_eq!(scene.posts('b').len(), 1);
    assert_eq!(scene.hub.deadline(), Some(scene.hub.now + PATIENCE));
    pass(&mut scene, PATIENCE);
    assert_eq!(scene.told('c'), ["too slow"]);
    assert_eq!(scene.posts('b'), ["r 2 a: held bac"]);
    assert_eq!(scene.hub.deadline(), None);
}

#[test]
fn nobody_waits_for_who_has_stopped() {
    let mut scene = patient();
    scene.post('a', "r", b"the first that is not heard");
    pass(&mut scene, PATIENCE);
    scene.post('a', "r", FULL);
    scene.skip('b');
    scene.post('a', "r", b"goes through");
    assert_eq!(scene.posts('b'), ["r 3 a: goes thr"]);
    assert_eq!(scene.told('c'), ["too slow"]);
}

#[test]
fn who_takes_little_by_little_is_not_waited_for_without_end() {
    let mut scene = patient();
    (0..32).for_each(|_| scene.post('a', "r", &FULL[..FULL.len() / 16]));
    let (b, mut told) = (scene.id('b'), Vec::new());
    for _ in 0..10 {
        told.extend(scene.hub.next(b)); // never so much that its queue is short
        scene.skip('c');
        pass(&mut scene, PATIENCE / 5);
        scene.post('a', "r", &FULL[..FULL.len() / 16]);
    }
    assert!(told.contains(&Notice::TooSlow));
    assert!(told.len() < 8, "it was dropped late");
}

/// Two who enter, the first of whom is slower to say anything.
fn at_the_door() -> (Scene, [MemberId; 2]) {
    let mut scene = Scene::new(by_capitals);
    scene.hub.courtesy = COURTESY;
    let ids = ['a', 'b'].map(|who| scene.id(who));
    scene.join("b", "r");
    assert_eq!(scene.told('b'), [""; 0], "it waits for the one before");
    (scene, ids)
}

#[test]
fn who_enters_first_comes_in_first() {
    let (mut scene, _) = at_the_door();
    scene.join("a", "r");
    assert_eq!(scene.told('a'), ["in r 1 of 1", "r +b"]);
    assert_eq!(scene.told('b'), ["in r 2 of 2"]);
}

#[test]
fn nobody_waits_at_the_door_for_who_wants_nothing_or_is_gone_or_slow() {
    for asked in [Some(Request::Ready), Some(Request::Disconnect), None] {
        let (mut scene, [a, _]) = at_the_door();
        match asked {
            Some(request) => scene.hub.request(a, request),
            None => scene.hub.disconnect(a),
        }
        assert_eq!(scene.told('b'), ["in r 1 of 1"]);
    }
    let (mut scene, _) = at_the_door();
    assert_eq!(scene.hub.deadline(), Some(scene.hub.now + COURTESY));
    pass(&mut scene, COURTESY);
    assert_eq!(scene.told('b'), ["in r 1 of 1"]);
}
