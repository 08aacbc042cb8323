//! Whole transfers between a client and a server on a simulated network.

mod network;
mod steps;

use std::time::Duration;

use network::{Link, Run, Setup};

use crate::tftp::{
    ErrorCode, Mode, Negotiated, Options, Packet, Receiver, RequestKind, Sender, Step, Transfer,
    TransferError,
};

/// No loss, and ten milliseconds of delay.
const GOOD: Link = Link {
    loss: 0,
    duplicates: 0,
    delay: Duration::from_millis(10),
    jitter: Duration::ZERO,
};

/// `loss` percent of the packets are lost, some arrive twice, and some overtake others.
fn bad(loss: u32) -> Link {
    Link {
        loss,
        duplicates: 5,
        jitter: Duration::from_micros(300),
        delay: Duration::from_millis(1),
    }
}

/// Every packet arrives twice.
const DOUBLE: Link = Link {
    duplicates: 100,
    ..GOOD
};

fn plain(kind: RequestKind) -> Setup {
    Setup {
        kind,
        mode: Mode::Octet,
        options: Options::default(),
    }
}

fn windows(kind: RequestKind, blksize: u16, windowsize: u16) -> Setup {
    let options = Options {
        blksize: Some(blksize),
        tsize: Some(0),
        windowsize: Some(windowsize),
        ..Options::default()
    };
    Setup {
        options,
        ..plain(kind)
    }
}

fn kinds(kind: RequestKind) -> [Setup; 4] {
    let windows = |windowsize| windows(kind, 512, windowsize);
    [plain(kind), windows(2), windows(16), windows(64)]
}

/// A file of which no two blocks are equal.
fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A file of this size arrives unchanged, and both sides succeed.
#[track_caller]
fn check(setup: &Setup, size: usize, link: &Link, seed: u64) -> Run {
    let run = check_unless_timeout(setup, size, link, seed);
    assert!(run.content.is_some(), "{run:?}: {link:?}, seed {seed}");
    run
}

/// As `check`, unless one side timed out because of loss.
#[track_caller]
fn check_unless_timeout(setup: &Setup, size: usize, link: &Link, seed: u64) -> Run {
    let content = content(size);
    let run = Run::of(setup, &content, link, seed);
    let what = format!("{run:?}, {size} bytes, {setup:?}, {link:?}, seed {seed}");
    for error in [&run.receiver_error, &run.sender_error] {
        let timed_out = matches!(error, Some(TransferError::Timeout)) && 0 < link.loss;
        assert!(error.is_none() || timed_out, "{what}");
    }
    match &run.content {
        Some(arrived) => assert!(
            arrived == &content && run.receiver_error.is_none(),
            "{what}"
        ),
        None => assert!(
            run.sender_error.is_some() || run.receiver_error.is_some(),
            "{what}"
        ),
    }
    run
}

#[test]
fn files_of_any_size_arrive_unchanged() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for size in [0, 1, 511, 512, 513, 1023, 1024, 1025, 10_000] {
            let run = check(&plain(kind), size, &GOOD, 1);
            assert_eq!(run.data, size as u64 / 512 + 1);
            assert_eq!(run.acks, run.data + u64::from(kind == RequestKind::Write));
        }
        for size in [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 1000] {
            let run = check(&windows(kind, 8, 4), size, &GOOD, 1);
            let blocks = size as u64 / 8 + 1;
            assert_eq!(run.data, blocks);
            assert_eq!(
                run.acks,
                blocks.div_ceil(4) + u64::from(kind == RequestKind::Read)
            );
        }
    }
}

#[test]
fn text_arrives_unchanged() {
    for size in [0, 1, 511, 512, 513, 4096] {
        for kind in [RequestKind::Read, RequestKind::Write] {
            let mut setup = windows(kind, 512, 3);
            setup.mode = Mode::Netascii;
            check(&setup, size, &bad(5), 7);
        }
    }
}

#[test]
fn block_numbers_wrap_around() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for setup in [
            windows(kind, 8, 1),
            windows(kind, 8, 7),
            windows(kind, 8, 64),
        ] {
            let run = check(&setup, 8 * 132_000 + 3, &GOOD, 1);
            assert_eq!(run.data, 132_001);
        }
        check(&windows(kind, 8, 16), 8 * 66_000, &bad(2), 1);
        check(&windows(kind, 8, 1), 8 * 65_536, &bad(1), 1);
    }
}

#[test]
fn lost_packets_are_retransmitted() {
    for loss in [1, 5, 20] {
        for kind in [RequestKind::Read, RequestKind::Write] {
            for seed in 0..20 {
                for setup in kinds(kind) {
                    check(&setup, 512 * 50 + 100, &bad(loss), seed);
                }
            }
        }
    }
}

#[test]
fn with_half_lost_most_files_arrive_and_none_in_part() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for setup in kinds(kind) {
            let run = |seed| check_unless_timeout(&setup, 512 * 20 + 100, &bad(50), seed);
            let arrived = (0..20).filter(|&seed| run(seed).content.is_some());
            // A peer that never answered gets six packets, and three of four round trips fail.
            assert!(10 <= arrived.count(), "{setup:?}");
        }
    }
}

#[test]
fn duplicates_cause_no_retransmission() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        let run = check(&plain(kind), 512 * 1000, &DOUBLE, 1);
        assert_eq!(run.data, 1001, "{kind:?}");
        assert!(run.acks <= 2 * 1001 + 2);
        for window in [2, 16, 64] {
            let run = check(&windows(kind, 512, window), 512 * 1000, &DOUBLE, 1);
            assert_eq!(run.data, 1001, "{kind:?} by {window}");
        }
    }
}

