//! Peers that share rooms, with arbitrary input: nothing panics or loops for ever, and no control
//! byte passes from one peer to another in a chat or a game.
#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::{arbitrary, fuzz_target};
use switchboard_core::testing::RoomDriver;
use switchboard_core::{Limits, Service};
use switchboard_services::{Chat, Duel, Forward};

#[derive(Debug, arbitrary::Arbitrary)]
enum Act<'a> {
    Connect,
    ConnectDatagram(&'a [u8]),
    Send(&'a [u8]),
    EndInput,
    Kill,
    StopReading,
    ResumeReading,
    Advance(u16),
}

static CHAT: LazyLock<Arc<dyn Service>> = LazyLock::new(|| Arc::new(Chat::default()));
static DUEL: LazyLock<Arc<dyn Service>> =
    LazyLock::new(|| Arc::new(Duel::new(Some(Duration::from_secs(9)))));
static FORWARD: LazyLock<Arc<dyn Service>> = LazyLock::new(|| Arc::new(Forward::default()));

fuzz_target!(|input: (u8, u8, Vec<(u8, Act<'_>)>)| {
    let (choice, outbox, acts) = input;
    let service = match choice % 3 {
        0 => &CHAT,
        1 => &DUEL,
        _ => &FORWARD,
    };
    let mut limits = Limits::default();
    limits.outbox_bytes = 1 + 64 * usize::from(outbox);
    limits.message_bytes = 100;
    let mut driver = RoomDriver::new(Arc::clone(service), limits);
    let mut connected = BTreeSet::new();
    for (peer, act) in acts {
        let peer = peer % 6;
        let is_connected = connected.contains(&peer);
        match act {
            Act::Connect => {
                connected.insert(peer);
                driver.connect(peer);
            }
            Act::ConnectDatagram(first) => {
                connected.insert(peer);
                driver.connect_datagram(peer, first);
            }
            Act::Advance(milliseconds) => {
                driver.advance(Duration::from_millis(milliseconds.into()))
            }
            _ if !is_connected => (),
            Act::Send(bytes) => driver.send(peer, bytes),
            Act::EndInput => driver.end_input(peer),
            Act::Kill => {
                connected.remove(&peer);
                driver.kill(peer);
            }
            Act::StopReading => driver.stop_reading(peer),
            Act::ResumeReading => driver.resume_reading(peer),
        }
        for &peer in &connected {
            let received = driver.received(peer);
            let acts = |byte: &u8| byte.is_ascii_control() && !b"\r\n".contains(byte);
            assert!(
                choice % 3 == 2 || !received.iter().any(acts),
                "{received:?}"
            );
        }
    }
    driver.shut_down();
});
