use std::sync::Arc;

use switchboard_core::Limits;
use switchboard_core::testing::Gathering;

use super::*;
use crate::talk::from_words;

fn gathering(words: &str) -> Gathering {
    let forward = Forward::from_options(from_words(words)).expect("they do not contradict");
    Gathering::new(Arc::new(forward), Limits::default())
}

#[test]
fn the_first_sends_to_the_second_and_others_find_the_line_taken() {
    let mut line = gathering("");
    line.come(1);
    assert_eq!(line.heard(1), b"1");
    line.come(2);
    assert_eq!(line.heard(2), b"2");
    line.come(3);
    assert_eq!(line.heard(3), TAKEN.as_bytes());
    assert!(line.ended(3).is_some());
    line.say(1, b"hello\0\xff");
    line.say(2, b"is not forwarded");
    assert_eq!(line.heard(2), b"hello\0\xff");
    assert_eq!(line.heard(1), b"");
}

#[test]
fn what_is_sent_before_anybody_receives_waits() {
    let mut line = gathering("--no-role");
    line.come(1);
    line.say(1, b"early, ");
    line.say(1, b"still early");
    line.hang_up(1);
    assert!(line.ended(1).is_none(), "it waits for who receives");
    line.come(2);
    assert_eq!(line.heard(2), b"early, still early");
    assert!(line.ended(1).is_some() && line.ended(2).is_some());
    line.come(3);
    line.say(3, b"next");
    line.come(4);
    assert_eq!(line.heard(4), b"next", "the line is free again");
}

#[test]
fn the_end_of_the_sender_is_the_end_of_all_who_receive() {
    for words in ["", "--to all"] {
        let mut line = gathering(words);
        for who in 1..4 {
            line.come(who);
        }
        line.say(1, b"last words");
        line.hang_up(1);
        assert_eq!(line.heard(2), b"2last words");
        assert!(line.ended(1).is_some() && line.ended(2).is_some());
        assert!(line.ended(3).is_some());
    }
}

#[test]
fn a_sender_that_vanishes_ends_the_line_too() {
    let mut line = gathering("--to all");
    for who in 1..4 {
        line.come(who);
    }
    line.vanish(1);
    assert!(line.ended(2).is_some() && line.ended(3).is_some());
}

#[test]
fn the_first_sends_to_all_others() {
    let mut line = gathering("--to all");
    for who in 1..6 {
        line.come(who);
    }
    line.say(1, b"to all");
    assert_eq!(line.heard(1), b"1");
    for who in 2..6 {
        assert_eq!(line.heard(who), b"2to all");
    }
}

#[test]
fn everyone_sends_to_everyone_else() {
    let mut line = gathering("--to others");
    for who in 1..4 {
        line.come(who);
    }
    line.say(1, b"a");
    line.say(2, b"b");
    line.say(3, b"c");
    assert_eq!(line.heard(1), b"bc");
    assert_eq!(line.heard(2), b"ac");
    assert_eq!(line.heard(3), b"ab");
    line.hang_up(1);
    assert!(line.ended(1).is_some());
    line.say(2, b"d");
    assert_eq!(line.heard(3), b"d");
}

#[test]
fn the_sender_is_told_that_nobody_receives_any_more_or_closed() {
    let mut told = gathering("--no-role");
    told.come(1);
    told.come(2);
    told.vanish(2);
    assert_eq!(told.heard(1), LEFT.as_bytes());
    told.say(1, b"kept");
    told.come(3);
    assert_eq!(told.heard(3), b"kept");

    let mut closed = gathering("--on-leave close");
    closed.come(1);
    closed.come(2);
    closed.come(3); // was told that the line is taken, which is no loss
    assert!(closed.ended(1).is_none());
    closed.vanish(2);
    assert_eq!(closed.heard(1), b"1");
    assert!(closed.ended(1).is_some());

    let mut all = gathering("--to all --on-leave close");
    for who in 1..4 {
        all.come(who);
    }
    all.vanish(2);
    assert!(all.ended(1).is_none(), "there is another one");
    all.vanish(3);
    assert!(all.ended(1).is_some());
}

#[test]
fn who_ends_its_side_at_once_listens_and_later_has_left() {
    let mut line = gathering("--no-role");
    line.come(1);
    line.come(2);
    line.hang_up(2);
    line.say(1, b"heard");
    assert_eq!(line.heard(2), b"heard");
    assert!(line.ended(2).is_none());
    line.vanish(2);
    line.come(3);
    line.pass(NEW);
    line.hang_up(3);
    assert!(line.ended(3).is_some());
}

