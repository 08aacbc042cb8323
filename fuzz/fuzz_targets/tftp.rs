//! TFTP: any bytes as packets, and any packets at any time to both sides of a transfer. Whatever
//! comes, a side says a window at most for it, and what was received are the first blocks that came, in
//! their order.
#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use switchboard_files::tftp::{
    Requester, Caps, Mode, Options, Packet, Receiver, Request, Sender, Step, RequestKind,
};

/// What happens: which of several things, a number and bytes for it.
type Event<'a> = (u8, u16, &'a [u8]);

fuzz_target!(|input: (&[u8], u16, bool, Vec<Event<'_>>)| {
    let (asked, size, opens, events) = input;
    let options = match Packet::parse(asked) {
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
    let (negotiated, agreed) = options.negotiate(&Caps::ethernet(false), Some(size.into()));
    assert!(options.accept(&agreed).is_ok());
    let window = usize::from(negotiated.window);
    assert!((1..=64).contains(&window) && (8..=1468).contains(&negotiated.block_bytes));
    let content: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8)) as u8).collect();
    let mut now = Duration::ZERO;
    let opening = Packet::OptionAck(agreed).to_bytes();
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
                sender = sender.while_going(|side| side.on_timeout(now).is_ok());
                receiver = receiver.while_going(|side| side.on_timeout(now).is_ok());
                requester = requester.while_going(|side| side.on_timeout(now).is_ok());
                Vec::new()
            }
            1 => {
                sender.iter_mut().for_each(|side| side.on_request(now));
                receiver.iter_mut().for_each(|side| side.on_request(now));
                Vec::new()
            }
            2 => Packet::Ack(number).to_bytes(),
            3 => {
                // Near the last, and mostly the next.
                let block = last.wrapping_add(number % 7);
                Packet::Data { block, bytes }.to_bytes()
            }
            _ => bytes.to_vec(),
        };
        if let Ok(packet) = Packet::parse(&bytes) {
            sender =
                sender.while_going(|side| matches!(side.on_packet(&packet, now), Ok(Step::Continue)));
            requester =
                requester.while_going(|side| matches!(side.on_packet(&packet, now), Ok(Step::Continue)));
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
            let mut said = 0;
            while let Some(packet) = side.next_packet(now).expect("a slice can be read") {
                assert!(packet.len() <= 4 + usize::from(negotiated.block_bytes).max(512));
                said += 1;
            }
            assert!(said <= window, "{said} packets in a window of {window}");
            assert!(side.bytes() <= content.len() as u64);
        }
        if let Some(side) = &mut receiver {
            let said = std::iter::from_fn(|| side.next_packet(now).map(drop)).count();
            assert!(said <= 1);
        }
        if let Some(side) = &mut requester {
            let said = std::iter::from_fn(|| side.next_packet(now).map(drop)).count();
            assert!(said <= 1);
        }
    }
});

/// Keeps a side as long as it goes on.
trait GoesOn<T> {
    fn while_going(self, goes_on: impl FnOnce(&mut T) -> bool) -> Option<T>;
}

impl<T> GoesOn<T> for Option<T> {
    fn while_going(self, goes_on: impl FnOnce(&mut T) -> bool) -> Option<T> {
        self.and_then(|mut side| goes_on(&mut side).then_some(side))
    }
}
