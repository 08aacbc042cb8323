//! Forwarding between several clients, without a socket.

use std::sync::Arc;

use switchboard_core::testing::RoomDriver;
use switchboard_core::{Limits, Service};

use super::*;
use crate::forward::session::{EOT, NEW_TIME, NO_RECEIVER, TAKEN};
use crate::testing::parse_options;

fn driver(options: &str) -> RoomDriver {
    let forward = Forward::from_options(parse_options(options)).expect("no contradiction");
    RoomDriver::new(Arc::new(forward), Limits::default())
}

/// A peer connects, and has input for as long as a client is new.
fn connect(line: &mut RoomDriver, peer: u8) {
    line.connect(peer);
    line.advance(NEW_TIME);
}

#[test]
fn a_receiver_gets_its_role_once_its_input_ends_or_could_have_ended() {
    let mut line = driver("--to all");
    for peer in 1..5 {
        line.connect(peer);
    }
    assert_eq!(line.received(1), b"1");
    assert_eq!(line.received(2), b"");
    line.end_input(2);
    line.send(3, b"is discarded");
    assert_eq!(
        (line.received(2), line.received(3)),
        (b"2".into(), b"2".into())
    );
    line.advance(NEW_TIME);
    assert_eq!(line.received(4), b"2");
    line.connect(5);
    line.send(1, b"hello");
    for (peer, received) in [(2, "hello"), (3, "hello"), (4, "hello"), (5, "2hello")] {
        assert_eq!(line.received(peer), received.as_bytes());
    }
    line.end_input(3);
    line.end_input(4);
    line.end_input(5);
    assert!(line.close_reason(3).is_some() && line.close_reason(4).is_some());
    assert!(line.close_reason(2).is_none() && line.close_reason(5).is_none());
    line.advance(NEW_TIME);
    assert_eq!(line.received(5), b"");
    line.connect(6);
    line.connect(7);
    line.kill(1);
    assert_eq!(
        (line.received(6), line.received(7)),
        (b"2".into(), b"2".into())
    );
}