#[test]
fn a_lost_block_costs_a_window_and_little_time() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for seed in 0..20 {
            let link = Link { loss: 2, ..GOOD };
            let run = check(&windows(kind, 1428, 16), 1 << 20, &link, seed);
            // 735 blocks, of which about 15 are lost; each costs a part of a window.
            assert!(run.data < 735 + 16 * 40, "{} blocks", run.data);
            assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
        }
    }
}

#[test]
fn a_transfer_with_much_loss_ends_in_time() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for seed in 0..5 {
            let link = Link {
                loss: 20,
                ..bad(20)
            };
            let run = check(&windows(kind, 1428, 16), 1 << 22, &link, seed);
            // 735 blocks, and about four of them arrive before one is lost.
            assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
        }
    }
}

#[test]
fn reordering_costs_little() {
    let link = Link {
        jitter: Duration::from_millis(3),
        ..GOOD
    };
    for kind in [RequestKind::Read, RequestKind::Write] {
        let run = check(&windows(kind, 1428, 16), 1 << 20, &link, 1);
        assert!(run.data < 3 * 735, "{} blocks for 735", run.data);
    }
}

#[test]
fn long_round_trips_are_learned() {
    let far = Link {
        delay: Duration::from_millis(900),
        ..GOOD
    };
    for kind in [RequestKind::Read, RequestKind::Write] {
        let run = check(&plain(kind), 512 * 60, &far, 1);
        assert!(run.data < 61 + 50, "{} blocks for 61", run.data);
    }
}

/// The address of a request may be forged.
#[test]
fn a_silent_peer_is_sent_one_block_or_a_few_short_packets() {
    let options = Options {
        blksize: Some(1428),
        timeout: Some(1),
        tsize: Some(0),
        windowsize: Some(64),
    };
    for kind in [RequestKind::Read, RequestKind::Write] {
        for options in [Options::default(), options] {
            let setup = Setup {
                options,
                ..plain(kind)
            };
            let (request, sent) = network::to_silent_client(&setup, &content(100_000));
            let is_block = kind == RequestKind::Read && options.is_empty();
            assert_eq!(sent.len(), if is_block { 1 } else { 3 }, "{setup:?}");
            assert!(sent.iter().all(|packet| packet == &sent[0]));
            let total: usize = sent.iter().map(Vec::len).sum();
            let limit = 3 * request.len() + 128;
            assert!(
                total <= if is_block { 516 } else { limit },
                "{total} bytes: {setup:?}"
            );
        }
    }
}

#[test]
fn a_sender_that_restarts_its_timer_gets_to_retransmit() {
    const CLOCK: Duration = Duration::from_secs(5);
    for lost in [1, 2] {
        let mut now = Duration::ZERO;
        let mut receiver = Receiver::new(Vec::new(), &Negotiated::default(), None, now);
        let deliver = |receiver: &mut Receiver<_>, block, now| {
            let bytes = &[b'x'; 512][..if block == 2 { 1 } else { 512 }];
            receiver.on_packet(&Packet::Data { block, bytes }, now)
        };
        assert!(receiver.next_packet(now).expect("a packet").is_some());
        if lost == 2 {
            assert_eq!(
                deliver(&mut receiver, 1, now).expect("a block"),
                Step::Continue
            );
            assert!(receiver.next_packet(now).expect("a packet").is_some());
        }
        let mut received_at = now;
        while receiver.deadline() < received_at + CLOCK {
            now = receiver.deadline();
            assert!(now < 10 * CLOCK, "the transfer never ends");
            receiver.on_timeout(now).expect("no timeout yet");
            if receiver.next_packet(now).expect("a packet").is_some() {
                received_at = now;
            }
        }
        assert!(
            lost == 1 || received_at < CLOCK / 4,
            "it may retransmit soon"
        );
        for block in lost..=2 {
            let step = deliver(&mut receiver, block, received_at + CLOCK).expect("a block");
            assert_eq!(step == Step::Done, block == 2);
        }
    }
}

/// The receiver acknowledges the same block at most twice until its timer expires.
#[test]
fn a_receiver_that_restarts_its_timer_gets_to_retransmit() {
    const CLOCK: Duration = Duration::from_secs(5);
    let mut now = Duration::ZERO;
    let mut sender = Sender::new(&[b'x'; 513][..], &Negotiated::default(), None, now);
    for block in 1..=2 {
        let packet = sender.next_packet(now).expect("a slice can be read");
        assert!(packet.is_some());
        if block == 1 {
            let step = sender.on_packet(&Packet::Ack(1), now);
            assert_eq!(step.expect("an acknowledgement"), Step::Continue);
        }
    }
    let mut received_at = now;
    while sender.deadline() < received_at + CLOCK {
        now = sender.deadline();
        assert!(now < 10 * CLOCK, "the transfer never ends");
        sender.on_timeout(now).expect("no timeout yet");
        if sender
            .next_packet(now)
            .expect("a slice can be read")
            .is_some()
        {
            received_at = now;
        }
    }
    let step = sender.on_packet(&Packet::Ack(2), received_at + CLOCK);
    assert_eq!(step.expect("an acknowledgement"), Step::Done);
}

#[test]
fn an_error_packet_ends_both_sides_without_reply() {
    let error = Packet::error(ErrorCode::Full, "no\x1b room");
    let packet = Packet::parse(&error).expect("a packet");
    for error in network::both_sides_process(&packet) {
        assert_eq!(error.to_string(), "error 3: no\\x1b room");
        assert!(error.reply().is_none());
    }
}
