use std::sync::Arc;

use switchboard_core::Limits;
use switchboard_core::testing::RoomDriver;

use super::*;
use crate::talk::from_words;

fn driver(words: &str) -> RoomDriver {
    let forward = Forward::from_options(from_words(words)).expect("they do not contradict");
    RoomDriver::new(Arc::new(forward), Limits::default())
}

#[test]
fn the_first_sends_to_the_second_and_others_find_the_line_taken() {
    let mut line = driver("");
    line.connect(1);
    assert_eq!(line.received(1), b"1");
    line.connect(2);
    assert_eq!(line.received(2), b"2");
    line.connect(3);
    assert_eq!(line.received(3), TAKEN.as_bytes());
    assert!(line.close_reason(3).is_some());
    line.send(1, b"hello\0\xff");
    line.send(2, b"is not forwarded");
    assert_eq!(line.received(2), b"hello\0\xff");
    assert_eq!(line.received(1), b"");
}

#[test]
fn what_is_sent_before_anybody_receives_waits() {
    let mut line = driver("--no-role");
    line.connect(1);
    line.send(1, b"early, ");
    line.send(1, b"still early");
    line.end_input(1);
    assert!(line.close_reason(1).is_none(), "it waits for who receives");
    line.connect(2);
    assert_eq!(line.received(2), b"early, still early");
    assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
    line.connect(3);
    line.send(3, b"next");
    line.connect(4);
    assert_eq!(line.received(4), b"next", "the line is free again");
}

#[test]
fn the_end_of_the_sender_is_the_end_of_all_who_receive() {
    for words in ["", "--to all"] {
        let mut line = driver(words);
        for who in 1..4 {
            line.connect(who);
        }
        line.send(1, b"last words");
        line.end_input(1);
        assert_eq!(line.received(2), b"2last words");
        assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
        assert!(line.close_reason(3).is_some());
    }
}

#[test]
fn a_sender_that_vanishes_ends_the_line_too() {
    let mut line = driver("--to all");
    for who in 1..4 {
        line.connect(who);
    }
    line.kill(1);
    assert!(line.close_reason(2).is_some() && line.close_reason(3).is_some());
}

#[test]
fn the_first_sends_to_all_others() {
    let mut line = driver("--to all");
    for who in 1..6 {
        line.connect(who);
    }
    line.send(1, b"to all");
    assert_eq!(line.received(1), b"1");
    for who in 2..6 {
        assert_eq!(line.received(who), b"2to all");
    }
}

#[test]
fn everyone_sends_to_everyone_else() {
    let mut line = driver("--to others");
    for who in 1..4 {
        line.connect(who);
    }
    line.send(1, b"a");
    line.send(2, b"b");
    line.send(3, b"c");
    assert_eq!(line.received(1), b"bc");
    assert_eq!(line.received(2), b"ac");
    assert_eq!(line.received(3), b"ab");
    line.end_input(1);
    assert!(line.close_reason(1).is_some());
    line.send(2, b"d");
    assert_eq!(line.received(3), b"d");
}

#[test]
fn the_sender_is_told_that_nobody_receives_any_more_or_closed() {
    let mut told = driver("--no-role");
    told.connect(1);
    told.connect(2);
    told.kill(2);
    assert_eq!(told.received(1), LEFT.as_bytes());
    told.send(1, b"kept");
    told.connect(3);
    assert_eq!(told.received(3), b"kept");

    let mut closed = driver("--on-leave close");
    closed.connect(1);
    closed.connect(2);
    closed.connect(3); // was told that the line is taken, which is no loss
    assert!(closed.close_reason(1).is_none());
    closed.kill(2);
    assert_eq!(closed.received(1), b"1");
    assert!(closed.close_reason(1).is_some());

    let mut all = driver("--to all --on-leave close");
    for who in 1..4 {
        all.connect(who);
    }
    all.kill(2);
    assert!(all.close_reason(1).is_none(), "there is another one");
    all.kill(3);
    assert!(all.close_reason(1).is_some());
}

#[test]
fn who_ends_its_side_at_once_listens_and_later_has_left() {
    let mut line = driver("--no-role");
    line.connect(1);
    line.connect(2);
    line.end_input(2);
    line.send(1, b"heard");
    assert_eq!(line.received(2), b"heard");
    assert!(line.close_reason(2).is_none());
    line.kill(2);
    line.connect(3);
    line.advance(NEW);
    line.end_input(3);
    assert!(line.close_reason(3).is_some());
}

