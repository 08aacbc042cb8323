//! Several peers in rooms, with any input in any order: nothing panics or loops forever, and chat and
//! Connect Four send no byte that acts on a terminal.
#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::{arbitrary, fuzz_target};
use switchboard_core::testing::RoomDriver;
use switchboard_core::{Limits, Service};
use switchboard_services::{Chat, ConnectFour, Forward};

#[derive(Debug, arbitrary::Arbitrary)]
enum Action<'a> {
    Come,
    ComeByDatagram(&'a [u8]),
    Say(&'a [u8]),
    HangUp,
    Vanish,
    Ignore,
    Listen,
    Pass(u16),
}

static CHAT: LazyLock<Arc<dyn Service>> = LazyLock::new(|| Arc::new(Chat::default()));
static CONNECT_FOUR: LazyLock<Arc<dyn Service>> =
    LazyLock::new(|| Arc::new(ConnectFour::new(Some(Duration::from_secs(9)))));
static FORWARD: LazyLock<Arc<dyn Service>> = LazyLock::new(|| Arc::new(Forward::default()));

fuzz_target!(|input: (u8, u8, Vec<(u8, Action<'_>)>)| {
    let (choice, outbox, actions) = input;
    let service = match choice % 3 {
        0 => &CHAT,
        1 => &CONNECT_FOUR,
        _ => &FORWARD,
    };
    let mut limits = Limits::default();
    limits.outbox_bytes = 1 + 64 * usize::from(outbox);
    limits.message_bytes = 100;
    let mut driver = RoomDriver::new(Arc::clone(service), limits);
    let mut connected = BTreeSet::new();
    for (peer, action) in actions {
        let peer = peer % 6;
        let is_connected = connected.contains(&peer);
        match action {
            Action::Come => {
                connected.insert(peer);
                driver.connect(peer);
            }
            Action::ComeByDatagram(first) => {
                connected.insert(peer);
                driver.connect_datagram(peer, first);
            }
            Action::Pass(milliseconds) => {
                driver.advance(Duration::from_millis(milliseconds.into()))
            }
            _ if !is_connected => (),
            Action::Say(bytes) => driver.send(peer, bytes),
            Action::HangUp => driver.end_input(peer),
            Action::Vanish => {
                connected.remove(&peer);
                driver.kill(peer);
            }
            Action::Ignore => driver.stop_reading(peer),
            Action::Listen => driver.resume_reading(peer),
        }
        for &peer in &connected {
            let sent = driver.received(peer);
            let acts = |byte: &u8| byte.is_ascii_control() && !b"\r\n".contains(byte);
            assert!(choice % 3 == 2 || !sent.iter().any(acts), "{sent:?}");
        }
    }
    driver.shut_down();
});
