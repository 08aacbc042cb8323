//! Whole transfers, between two machines that are joined by a pretend network.

mod network;
mod steps;

use std::time::Duration;

use network::{Link, Run, Wishes};

use crate::tftp::{
    ErrorCode, Mode, Negotiated, Options, Packet, Receiver, RequestKind, Sender, Step,
    TransferError,
};

/// Nothing is lost, and all takes a hundredth of a second.
const GOOD: Link = Link {
    loss: 0,
    twice: 0,
    delay: Duration::from_millis(10),
    jitter: Duration::ZERO,
};

/// So many of a hundred packets are lost, some are doubled, and some overtake others.
fn bad(loss: u32) -> Link {
    Link {
        loss,
        twice: 5,
        jitter: Duration::from_micros(300),
        delay: Duration::from_millis(1),
    }
}

/// Every packet comes twice.
const DOUBLE: Link = Link { twice: 100, ..GOOD };

fn plain(kind: RequestKind) -> Wishes {
    Wishes {
        kind,
        mode: Mode::Octet,
        options: Options::default(),
    }
}

fn windows(kind: RequestKind, blksize: u16, windowsize: u16) -> Wishes {
    let options = Options {
        blksize: Some(blksize),
        tsize: Some(0),
        windowsize: Some(windowsize),
        ..Options::default()
    };
    Wishes {
        options,
        ..plain(kind)
    }
}

fn kinds(kind: RequestKind) -> [Wishes; 4] {
    let windows = |windowsize| windows(kind, 512, windowsize);
    [plain(kind), windows(2), windows(16), windows(64)]
}

/// Bytes of which no two blocks are the same.
fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A file of this size comes as it was, and both sides know. Returns how it went.
#[track_caller]
fn check(wishes: &Wishes, size: usize, link: &Link, seed: u64) -> Run {
    let run = check_unless_silent(wishes, size, link, seed);
    assert!(run.content.is_some(), "{run:?}: {link:?}, seed {seed}");
    run
}

/// The same, unless one side has never heard of the other.
#[track_caller]
fn check_unless_silent(wishes: &Wishes, size: usize, link: &Link, seed: u64) -> Run {
    let content = content(size);
    let run = Run::of(wishes, &content, link, seed);
    let what = format!("{run:?}, {size} bytes, {wishes:?}, {link:?}, seed {seed}");
    for failure in [&run.receiver_failed, &run.sender_failed] {
        let silent = matches!(failure, Some(TransferError::Timeout)) && 0 < link.loss;
        assert!(failure.is_none() || silent, "{what}");
    }
    match &run.content {
        Some(arrived) => assert!(
            arrived == &content && run.receiver_failed.is_none(),
            "{what}"
        ),
        None => assert!(
            run.sender_failed.is_some() || run.receiver_failed.is_some(),
            "{what}"
        ),
    }
    run
}

#[test]
fn every_size_arrives_as_it_was() {
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
fn text_arrives_as_it_was() {
    for size in [0, 1, 511, 512, 513, 4096] {
        for kind in [RequestKind::Read, RequestKind::Write] {
            let mut wishes = windows(kind, 512, 3);
            wishes.mode = Mode::Netascii;
            check(&wishes, size, &bad(5), 7);
        }
    }
}

#[test]
fn block_numbers_go_round() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for wishes in [
            windows(kind, 8, 1),
            windows(kind, 8, 7),
            windows(kind, 8, 64),
        ] {
            let run = check(&wishes, 8 * 132_000 + 3, &GOOD, 1);
            assert_eq!(run.data, 132_001);
        }
        check(&windows(kind, 8, 16), 8 * 66_000, &bad(2), 1);
        check(&windows(kind, 8, 1), 8 * 65_536, &bad(1), 1);
    }
}

#[test]
fn whatever_is_lost_is_sent_again() {
    for loss in [1, 5, 20] {
        for kind in [RequestKind::Read, RequestKind::Write] {
            for seed in 0..20 {
                for wishes in kinds(kind) {
                    check(&wishes, 512 * 50 + 100, &bad(loss), seed);
                }
            }
        }
    }
}

