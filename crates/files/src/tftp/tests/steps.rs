//! One side alone, packet by packet.

use std::time::Duration;

use crate::tftp::{Negotiated, Options, Packet, Receiver, Sender, Step, Transfer};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn negotiated(window: u16) -> Negotiated {
    Negotiated {
        block_bytes: 8,
        window,
        ..Negotiated::default()
    }
}

/// A file of 100 bytes, which is 13 blocks.
fn sender(window: u16) -> Sender<&'static [u8]> {
    Sender::new(&[b'x'; 100], &negotiated(window), None, ms(0))
}

fn receiver(window: u16) -> Receiver<Vec<u8>> {
    Receiver::new(Vec::new(), &negotiated(window), Some(vec![0]), ms(0))
}

/// The numbers of the blocks that the sender sends now.
fn sent(sender: &mut Sender<&[u8]>, now: Duration) -> Vec<u16> {
    std::iter::from_fn(|| {
        let packet = sender.next_packet(now).expect("a slice can be read")?;
        Some(u16::from_be_bytes([packet[2], packet[3]]))
    })
    .collect()
}

/// The blocks that the sender sends when this one is acknowledged.
fn acked(sender: &mut Sender<&[u8]>, block: u16, now: Duration) -> Vec<u16> {
    let step = sender.on_packet(&Packet::Ack(block), now);
    assert_eq!(step.expect("no error"), Step::Continue);
    sent(sender, now)
}

/// What the receiver sends when this block arrives.
fn delivered(receiver: &mut Receiver<Vec<u8>>, block: u16, now: Duration) -> Option<Vec<u8>> {
    let bytes = &[b'x'; 8];
    let step = receiver.on_packet(&Packet::Data { block, bytes }, now);
    assert_eq!(step.expect("no error"), Step::Continue);
    next(receiver, now)
}

/// What the receiver sends now.
fn next(receiver: &mut dyn Transfer, now: Duration) -> Option<Vec<u8>> {
    let packet = receiver.next_packet(now).expect("no file is read");
    packet.map(<[u8]>::to_vec)
}

fn ack(block: u16) -> Option<Vec<u8>> {
    Some(Packet::Ack(block).to_bytes())
}

const NOTHING: [u16; 0] = [];

#[test]
fn single_blocks_are_retransmitted_only_on_a_timeout() {
    let mut sender = sender(1);
    assert_eq!(sent(&mut sender, ms(0)), [1]);
    assert_eq!(acked(&mut sender, 0, ms(200)), NOTHING);
    assert_eq!(acked(&mut sender, 1, ms(200)), [2]);
    assert_eq!(acked(&mut sender, 1, ms(790)), NOTHING);
    assert_eq!(sender.deadline(), ms(800), "three round trips after 200 ms");
    sender.on_timeout(ms(799)).expect("no timeout yet");
    assert_eq!(sent(&mut sender, ms(799)), NOTHING);
    sender.on_timeout(ms(800)).expect("no timeout yet");
    assert_eq!(sent(&mut sender, ms(800)), [2]);
    assert_eq!(acked(&mut sender, 2, ms(801)), [3]);
    // It is ambiguous which transmission was acknowledged, so it is not measured.
    assert_eq!(sender.deadline(), ms(801 + 600));
}

#[test]
fn a_window_is_retransmitted_once_for_each_gap() {
    let mut sender = sender(4);
    assert_eq!(sent(&mut sender, ms(0)), [1, 2, 3, 4]);
    assert_eq!(acked(&mut sender, 0, ms(10)), [1, 2, 3, 4]);
    assert_eq!(acked(&mut sender, 0, ms(20)), NOTHING);
    assert_eq!(acked(&mut sender, 2, ms(30)), [3, 4, 5, 6]);
    assert_eq!(acked(&mut sender, 2, ms(40)), NOTHING);
    assert_eq!(acked(&mut sender, 1, ms(40)), NOTHING, "an old one");
    assert_eq!(acked(&mut sender, 9, ms(40)), NOTHING, "never sent");
    assert_eq!(acked(&mut sender, 6, ms(50)), [7, 8, 9, 10]);
}

#[test]
fn late_blocks_are_not_retransmitted() {
    let mut sender = sender(4);
    assert_eq!(sent(&mut sender, ms(0)), [1, 2, 3, 4]);
    let lost = sender.on_packet(&Packet::Ack(1), ms(10));
    lost.expect("no error");
    // All of them are acknowledged before they are retransmitted.
    assert_eq!(acked(&mut sender, 4, ms(10)), [5, 6, 7, 8]);
}

#[test]
fn an_acknowledgement_that_is_too_fast_is_ignored() {
    let mut sender = sender(2);
    assert_eq!(sent(&mut sender, ms(0)), [1, 2]);
    assert_eq!(acked(&mut sender, 2, ms(10)), [3, 4]);
    assert_eq!(acked(&mut sender, 2, ms(12)), NOTHING);
    assert_eq!(acked(&mut sender, 2, ms(20)), [3, 4]);
}