#[test]
fn a_slow_receiver_holds_back_the_sender_and_loses_nothing() {
    let mut line = driver("--to all --no-role");
    for who in 1..4 {
        line.connect(who);
    }
    line.stop_reading(2);
    let piece: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut said = 0;
    while line.wants_input(1) {
        line.send(1, &piece);
        said += 1;
        assert!(said < 1000, "nothing holds it back");
    }
    line.resume_reading(2);
    assert!(line.wants_input(1));
    assert_eq!(line.received(2), piece.repeat(said));
    assert_eq!(line.received(3), piece.repeat(said));
}

#[test]
fn roles_are_fixed_by_the_place() {
    let forward = Forward {
        options: from_words("--role receive --role send"),
    };
    let first_words = |place| {
        let session =
            switchboard_core::Service::connect(&forward, &Peer::stdio().at_listener(place));
        session.map(|_| ()).map_err(|refusal| refusal.0)
    };
    assert_eq!(first_words(0), Ok(()));
    assert_eq!(first_words(1), Ok(()));
    assert_eq!(first_words(2), Err("Nobody has a role here.".into()));
    let mut receivers = driver("--role receive");
    receivers.connect(1);
    receivers.connect(2);
    assert_eq!(receivers.received(1), b"2");
    assert_eq!(receivers.received(2), TAKEN.as_bytes());
    let mut senders = driver("--role send --to all");
    senders.connect(1);
    senders.connect(2);
    assert_eq!(senders.received(1), b"1");
    assert_eq!(senders.received(2), TAKEN.as_bytes());
}

#[test]
fn a_datagram_does_not_change_the_role_of_its_place() {
    let mut receivers = driver("--role receive --to all");
    receivers.connect_datagram(1, b"I would send");
    receivers.connect(2);
    assert_eq!(receivers.received(2), b"2", "and it heard nothing");
    let mut senders = driver("--role send");
    senders.connect_datagram(1, b"");
    senders.connect_datagram(2, b"");
    assert_eq!(senders.received_datagrams(2), [TAKEN.as_bytes()]);
}

#[test]
fn over_datagrams_the_first_one_says_who_receives() {
    for (empty, words) in [(&b""[..], ""), (b"\n", ""), (b"\r\n", "--to all")] {
        let mut line = driver(words);
        line.connect_datagram(1, empty);
        line.connect_datagram(2, b"one");
        line.send(2, b"");
        line.send(2, b"two");
        assert_eq!(line.received_datagrams(1), [b"one", b"two"]);
        line.connect_datagram(3, b"I send too");
        assert_eq!(line.received_datagrams(3), [TAKEN.as_bytes()]);
        line.send(1, EOT);
        assert_eq!(line.received_datagrams(2), [LEFT.as_bytes()]);
        line.send(2, EOT);
        assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
    }
}

#[test]
fn streams_and_datagrams_meet() {
    let mut line = driver("--to all --no-role");
    line.connect(1);
    line.connect(2);
    line.connect_datagram(3, b"");
    line.send(1, &[b'x'; 3000]);
    assert_eq!(line.received(2), [b'x'; 3000]);
    let sizes: Vec<usize> = line.received_datagrams(3).iter().map(Vec::len).collect();
    assert_eq!(sizes, [1200, 1200, 600]);

    let mut line = driver("--to all --no-role");
    line.connect_datagram(1, &[b'y'; 3000]);
    line.connect(2);
    line.connect_datagram(3, b"");
    line.send(1, &[b'z'; 3000]);
    assert_eq!(line.received(2).len(), 6000);
    assert_eq!(line.received_datagrams(3), [[b'z'; 3000]]);
}

#[test]
fn a_stop_closes_everybody() {
    let mut line = driver("--to others");
    line.connect(1);
    line.connect(2);
    line.shut_down();
    assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
}

#[test]
fn nobody_has_a_role_where_everyone_does_both() {
    let asked = Forward::from_options(from_words("--to others --role send"));
    assert!(asked.is_err_and(|words| words.contains("--to others")));
}
