//! Helpers of the tests: whole sessions without a socket, in chunks of every size.

use clap::{Args, Command};
use switchboard_core::testing::{Chunks, Connection, drive_stream};
use switchboard_core::{Address, Limits, Peer, Service, Transport};

/// Checks that `service` answers `input` with `output`, for chunks of every size in either
/// direction, with a small outbox and a large one.
#[track_caller]
pub(crate) fn every_chunking(service: &dyn Service, input: &[u8], output: &[u8]) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        let limits = outbox_limit(outbox_bytes);
        for size in 1..=input.len().max(1) {
            for taken in [1, 3, usize::MAX] {
                let chunks = Chunks {
                    input: size,
                    output: taken,
                };
                let (sent, _) = drive_stream(service, input, chunks, &limits);
                assert_eq!(
                    sent.escape_ascii().to_string(),
                    output.escape_ascii().to_string(),
                    "{chunks:?}, outbox of {outbox_bytes}"
                );
            }
        }
    }
}

/// The default limits with this size of the outbox.
pub(crate) fn outbox_limit(bytes: usize) -> Limits {
    let mut limits = Limits::default();
    limits.outbox_bytes = bytes;
    limits
}

/// What a service sends when a session begins.
pub(crate) fn greeting(service: &dyn Service) -> Vec<u8> {
    let connection = Connection::open(service, &Peer::stdio(), &Limits::default());
    connection.output().to_vec()
}

/// The options of a service, from its part of the command line.
pub(crate) fn parse_options<O: Args>(arguments: &str) -> O {
    let command = O::augment_args(Command::new("service").no_binary_name(true));
    let matches = command
        .try_get_matches_from(arguments.split_whitespace())
        .expect("the options are valid");
    O::from_arg_matches(&matches).expect("the options are valid")
}

/// A peer whose messages are datagrams.
pub(crate) fn datagram_peer() -> Peer {
    Peer::new(Address::Stdio, Address::Stdio, Transport::Datagram)
}
