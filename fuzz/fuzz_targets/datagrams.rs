//! Datagrams of several peers, with time between: whatever they say, nobody who has not shown whose
//! address it is gets more than the measure.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Datagram, drive_datagrams};
use switchboard_core::{Limits, Service};
use switchboard_eliza::Script;
use switchboard_services::{Echo, Eliza, Uppercase};

type Said<'a> = (u8, u8, &'a [u8]);

fuzz_target!(|input: (u8, Vec<Said<'_>>)| {
    let (choice, said) = input;
    let service: Arc<dyn Service> = match choice % 3 {
        0 => Arc::new(Echo::default()),
        1 => Arc::new(Uppercase),
        _ => Arc::new(Eliza::new(Script::friend().expect("it compiles"), Some(1))),
    };
    let mut limits = Limits::default();
    limits.max_clients = 2 + usize::from(choice);
    limits.message_bytes = 64;
    limits.outbox_bytes = 1 + 8 * usize::from(choice);
    limits.idle_timeout = None;
    limits.session_timeout = (choice & 4 == 0).then(|| Duration::from_secs(20));
    let datagrams = said.iter().map(|&(peer, wait, bytes)| Datagram {
        wait: Duration::from_millis(50 * u64::from(wait)),
        peer: peer % 8,
        bytes,
    });
    let heard = drive_datagrams(service, datagrams, &limits);
    for peer in 0..8 {
        let of_peer = said.iter().filter(|said| said.0 % 8 == peer);
        let received: usize = of_peer.clone().map(|said| said.2.len()).sum();
        let sent: usize = heard
            .iter()
            .filter(|to| to.0 == peer)
            .map(|to| to.1.len())
            .sum();
        // Whoever makes room for others is measured anew.
        let times = if limits.max_clients < 8 {
            of_peer.count()
        } else {
            1
        };
        assert!(
            sent <= 128 * times + 3 * received,
            "{sent} bytes for {received}"
        );
    }
});
