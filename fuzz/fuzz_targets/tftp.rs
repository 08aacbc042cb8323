//! TFTP: any bytes as packets, and any packets at any time to both sides of a transfer. Each packet
//! makes a side send at most one window, and what is received are the first blocks in order. What is
//! accepted as an option acknowledgement is within what was requested.
#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use switchboard_files::tftp::{
    Caps, Mode, Options, Packet, Receiver, Request, RequestKind, Requester, Sender, Step, Transfer,
};

/// An event: its kind, a number and bytes.
type Event<'a> = (u8, u16, &'a [u8]);

fuzz_target!(|input: (&[u8], u16, bool, Vec<Event<'_>>)| {
    let (request, size, opens, events) = input;
    let options = match Packet::parse(request) {
        Ok(packet) => {
            let written = packet.to_bytes();
            assert_eq!(Packet::parse(&written), Ok(packet.clone()));
            match packet {
                Packet::Request(request) => request.options,
                Packet::OptionAck(options) => options,
                _ => Options::default(),
            }
        }
        Err(_) => Options::default(),
    };
    let (negotiated, acked) = options.negotiate(&Caps::ethernet(false), Some(size.into()));
    assert!(options.accept(&acked).is_ok());
    let window = usize::from(negotiated.window);
    assert!((1..=64).contains(&window) && (8..=1468).contains(&negotiated.block_bytes));
    let content: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8)) as u8).collect();
    let mut now = Duration::ZERO;
    let opening = Packet::OptionAck(acked).to_bytes();
    let mut sender = Some(Sender::new(
        &*content,
        &negotiated,
        opens.then(|| opening.clone()),
        now,
    ));
    let mut receiver = Some(Receiver::new(Vec::new(), &negotiated, Some(opening), now));
    let mut requester = Some(Requester::new(
        &Request {
            kind: RequestKind::Read,
            name: b"name",
            mode: Mode::Octet,
            options,
        },
        now,
    ));
    let mut last: u16 = 0;
    let mut taken: Vec<u8> = Vec::new();
    let mut early = HashMap::new();
    for event in events {
        let (kind, number, bytes) = event;
        let bytes = match kind % 5 {
            0 => {
                now += Duration::from_millis(number.into());
                sender = sender.while_ok(|side| side.on_timeout(now).is_ok());
                receiver = receiver.while_ok(|side| side.on_timeout(now).is_ok());
                requester = requester.while_ok(|side| side.on_timeout(now).is_ok());
                Vec::new()
            }
            1 => {
                sender.iter_mut().for_each(|side| side.on_request(now));
                receiver.iter_mut().for_each(|side| side.on_request(now));
                Vec::new()
            }
            2 => Packet::Ack(number).to_bytes(),
            3 => {
                // Near the last block, and often the next.
                let block = last.wrapping_add(number % 7);
                Packet::Data { block, bytes }.to_bytes()
            }
            _ => bytes.to_vec(),
        };
        if let Ok(packet) = Packet::parse(&bytes) {
            if let Packet::OptionAck(acked) = &packet
                && let Ok(accepted) = options.accept(acked)
            {
                let most = options.blksize.unwrap_or(0).max(512);
                assert!((8..=most).contains(&accepted.block_bytes));
                let most = options.windowsize.unwrap_or(1);
                assert!((1..=most).contains(&accepted.window));
            }
            sender =
                sender.while_ok(|side| matches!(side.on_packet(&packet, now), Ok(Step::Continue)));
            requester = requester
                .while_ok(|side| matches!(side.on_packet(&packet, now), Ok(Step::Continue)));
            if let Some(mut side) = receiver.take() {
                let step = side.on_packet(&packet, now);
                let is_done = matches!(step, Ok(Step::Done));
                if let Packet::Data { block, bytes } = &packet
                    && step.is_ok()
                {
                    let ahead = usize::from(block.wrapping_sub(last));
                    if (1..=window + 1).contains(&ahead) {
                        early.entry(*block).or_insert_with(|| bytes.to_vec());
                    }
                    let mut ended = false;
                    while !ended
                        && ahead == 1
                        && let Some(bytes) = early.remove(&last.wrapping_add(1))
                    {
                        last = last.wrapping_add(1);
                        ended = bytes.len() < usize::from(negotiated.block_bytes);
                        taken.extend_from_slice(&bytes);
                    }
                    assert_eq!(ended, is_done);
                    assert_eq!(side.bytes(), taken.len() as u64);
                }
                if is_done {
                    assert_eq!(side.finish(Duration::ZERO, now).0, taken);
                } else if step.is_ok() {
                    receiver = Some(side);
                }
            }
        }
        if let Some(side) = &mut sender {
            let mut sent = 0;
            while let Some(packet) = side.next_packet(now).expect("a slice can be read") {
                assert!(packet.len() <= 4 + usize::from(negotiated.block_bytes).max(512));
                sent += 1;
            }
            assert!(sent <= window, "{sent} packets in a window of {window}");
            assert!(side.bytes() <= content.len() as u64);
        }
        if let Some(side) = &mut receiver {
            let sent =
                std::iter::from_fn(|| side.next_packet(now).expect("no file is read").map(drop))
                    .count();
            assert!(sent <= 1);
        }
        if let Some(side) = &mut requester {
            let sent =
                std::iter::from_fn(|| side.next_packet(now).expect("no file is read").map(drop))
                    .count();
            assert!(sent <= 1);
        }
    }
});

/// Keeps a side until it ends.
trait WhileOk<T> {
    fn while_ok(self, is_ok: impl FnOnce(&mut T) -> bool) -> Option<T>;
}

impl<T> WhileOk<T> for Option<T> {
    fn while_ok(self, is_ok: impl FnOnce(&mut T) -> bool) -> Option<T> {
        self.and_then(|mut side| is_ok(&mut side).then_some(side))
    }
}