#[test]
fn when_half_is_lost_most_arrives_and_nothing_in_part() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for wishes in kinds(kind) {
            let run = |seed| check_unless_silent(&wishes, 512 * 20 + 100, &bad(50), seed);
            let arrived = (0..20).filter(|&seed| run(seed).content.is_some());
            // Who has never answered is sent six packets, and three of four trips fail.
            assert!(10 <= arrived.count(), "{wishes:?}");
        }
    }
}

#[test]
fn what_comes_twice_is_not_sent_twice() {
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
            // 735 blocks, of which some 15 are lost, and for each a part of a window is sent again.
            assert!(run.data < 735 + 16 * 40, "{} blocks", run.data);
            assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
        }
    }
}

#[test]
fn much_loss_costs_little_patience() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for seed in 0..5 {
            let link = Link {
                loss: 20,
                ..bad(20)
            };
            let run = check(&windows(kind, 1428, 16), 1 << 22, &link, seed);
            // 735 blocks, and some four of them arrive before one is missing.
            assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
        }
    }
}

#[test]
fn what_overtakes_costs_little() {
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
fn a_long_way_is_learned() {
    let far = Link {
        delay: Duration::from_millis(900),
        ..GOOD
    };
    for kind in [RequestKind::Read, RequestKind::Write] {
        let run = check(&plain(kind), 512 * 60, &far, 1);
        assert!(run.data < 61 + 50, "{} blocks for 61", run.data);
    }
}

#[test]
fn who_never_answers_is_sent_one_packet_six_times() {
    for kind in [RequestKind::Read, RequestKind::Write] {
        for wishes in [plain(kind), windows(kind, 1428, 64)] {
            let sent = network::to_nobody(&wishes, &content(100_000));
            assert_eq!(sent.len(), 6);
            assert!(
                sent.iter()
                    .all(|packet| packet == &sent[0] && packet.len() <= 516)
            );
        }
    }
}

#[test]
fn whose_clock_begins_anew_gets_its_turn() {
    const CLOCK: Duration = Duration::from_secs(5);
    for lost in [1, 2] {
        let mut now = Duration::ZERO;
        let mut receiver = Receiver::new(Vec::new(), &Negotiated::default(), None, now);
        let say = |receiver: &mut Receiver<_>, block, now| {
            let bytes = &[b'x'; 512][..if block == 2 { 1 } else { 512 }];
            receiver.on_packet(&Packet::Data { block, bytes }, now)
        };
        assert!(receiver.next_packet(now).is_some());
        if lost == 2 {
            assert_eq!(say(&mut receiver, 1, now).expect("a block"), Step::Continue);
            assert!(receiver.next_packet(now).is_some());
        }
        let mut heard = now;
        while receiver.deadline() < heard + CLOCK {
            now = receiver.deadline();
            assert!(now < 10 * CLOCK, "it never ends");
            receiver.on_timeout(now).expect("it has time");
            if receiver.next_packet(now).is_some() {
                heard = now;
            }
        }
        assert!(lost == 1 || heard < CLOCK / 4, "it has its turn soon");
        for block in lost..=2 {
            let step = say(&mut receiver, block, heard + CLOCK).expect("a block");
            assert_eq!(step == Step::Done, block == 2);
        }
    }
}

/// The same where it receives, and answers the same block twice at most until its clock runs out.
#[test]
fn who_answers_no_more_gets_its_turn() {
    const CLOCK: Duration = Duration::from_secs(5);
    let mut now = Duration::ZERO;
    let mut sender = Sender::new(&b"x"[..], &Negotiated::default(), None, now);
    assert!(sender.next_packet(now).expect("it can be read").is_some());
    let mut heard = now;
    while sender.deadline() < heard + CLOCK {
        now = sender.deadline();
        assert!(now < 10 * CLOCK, "it never ends");
        sender.on_timeout(now).expect("it has time");
        if sender.next_packet(now).expect("it can be read").is_some() {
            heard = now;
        }
    }
    let step = sender.on_packet(&Packet::Ack(1), heard + CLOCK);
    assert_eq!(step.expect("an answer"), Step::Done);
}

#[test]
fn an_error_ends_it_and_is_not_answered() {
    let error = Packet::error(ErrorCode::Full, "no\x1b room");
    let packet = Packet::parse(&error).expect("it is one");
    for failure in network::both_told(&packet) {
        assert_eq!(failure.to_string(), "error 3: no\\x1b room");
        assert!(failure.answer().is_none());
    }
}