#[test]
fn a_slow_receiver_holds_back_the_sender_and_loses_nothing() {
    let mut line = gathering("--to all --no-role");
    for who in 1..4 {
        line.come(who);
    }
    line.ignore(2);
    let piece: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut said = 0;
    while line.is_heard(1) {
        line.say(1, &piece);
        said += 1;
        assert!(said < 1000, "nothing holds it back");
    }
    line.listen(2);
    assert!(line.is_heard(1));
    assert_eq!(line.heard(2), piece.repeat(said));
    assert_eq!(line.heard(3), piece.repeat(said));
}

#[test]
fn roles_are_fixed_by_the_place() {
    let forward = Forward {
        options: from_words("--role receive --role send"),
    };
    let first_words = |place| {
        let session = switchboard_core::Service::connect(&forward, &Peer::stdio().at(place));
        session.map(|_| ()).map_err(|refusal| refusal.0)
    };
    assert_eq!(first_words(0), Ok(()));
    assert_eq!(first_words(1), Ok(()));
    assert_eq!(first_words(2), Err("Nobody has a role here.".into()));
    let mut receivers = gathering("--role receive");
    receivers.come(1);
    receivers.come(2);
    assert_eq!(receivers.heard(1), b"2");
    assert_eq!(receivers.heard(2), TAKEN.as_bytes());
    let mut senders = gathering("--role send --to all");
    senders.come(1);
    senders.come(2);
    assert_eq!(senders.heard(1), b"1");
    assert_eq!(senders.heard(2), TAKEN.as_bytes());
}

#[test]
fn a_datagram_does_not_change_the_role_of_its_place() {
    let mut receivers = gathering("--role receive --to all");
    receivers.come_by_datagram(1, b"I would send");
    receivers.come(2);
    assert_eq!(receivers.heard(2), b"2", "and it heard nothing");
    let mut senders = gathering("--role send");
    senders.come_by_datagram(1, b"");
    senders.come_by_datagram(2, b"");
    assert_eq!(senders.datagrams(2), [TAKEN.as_bytes()]);
}

#[test]
fn over_datagrams_the_first_one_says_who_receives() {
    for (empty, words) in [(&b""[..], ""), (b"\n", ""), (b"\r\n", "--to all")] {
        let mut line = gathering(words);
        line.come_by_datagram(1, empty);
        line.come_by_datagram(2, b"one");
        line.say(2, b"");
        line.say(2, b"two");
        assert_eq!(line.datagrams(1), [b"one", b"two"]);
        line.come_by_datagram(3, b"I send too");
        assert_eq!(line.datagrams(3), [TAKEN.as_bytes()]);
        line.say(1, EOT);
        assert_eq!(line.datagrams(2), [LEFT.as_bytes()]);
        line.say(2, EOT);
        assert!(line.ended(1).is_some() && line.ended(2).is_some());
    }
}

#[test]
fn streams_and_datagrams_meet() {
    let mut line = gathering("--to all --no-role");
    line.come(1);
    line.come(2);
    line.come_by_datagram(3, b"");
    line.say(1, &[b'x'; 3000]);
    assert_eq!(line.heard(2), [b'x'; 3000]);
    let sizes: Vec<usize> = line.datagrams(3).iter().map(Vec::len).collect();
    assert_eq!(sizes, [1200, 1200, 600]);

    let mut line = gathering("--to all --no-role");
    line.come_by_datagram(1, &[b'y'; 3000]);
    line.come(2);
    line.come_by_datagram(3, b"");
    line.say(1, &[b'z'; 3000]);
    assert_eq!(line.heard(2).len(), 6000);
    assert_eq!(line.datagrams(3), [[b'z'; 3000]]);
}

#[test]
fn a_stop_closes_everybody() {
    let mut line = gathering("--to others");
    line.come(1);
    line.come(2);
    line.stop();
    assert!(line.ended(1).is_some() && line.ended(2).is_some());
}

#[test]
fn nobody_has_a_role_where_everyone_does_both() {
    let asked = Forward::from_options(from_words("--to others --role send"));
    assert!(asked.is_err_and(|words| words.contains("--to others")));
}
