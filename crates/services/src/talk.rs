//! For tests: a whole conversation without a socket, cut into pieces of every size.

use clap::{Args, Command};
use switchboard_core::testing::{Chunks, Connection, drive_stream};
use switchboard_core::{Limits, Peer, Service, Transport};

/// Checks that `service` answers `said` with `answer`, in whatever pieces the one comes and the
/// other is taken, with a small outbox and a roomy one.
#[track_caller]
pub(crate) fn every_chunking(service: &dyn Service, said: &[u8], answer: &[u8]) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        let mut limits = Limits::default();
        limits.outbox_bytes = outbox_bytes;
        for size in 1..=said.len().max(1) {
            for taken in [1, 3, usize::MAX] {
                let pieces = Chunks {
                    input: size,
                    output: taken,
                };
                let (heard, _) = drive_stream(service, said, pieces, &limits);
                assert_eq!(
                    heard.escape_ascii().to_string(),
                    answer.escape_ascii().to_string(),
                    "{pieces:?}, outbox of {outbox_bytes}"
                );
            }
        }
    }
}

/// What a service says when a conversation begins.
pub(crate) fn first_words(service: &dyn Service) -> Vec<u8> {
    let connection = Connection::open(service, &Peer::stdio(), &Limits::default());
    connection.output().to_vec()
}

/// The options, or the service that is made of nothing else, that these words ask for.
pub(crate) fn from_words<O: Args>(words: &str) -> O {
    let command = O::augment_args(Command::new("service").no_binary_name(true));
    let matches = command
        .try_get_matches_from(words.split_whitespace())
        .expect("they are its own");
    O::from_arg_matches(&matches).expect("the words are as it asked for")
}

/// Somebody whose messages are datagrams.
pub(crate) fn datagram_peer() -> Peer {
    Peer {
        transport: Transport::Datagram,
        ..Peer::stdio()
    }
}
