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
    // A host that has had no peer for 20 seconds has a new limit.
    let waited: u64 = inputs.iter().map(|input| 50 * u64::from(input.1)).sum();
    let times = 1 + waited as usize / 20_000;
    for peer in 0..8 {
        let of_peer = inputs.iter().filter(|input| input.0 % 8 == peer);
        let received: usize = of_peer.map(|input| input.2.len()).sum();
        let sent: usize = output
            .iter()
            .filter(|to| to.0 == peer)
            .map(|to| to.1.len())
            .sum();
        assert!(
            sent <= 128 * times + 3 * received,
            "{sent} bytes for {received}"
        );
    }
});
