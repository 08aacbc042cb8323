//! Datagrams of several peers, with time between: an unverified address never gets more than the
//! amplification limit.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Datagram, drive_datagrams};
use switchboard_core::{Limits, Service};
use switchboard_eliza::Script;
use switchboard_services::{Echo, Eliza, Uppercase};

type Input<'a> = (u8, u8, &'a [u8]);

fuzz_target!(|input: (u8, Vec<Input<'_>>)| {
    let (choice, inputs) = input;
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
    let datagrams = inputs.iter().map(|&(peer, wait, bytes)| Datagram {
        wait: Duration::from_millis(50 * u64::from(wait)),
        peer: peer % 8,
        bytes,
    });
    let output = drive_datagrams(service, datagrams, &limits);
    for peer in 0..8 {
        let of_peer = inputs.iter().filter(|input| input.0 % 8 == peer);
        let received: usize = of_peer.clone().map(|input| input.2.len()).sum();
        let sent: usize = output
            .iter()
            .filter(|to| to.0 == peer)
            .map(|to| to.1.len())
            .sum();
        // An evicted peer starts with a new limit.
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