#[test]
fn a_missing_block_is_reported_once() {
    let mut receiver = receiver(4);
    assert_eq!(next(&mut receiver, ms(0)), Some(vec![0]));
    assert_eq!(delivered(&mut receiver, 1, ms(10)), None);
    assert_eq!(
        delivered(&mut receiver, 3, ms(10)),
        None,
        "the second may be late"
    );
    assert_eq!(
        delivered(&mut receiver, 4, ms(10)),
        ack(1),
        "the window ended"
    );
    assert_eq!(delivered(&mut receiver, 4, ms(10)), None);
    for old in [0, 1, 1000, 60_000] {
        assert_eq!(delivered(&mut receiver, old, ms(20)), None, "{old}");
    }
    assert_eq!(
        delivered(&mut receiver, 2, ms(20)),
        None,
        "the early blocks count"
    );
    assert_eq!(receiver.bytes(), 4 * 8);
    assert_eq!(delivered(&mut receiver, 4, ms(20)), None);
    assert_eq!(
        delivered(&mut receiver, 5, ms(30)),
        ack(5),
        "a window later"
    );
    assert_eq!(
        delivered(&mut receiver, 5, ms(40)),
        ack(5),
        "the acknowledgement was lost"
    );
    for other in [4, 1000] {
        assert_eq!(delivered(&mut receiver, other, ms(40)), None, "{other}");
    }
}

#[test]
fn a_late_block_is_not_missing() {
    let mut receiver = receiver(8);
    assert!(next(&mut receiver, ms(0)).is_some());
    for block in [2, 3, 1, 6, 4, 7, 5] {
        assert_eq!(delivered(&mut receiver, block, ms(10)), None, "{block}");
    }
    assert_eq!(delivered(&mut receiver, 8, ms(10)), ack(8));
    for block in [10, 11] {
        assert_eq!(delivered(&mut receiver, block, ms(20)), None, "{block}");
    }
    assert_eq!(
        delivered(&mut receiver, 12, ms(20)),
        ack(8),
        "three overtook it"
    );
}

#[test]
fn a_lost_acknowledgement_of_options_is_repeated() {
    let mut receiver = receiver(4);
    assert!(next(&mut receiver, ms(0)).is_some());
    assert!(next(&mut receiver, ms(0)).is_none());
    let acked = Packet::OptionAck(Options::default());
    receiver.on_packet(&acked, ms(1)).expect("no error");
    assert_eq!(next(&mut receiver, ms(1)), Some(vec![0]));
    assert_eq!(delivered(&mut receiver, 1, ms(2)), None);
    receiver.on_packet(&acked, ms(3)).expect("no error");
    assert!(next(&mut receiver, ms(3)).is_none());
}

/// Some clients fail on a second acknowledgement of their options, or skip a block.
#[test]
fn options_are_acknowledged_again_only_after_the_client_repeats() {
    let late = Duration::from_secs(6);
    let mut receiver = receiver(4);
    let mut sender = Sender::new(&b"x"[..], &negotiated(4), Some(vec![0]), ms(0));
    assert!(next(&mut receiver, ms(0)).is_some());
    assert!(sender.next_packet(ms(0)).expect("a slice").is_some());
    assert_eq!(receiver.deadline(), late);
    assert_eq!(sender.deadline(), late);
    // Unless the client repeats its request.
    receiver.on_request(ms(500));
    sender.on_request(ms(500));
    assert_eq!(receiver.deadline(), ms(500));
    assert_eq!(sender.deadline(), ms(500));
    // A later block shows that the acknowledgement arrived.
    assert_eq!(delivered(&mut receiver, 2, ms(600)), None);
    assert_eq!(receiver.deadline(), ms(600 + 250), "it may be late");
    assert_eq!(delivered(&mut receiver, 4, ms(700)), ack(0));
}

#[test]
fn the_last_block_is_acknowledged_each_time() {
    let mut receiver = receiver(1);
    let last = Packet::Data {
        block: 1,
        bytes: b"end",
    };
    let step = receiver.on_packet(&last, ms(1));
    assert_eq!(step.expect("no error"), Step::Done);
    let (bytes, mut dally) = receiver.finish(ms(500), ms(2));
    assert_eq!(bytes, b"end");
    for _ in 0..2 {
        assert_eq!(next(&mut dally, ms(2)), ack(1));
        assert_eq!(next(&mut dally, ms(2)), None);
        let step = dally.on_packet(&last, ms(501));
        assert_eq!(step.expect("no error"), Step::Continue);
    }
    assert_eq!(dally.deadline(), ms(502));
    assert_eq!(dally.on_timeout(ms(502)).expect("no error"), Step::Done);
}

#[test]
fn a_sender_pauses_for_clients_that_need_silence() {
    let mut sender = sender(4);
    assert_eq!(sent(&mut sender, ms(0)), [1, 2, 3, 4]);
    assert_eq!(acked(&mut sender, 4, ms(1)), [5, 6, 7, 8]);
    let (mut sent_at, mut longest) = (ms(1), ms(0));
    loop {
        let now = sender.deadline();
        longest = longest.max(now - sent_at);
        if sender.on_timeout(now).is_err() {
            break;
        }
        assert_eq!(sent(&mut sender, now), [5, 6, 7, 8]);
        sent_at = now;
    }
    assert!(ms(5_500) < longest && longest <= ms(8_000), "{longest:?}");
}

#[test]
fn blocks_behind_the_last_one_are_ignored() {
    let mut receiver = receiver(4);
    delivered(&mut receiver, 2, ms(1));
    let end = Packet::Data {
        block: 1,
        bytes: b"end",
    };
    let step = receiver.on_packet(&end, ms(2));
    assert_eq!(step.expect("no error"), Step::Done);
    assert_eq!(receiver.finish(ms(0), ms(2)).0, b"end");
}
