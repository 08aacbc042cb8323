//! Forwarding between several clients, without a socket.

use std::sync::Arc;

use switchboard_core::testing::Gathering;
use switchboard_core::{Limits, Service};

use super::*;
use crate::forward::session::{EOT, NEW, NO_RECEIVER, TAKEN};
use crate::testing::parse_options;

fn gathering(options: &str) -> Gathering {
    let forward = Forward::from_options(parse_options(options)).expect("no contradiction");
    Gathering::new(Arc::new(forward), Limits::default())
}

#[test]
fn the_first_sends_to_the_second_and_later_clients_are_refused() {
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
fn input_waits_for_a_receiver() {
    let mut line = gathering("--no-role");
    line.come(1);
    line.say(1, b"early, ");
    line.say(1, b"still early");
    line.hang_up(1);
    assert!(line.ended(1).is_none(), "it waits for a receiver");
    line.come(2);
    assert_eq!(line.heard(2), b"early, still early");
    assert!(line.ended(1).is_some() && line.ended(2).is_some());
    line.come(3);
    line.say(3, b"next");
    line.come(4);
    assert_eq!(line.heard(4), b"next", "the line is free again");
}

#[test]
fn the_end_of_the_sender_ends_all_receivers() {
    for options in ["", "--to all"] {
        let mut line = gathering(options);
        for peer in 1..4 {
            line.come(peer);
        }
        line.say(1, b"last words");
        line.hang_up(1);
        assert_eq!(line.heard(2), b"2last words");
        assert!(line.ended(1).is_some() && line.ended(2).is_some());
        assert!(line.ended(3).is_some());
    }
}

#[test]
fn a_lost_sender_ends_all_receivers() {
    let mut line = gathering("--to all");
    for peer in 1..4 {
        line.come(peer);
    }
    line.vanish(1);
    assert!(line.ended(2).is_some() && line.ended(3).is_some());
}

#[test]
fn the_first_sends_to_all_others() {
    let mut line = gathering("--to all");
    for peer in 1..6 {
        line.come(peer);
    }
    line.say(1, b"to all");
    assert_eq!(line.heard(1), b"1");
    for peer in 2..6 {
        assert_eq!(line.heard(peer), b"2to all");
    }
}

#[test]
fn everyone_sends_to_everyone_else() {
    let mut line = gathering("--to others");
    for peer in 1..4 {
        line.come(peer);
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
fn without_a_receiver_the_sender_is_notified_or_closed() {
    let mut notified = gathering("--no-role");
    notified.come(1);
    notified.come(2);
    notified.vanish(2);
    assert_eq!(notified.heard(1), NO_RECEIVER.as_bytes());
    notified.say(1, b"kept");
    notified.come(3);
    assert_eq!(notified.heard(3), b"kept");

    let mut closed = gathering("--on-leave close");
    closed.come(1);
    closed.come(2);
    closed.come(3); // refused, so it was no receiver
    assert!(closed.ended(1).is_none());
    closed.vanish(2);
    assert_eq!(closed.heard(1), b"1");
    assert!(closed.ended(1).is_some());

    let mut all = gathering("--to all --on-leave close");
    for peer in 1..4 {
        all.come(peer);
    }
    all.vanish(2);
    assert!(all.ended(1).is_none(), "there is another one");
    all.vanish(3);
    assert!(all.ended(1).is_some());
}

#[test]
fn a_new_client_that_ends_its_input_still_receives() {
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
    for peer in 1..4 {
        line.come(peer);
    }
    line.ignore(2);
    let piece: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut said = 0;
    while line.is_heard(1) {
        line.say(1, &piece);
        said += 1;
        assert!(said < 1000, "the sender is not held back");
    }
    line.listen(2);
    assert!(line.is_heard(1));
    assert_eq!(line.heard(2), piece.repeat(said));
    assert_eq!(line.heard(3), piece.repeat(said));
}

#[test]
fn roles_are_fixed_by_listener() {
    let forward = Forward {
        options: parse_options("--role receive --role send"),
    };
    let connected = |place| {
        let session = Service::connect(&forward, &Peer::stdio().at(place));
        session.map(|_| ()).map_err(|refusal| refusal.0)
    };
    assert_eq!(connected(0), Ok(()));
    assert_eq!(connected(1), Ok(()));
    assert_eq!(connected(2), Err("Nobody has a role here.".into()));
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
fn a_datagram_does_not_change_a_fixed_role() {
    let mut receivers = gathering("--role receive --to all");
    receivers.come_by_datagram(1, b"I would send");
    receivers.come(2);
    assert_eq!(receivers.heard(2), b"2", "and it received nothing");
    let mut senders = gathering("--role send");
    senders.come_by_datagram(1, b"");
    senders.come_by_datagram(2, b"");
    assert_eq!(senders.datagrams(2), [TAKEN.as_bytes()]);
}

#[test]
fn the_first_datagram_chooses_the_role() {
    for (empty, options) in [(&b""[..], ""), (b"\n", ""), (b"\r\n", "--to all")] {
        let mut line = gathering(options);
        line.come_by_datagram(1, empty);
        line.come_by_datagram(2, b"one");
        line.say(2, b"");
        line.say(2, b"two");
        assert_eq!(line.datagrams(1), [b"one", b"two"]);
        line.come_by_datagram(3, b"I send too");
        assert_eq!(line.datagrams(3), [TAKEN.as_bytes()]);
        line.say(1, EOT);
        assert_eq!(line.datagrams(2), [NO_RECEIVER.as_bytes()]);
        line.say(2, EOT);
        assert!(line.ended(1).is_some() && line.ended(2).is_some());
    }
}

#[test]
fn streams_and_datagrams_share_a_line() {
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
fn a_stopping_server_closes_all_sessions() {
    let mut line = gathering("--to others");
    line.come(1);
    line.come(2);
    line.stop();
    assert!(line.ended(1).is_some() && line.ended(2).is_some());
}

#[test]
fn roles_contradict_to_others() {
    let forward = Forward::from_options(parse_options("--to others --role send"));
    assert!(forward.is_err_and(|error| error.contains("--to others")));
}
