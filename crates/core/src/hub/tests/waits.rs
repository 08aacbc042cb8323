//! When posts and requests wait, and for how long.

use super::*;

#[test]
fn a_post_waits_for_a_receiver_also_with_echo() {
    for echo in [false, true] {
        let kind = RoomKind { echo, ..LOSSLESS };
        let mut scene = Scene::new(move |_| kind);
        scene.join("a", "r");
        scene.post('a', "r", b"hello?");
        assert_eq!(scene.events('a'), ["in r 1 of 1"]);
        scene.join("b", "r");
        assert_eq!(scene.events('b'), ["in r 2 of 2", "r 1 a: hello?"]);
        assert_eq!(scene.posts('a').len(), usize::from(echo));
    }
}

#[test]
fn no_post_waits_for_a_disconnected_member() {
    let mut scene = Scene::new(by_capitals);
    scene.join("abc", "L");
    for letter in ['a', 'b'] {
        scene.post(letter, "L", FULL);
        scene.post(letter, "L", b"held back");
    }
    scene.skip('c');
    scene.request('a', Request::Disconnect); // its waiting post is discarded
    assert_eq!(
        scene.events('b').last().map(String::as_str),
        Some("L -a Lost")
    );
    assert_eq!(
        scene.events('c').last().map(String::as_str),
        Some("L 3 b: held bac")
    );
    scene.request('b', Request::Disconnect);
    assert_eq!(scene.events('c'), ["L -b Left"]);
    assert_eq!(scene.hub.members.len(), 1);
    assert_eq!(scene.hub.rooms["L"].members.len(), 1);
}

#[test]
fn a_place_is_free_when_the_waiting_post_of_its_member_is_discarded() {
    let mut scene = Scene::new(by_capitals);
    scene.join("a", "L");
    scene.post('a', "L", b"is anybody there?");
    scene.request('a', Request::Disconnect);
    scene.join("b", "L");
    assert_eq!(scene.events('b'), ["in L 1 of 1"]);
}

#[test]
fn requests_behind_a_waiting_post_have_weight() {
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
        scene.request('a', request);
    }
    assert_eq!(scene.accepted('a'), weights[0]);
    scene.join("b", "L");
    assert_eq!(scene.accepted('a'), weights[1..].iter().sum::<usize>());
}

#[test]
fn requests_with_long_answers_wait_for_the_queue() {
    let kind = RoomKind {
        history: 100,
        ..LOSSY
    };
    let mut scene = Scene::new(move |_| kind);
    for room in "pqrstu".chars().map(String::from) {
        scene.join("a", &room);
        (0..100).for_each(|_| scene.post('a', &room, &[b'x'; 1200]));
        scene.join("b", &room);
    }
    scene.skip('a');
    let events = scene.events('b');
    assert_eq!(events.len(), 6 * 101, "all histories, complete");
    let crowd: String = ('\u{4e00}'..).take(1000).collect();
    crowd.chars().for_each(|letter| {
        let id = scene.id(letter);
        scene.hub.join(id, "v", "m".into(), Transport::Stream);
    });
    (0..20).for_each(|_| scene.request('b', Request::ListMembers { room: "v".into() }));
    assert_eq!(scene.events('b'), ["v has 1000"; 20]);
}

#[test]
fn a_long_post_drops_no_member() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "L");
    scene.skip('b');
    scene.post('a', "L", &FULL.repeat(4));
    scene.join("c", "L");
    scene.post('a', "L", b"held back");
    assert_eq!(
        scene.events('b'),
        ["L 1 a: xxxxxxxx", "L +c", "L 2 a: held bac"]
    );
}

#[test]
fn joins_and_leaves_do_not_fill_a_queue_without_bound() {
    let mut scene = Scene::new(by_capitals);
    scene.join("ab", "L");
    scene.skip('b');
    for _ in 0..10_000 {
        scene.join("c", "L");
        scene.request('c', leave("L"));
        scene.skip('c');
    }
    assert_eq!(scene.events('b'), ["too slow"]);
}

