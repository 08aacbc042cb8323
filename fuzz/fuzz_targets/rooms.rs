//! Peers who meet in rooms, whatever each says and does: nothing panics or goes on for ever, and no
//! byte that a terminal would act on passes from one to another in a chat or a duel.
#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::{arbitrary, fuzz_target};
use switchboard_core::testing::Gathering;
use switchboard_core::{Limits, Service};
use switchboard_services::{Chat, Duel, Forward};

#[derive(Debug, arbitrary::Arbitrary)]
enum Act<'a> {
    Come,
    ComeByDatagram(&'a [u8]),
    Say(&'a [u8]),
    HangUp,
    Vanish,
    Ignore,
    ListenAddr,
    Pass(u16),
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
    let limits = Limits {
        outbox_bytes: 1 + 64 * usize::from(outbox),
        message_bytes: 100,
        ..Limits::default()
    };
    let mut gathering = Gathering::new(Arc::clone(service), limits);
    let mut there = BTreeSet::new();
    for (who, act) in acts {
        let who = who % 6;
        let is_there = there.contains(&who);
        match act {
            Act::Come => {
                there.insert(who);
                gathering.come(who);
            }
            Act::ComeByDatagram(first) => {
                there.insert(who);
                gathering.come_by_datagram(who, first);
            }
            Act::Pass(milliseconds) => gathering.pass(Duration::from_millis(milliseconds.into())),
            _ if !is_there => (),
            Act::Say(bytes) => gathering.say(who, bytes),
            Act::HangUp => gathering.hang_up(who),
            Act::Vanish => {
                there.remove(&who);
                gathering.vanish(who);
            }
            Act::Ignore => gathering.ignore(who),
            Act::ListenAddr => gathering.listen(who),
        }
        for &who in &there {
            let heard = gathering.heard(who);
            let acts = |byte: &u8| byte.is_ascii_control() && !b"\r\n".contains(byte);
            assert!(choice % 3 == 2 || !heard.iter().any(acts), "{heard:?}");
        }
    }
    gathering.stop();
});