#[test]
fn the_first_sends_to_the_second_and_later_clients_are_refused() {
    let mut line = driver("");
    line.connect(1);
    assert_eq!(line.received(1), b"1");
    connect(&mut line, 2);
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
fn input_waits_for_a_receiver() {
    let mut line = driver("--no-role");
    line.connect(1);
    line.send(1, b"early, ");
    line.send(1, b"still early");
    line.end_input(1);
    assert!(line.close_reason(1).is_none(), "it waits for a receiver");
    line.connect(2);
    assert_eq!(line.received(2), b"early, still early");
    assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
    line.connect(3);
    line.send(3, b"next");
    line.connect(4);
    assert_eq!(line.received(4), b"next", "the line is free again");
}

#[test]
fn the_end_of_the_sender_ends_all_receivers() {
    for options in ["", "--to all"] {
        let mut line = driver(options);
        for peer in 1..4 {
            line.connect(peer);
        }
        line.send(1, b"last words");
        line.end_input(1);
        assert_eq!(line.received(2), b"2last words");
        assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
        assert!(line.close_reason(3).is_some());
    }
}

#[test]
fn a_lost_sender_ends_all_receivers() {
    let mut line = driver("--to all");
    for peer in 1..4 {
        line.connect(peer);
    }
    line.kill(1);
    assert!(line.close_reason(2).is_some() && line.close_reason(3).is_some());
}

#[test]
fn the_first_sends_to_all_others() {
    let mut line = driver("--to all");
    for peer in 1..6 {
        line.connect(peer);
    }
    line.send(1, b"to all");
    assert_eq!(line.received(1), b"1");
    for peer in 2..6 {
        assert_eq!(line.received(peer), b"2to all");
    }
}

#[test]
fn everyone_sends_to_everyone_else() {
    let mut line = driver("--to others");
    for peer in 1..4 {
        line.connect(peer);
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
fn without_a_receiver_the_sender_is_notified_or_closed() {
    let mut notified = driver("--no-role");
    notified.connect(1);
    notified.connect(2);
    notified.kill(2);
    assert_eq!(notified.received(1), NO_RECEIVER.as_bytes());
    notified.send(1, b"kept");
    notified.connect(3);
    assert_eq!(notified.received(3), b"kept");

    let mut closed = driver("--on-leave close");
    closed.connect(1);
    closed.connect(2);
    closed.connect(3); // refused, so it was no receiver
    assert!(closed.close_reason(1).is_none());
    closed.kill(2);
    assert_eq!(closed.received(1), b"1");
    assert!(closed.close_reason(1).is_some());

    let mut all = driver("--to all --on-leave close");
    for peer in 1..4 {
        all.connect(peer);
    }
    all.kill(2);
    assert!(all.close_reason(1).is_none(), "there is another one");
    all.kill(3);
    assert!(all.close_reason(1).is_some());
}

#[test]
fn a_new_client_that_ends_its_input_still_receives() {
    let mut line = driver("--no-role");
    line.connect(1);
    line.connect(2);
    line.end_input(2);
    line.send(1, b"heard");
    assert_eq!(line.received(2), b"heard");
    assert!(line.close_reason(2).is_none());
    line.kill(2);
    line.connect(3);
    line.advance(NEW_TIME);
    line.end_input(3);
    assert!(line.close_reason(3).is_some());
}

#[test]
fn a_slow_receiver_holds_back_the_sender_and_loses_nothing() {
    let mut line = driver("--to all --no-role");
    for peer in 1..4 {
        line.connect(peer);
    }
    line.stop_reading(2);
    let piece: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut sent = 0;
    while line.wants_input(1) {
        line.send(1, &piece);
        sent += 1;
        assert!(sent < 1000, "the sender is not held back");
    }
    line.resume_reading(2);
    assert!(line.wants_input(1));
    assert_eq!(line.received(2), piece.repeat(sent));
    assert_eq!(line.received(3), piece.repeat(sent));
}

#[test]
fn roles_are_fixed_by_listener() {
    let forward = Forward {
        options: parse_options("--role receive --role send"),
    };
    let connected = |listener| {
        let session = Service::connect(&forward, &Peer::stdio().at_listener(listener));
        session.map(|_| ()).map_err(|refusal| refusal.0)
    };
    assert_eq!(connected(0), Ok(()));
    assert_eq!(connected(1), Ok(()));
    assert_eq!(connected(2), Err("Nobody has a role here.".into()));
    let mut receivers = driver("--role receive");
    receivers.connect(1);
    connect(&mut receivers, 2);
    assert_eq!(receivers.received(1), b"2");
    assert_eq!(receivers.received(2), TAKEN.as_bytes());
    let mut senders = driver("--role send --to all");
    senders.connect(1);
    senders.connect(2);
    assert_eq!(senders.received(1), b"1");
    assert_eq!(senders.received(2), TAKEN.as_bytes());
}

#[test]
fn a_datagram_does_not_change_a_fixed_role() {
    let mut receivers = driver("--role receive --to all");
    receivers.connect_datagram(1, b"I would send");
    connect(&mut receivers, 2);
    assert_eq!(receivers.received(2), b"2", "and it received nothing");
    let mut senders = driver("--role send");
    senders.connect_datagram(1, b"");
    senders.connect_datagram(2, b"");
    assert_eq!(senders.received_datagrams(2), [TAKEN.as_bytes()]);
}

#[test]
fn the_first_datagram_chooses_the_role() {
    for (empty, options) in [(&b""[..], ""), (b"\n", ""), (b"\r\n", "--to all")] {
        let mut line = driver(options);
        line.connect_datagram(1, empty);
        line.connect_datagram(2, b"one");
        line.send(2, b"");
        line.send(2, b"two");
        assert_eq!(line.received_datagrams(1), [b"one", b"two"]);
        line.connect_datagram(3, b"I send too");
        assert_eq!(line.received_datagrams(3), [TAKEN.as_bytes()]);
        line.send(1, EOT);
        assert_eq!(line.received_datagrams(2), [NO_RECEIVER.as_bytes()]);
        line.send(2, EOT);
        assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
    }
}

#[test]
fn streams_and_datagrams_share_a_line() {
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
fn a_stopping_server_closes_all_sessions() {
    let mut line = driver("--to others");
    line.connect(1);
    line.connect(2);
    line.shut_down();
    assert!(line.close_reason(1).is_some() && line.close_reason(2).is_some());
}

#[test]
fn roles_contradict_to_others() {
    let forward = Forward::from_options(parse_options("--to others --role send"));
    assert!(forward.is_err_and(|error| error.contains("--to others")));
}
