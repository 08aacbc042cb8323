//! One side alone, packet by packet.

use std::time::Duration;

use crate::tftp::{
    Mode, Negotiated, Options, Packet, Receiver, Request, RequestKind, Requester, Sender, Step,
    Transfer, TransferError,
};

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
    // Unless the client repeats its request, and not at once.
    for (at, again) in [(ms(200), None), (ms(500), Some(vec![0]))] {
        receiver.on_request(at);
        sender.on_request(at);
        assert_eq!(next(&mut receiver, at), again);
        assert_eq!(next(&mut sender, at), again);
    }
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

#[test]
fn a_repeated_request_draws_the_first_block_a_few_times() {
    let mut sender = sender(1);
    assert_eq!(sent(&mut sender, ms(0)), [1]);
    let mut blocks = 1;
    for at in (100..24_000).step_by(100) {
        sender.on_request(ms(at));
        sender.on_timeout(ms(at)).ok();
        let now = sent(&mut sender, ms(at));
        assert!(now.is_empty() || 300 <= at, "it was sent just before");
        blocks += now.len();
    }
    assert_eq!(blocks, 6);
    assert_eq!(acked(&mut sender, 1, ms(24_000)), [2]);
}

/// Its address is not forged, so that the first block is repeated like any other.
#[test]
fn a_trusted_peer_that_does_not_answer_gets_the_first_block_again() {
    for option_ack in [None, Some(vec![0])] {
        let mut sender = Sender::new(&b"x"[..], &negotiated(1), option_ack, ms(0));
        sender.trust_peer();
        let mut count = 0;
        let mut now = ms(0);
        loop {
            while sender.next_packet(now).expect("a packet").is_some() {
                count += 1;
            }
            now = sender.deadline();
            if sender.on_timeout(now).is_err() {
                break;
            }
        }
        assert!(3 < count, "{count} packets");
    }
}

/// A peer that repeats one acknowledgement gets some windows, and no endless stream of them.
#[test]
fn a_repeated_acknowledgement_neither_draws_much_nor_prevents_the_timeout() {
    for window in [1, 4, 64] {
        let mut sender = Sender::new(&[b'x'; 10_000][..], &negotiated(window), None, ms(0));
        sent(&mut sender, ms(0));
        let first = usize::from(window);
        assert_eq!(acked(&mut sender, window, ms(1)).len(), first);
        let mut blocks = 0;
        let end = (2..).find(|&at| {
            let step = sender.on_packet(&Packet::Ack(window), ms(at));
            let step = step.and_then(|_| sender.on_timeout(ms(at)));
            blocks += sent(&mut sender, ms(at)).len();
            matches!(step, Err(TransferError::Timeout))
        });
        let end = end.expect("it is not endless");
        assert!(end < 40_000, "{end} ms");
        assert!(blocks <= 12 * first, "{blocks} blocks of {window}");
    }
}

#[test]
fn a_repeated_block_does_not_prevent_the_timeout() {
    let mut receiver = receiver(1);
    next(&mut receiver, ms(0));
    assert_eq!(delivered(&mut receiver, 1, ms(1)), ack(1));
    let bytes = &[b'x'; 8];
    let end = (2..).step_by(10).find(|&at| {
        let step = receiver.on_packet(&Packet::Data { block: 1, bytes }, ms(at));
        let step = step.and_then(|_| receiver.on_timeout(ms(at)));
        next(&mut receiver, ms(at));
        matches!(step, Err(TransferError::Timeout))
    });
    let end = end.expect("it is not endless");
    assert!((20_000..40_000).contains(&end), "{end} ms");
}