/// A lossy room with the real wait for full queues.
fn patient() -> Scene {
    let mut scene = Scene::new(by_capitals);
    scene.hub.full_wait = FULL_WAIT;
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
fn a_lossy_room_waits_for_a_full_queue() {
    let mut scene = patient();
    scene.post('a', "r", FULL);
    scene.post('a', "r", b"held back");
    pass(&mut scene, FULL_WAIT / 2);
    assert_eq!(scene.posts('b').len(), 1, "the other one waits for c");
    assert_eq!(scene.posts('c'), ["r 1 a: xxxxxxxx", "r 2 a: held bac"]);
    assert_eq!(scene.posts('b'), ["r 2 a: held bac"]);
}

#[test]
fn a_slow_member_is_dropped_after_the_wait() {
    let mut scene = patient();
    scene.post('a', "r", FULL);
    scene.post('a', "r", b"held back");
    assert_eq!(scene.posts('b').len(), 1);
    assert_eq!(scene.hub.deadline(), Some(scene.hub.now + FULL_WAIT));
    pass(&mut scene, FULL_WAIT);
    assert_eq!(scene.events('c'), ["too slow"]);
    assert_eq!(scene.posts('b'), ["r 2 a: held bac"]);
    assert_eq!(scene.hub.deadline(), None);
}

#[test]
fn no_post_waits_for_a_member_that_has_stopped() {
    let mut scene = patient();
    scene.post('a', "r", b"the first that is not taken");
    pass(&mut scene, FULL_WAIT);
    scene.post('a', "r", FULL);
    scene.skip('b');
    scene.post('a', "r", b"goes through");
    assert_eq!(scene.posts('b'), ["r 3 a: goes thr"]);
    assert_eq!(scene.events('c'), ["too slow"]);
}

#[test]
fn the_end_of_a_stopped_member_is_announced_after_a_wait() {
    let mut scene = Scene::new(|_| LOSSY.host("host"));
    scene.join("ab", "r");
    scene.request('c', join("r", "host"));
    "ab".chars().for_each(|letter| scene.skip(letter));
    for letter in ['a', 'c'] {
        scene.request(letter, Request::Stopping);
        scene.request(letter, Request::Disconnect);
        assert_eq!(scene.events('b'), [""; 0]);
        pass(&mut scene, STOP_WAIT);
        assert_eq!(scene.events('b'), [format!("r -{letter} Left")]);
    }
    assert!(
        scene.hub.rooms.is_empty(),
        "without its host the room is closed"
    );
    assert_eq!(scene.hub.deadline(), None);
}

#[test]
fn the_wait_for_a_member_that_takes_little_is_bounded() {
    let mut scene = patient();
    (0..32).for_each(|_| scene.post('a', "r", &FULL[..FULL.len() / 16]));
    let (b, mut messages) = (scene.id('b'), Vec::new());
    for _ in 0..10 {
        messages.extend(scene.hub.next(b)); // its queue never becomes short
        scene.skip('c');
        pass(&mut scene, FULL_WAIT / 5);
        scene.post('a', "r", &FULL[..FULL.len() / 16]);
    }
    let is_drop = |message: &HubMessage| matches!(message, HubMessage::Event(RoomEvent::TooSlow));
    assert!(messages.iter().any(is_drop));
    assert!(messages.len() < 8, "it was dropped late");
}

/// Two members, the second of which makes the first request.
fn second_is_faster() -> (Scene, [MemberId; 2]) {
    let mut scene = Scene::new(by_capitals);
    scene.hub.admission_wait = ADMISSION_WAIT;
    let ids = ['a', 'b'].map(|letter| scene.id(letter));
    scene.join("b", "r");
    assert_eq!(scene.events('b'), [""; 0], "it waits for the first one");
    (scene, ids)
}

#[test]
fn members_are_admitted_in_the_order_of_connecting() {
    let (mut scene, _) = second_is_faster();
    scene.join("a", "r");
    assert_eq!(scene.events('a'), ["in r 1 of 1", "r +b"]);
    assert_eq!(scene.events('b'), ["in r 2 of 2"]);
}

#[test]
fn admission_does_not_wait_for_a_member_that_is_ready_gone_or_slow() {
    for request in [Some(Request::Ready), Some(Request::Disconnect), None] {
        let (mut scene, [a, _]) = second_is_faster();
        match request {
            Some(request) => scene.hub.request(a, request),
            None => scene.hub.disconnect(a),
        }
        assert_eq!(scene.events('b'), ["in r 1 of 1"]);
    }
    let (mut scene, _) = second_is_faster();
    assert_eq!(scene.hub.deadline(), Some(scene.hub.now + ADMISSION_WAIT));
    pass(&mut scene, ADMISSION_WAIT);
    assert_eq!(scene.events('b'), ["in r 1 of 1"]);
}