/// RFC 2349: it is the time until a retransmission, however fast the peer was so far.
#[test]
fn an_agreed_timeout_is_kept() {
    const AGREED: Duration = Duration::from_secs(5);
    for window in [1, 4] {
        let agreed = Negotiated {
            timeout: Some(AGREED),
            ..negotiated(window)
        };
        let options = Options {
            blksize: Some(8),
            timeout: Some(5),
            windowsize: Some(window),
            ..Options::default()
        };
        let client = |kind| {
            let request = Request {
                kind,
                name: b"name",
                mode: Mode::Octet,
                options,
            };
            let mut requester = Requester::new(&request, ms(0));
            assert!(next(&mut requester, ms(0)).is_some());
            let answer = requester.on_packet(&Packet::OptionAck(options), ms(1));
            assert_eq!(answer.expect("no error"), Step::Done);
            requester
        };
        let content = &[b'x'; 1000][..];
        let requester = client(RequestKind::Write);
        for mut sender in [
            Sender::new(content, &agreed, None, ms(1)),
            requester.into_sender(content, ms(1)),
        ] {
            let mut now = ms(1);
            for round in 0..10 {
                sent(&mut sender, now);
                now += ms(1);
                let packet = Packet::Ack((round + 1) * window);
                sender.on_packet(&packet, now).expect("no error");
            }
            assert_eq!(sent(&mut sender, now).len(), usize::from(window));
            for _ in 0..3 {
                assert_eq!(sender.deadline(), now + AGREED);
                sender.on_timeout(now + AGREED - ms(1)).expect("no error");
                assert_eq!(sent(&mut sender, now + AGREED - ms(1)), NOTHING);
                now += AGREED;
                sender.on_timeout(now).expect("no error");
                assert_eq!(sent(&mut sender, now).len(), usize::from(window));
            }
        }
        for mut receiver in [
            Receiver::new(Vec::new(), &agreed, None, ms(1)),
            client(RequestKind::Read).into_receiver(Vec::new()),
        ] {
            next(&mut receiver, ms(1));
            let mut now = ms(1);
            for block in 1..=40 {
                now += ms(1);
                delivered(&mut receiver, block, now);
            }
            for _ in 0..3 {
                assert_eq!(receiver.deadline(), now + AGREED);
                now += AGREED;
                receiver.on_timeout(now).expect("no error");
                assert_eq!(next(&mut receiver, now), ack(40));
            }
        }
    }
}

/// A receiver of this window that has the blocks up to 65535.
fn at_max(window: u16) -> Receiver<Vec<u8>> {
    let mut receiver = receiver(window);
    next(&mut receiver, ms(0));
    for block in 1..=u16::MAX {
        delivered(&mut receiver, block, ms(1));
    }
    receiver
}

#[test]
fn block_numbers_may_continue_at_one() {
    for window in [1, 4, 16, 64] {
        let mut receiver = at_max(window);
        // The rest of a window that began before.
        let mut next_number = 1;
        if 1 < window {
            assert_eq!(delivered(&mut receiver, 1, ms(1)), ack(u16::MAX));
            for block in 1..window {
                assert_eq!(delivered(&mut receiver, block, ms(2)), None);
            }
            assert_eq!(delivered(&mut receiver, window, ms(2)), ack(window));
            next_number = window + 1;
        }
        for block in (next_number..=u16::MAX).chain(1..100) {
            delivered(&mut receiver, block, ms(3));
        }
        assert_eq!(receiver.bytes(), 8 * (2 * 65_535 + 99), "{window}");
        let bytes = b"end";
        let step = receiver.on_packet(&Packet::Data { block: 100, bytes }, ms(4));
        assert_eq!(step.expect("no error"), Step::Done);
        let (_, mut dally) = receiver.finish(ms(500), ms(4));
        assert_eq!(next(&mut dally, ms(4)), ack(100));
    }
}

#[test]
fn a_lost_block_0_is_not_skipped() {
    for window in [4, 16] {
        let mut receiver = at_max(window);
        for _ in 0..3 {
            for block in 1..window {
                delivered(&mut receiver, block, ms(2));
            }
        }
        assert_eq!(receiver.bytes(), 8 * 65_535);
        delivered(&mut receiver, 0, ms(2));
        assert_eq!(receiver.bytes(), 8 * (65_535 + u64::from(window)));
    }
}

#[test]
fn a_sender_that_may_have_skipped_block_0_fails() {
    let data = Packet::Data {
        block: 1,
        bytes: &[b'x'; 8],
    };
    let check = |error: TransferError| assert!(error.to_string().contains("65535"), "{error}");
    let mut single = at_max(1);
    single.on_timeout(ms(10_000)).expect("no error");
    assert_eq!(next(&mut single, ms(10_000)), ack(u16::MAX));
    check(single.on_packet(&data, ms(10_001)).expect_err("no block 0"));
    let mut window = at_max(4);
    let error = (1..40_000).find_map(|at| {
        let step = window.on_packet(&data, ms(at));
        let step = step.and_then(|_| window.on_timeout(ms(at)));
        next(&mut window, ms(at));
        step.err()
    });
    check(error.expect("it is not endless"));
}
