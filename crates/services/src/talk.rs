//! For tests: a whole conversation without a socket, cut into pieces of every size.

use switchboard_core::{Connection, Limits, Peer, Pieces, Service, rehearse};

/// Checks that `service` answers `said` with `answer`, in whatever pieces the one comes and the
/// other is taken, with a small outbox and a roomy one.
#[track_caller]
pub(crate) fn every_chunking(service: &dyn Service, said: &[u8], answer: &[u8]) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        let limits = Limits {
            outbox_bytes,
            ..Limits::default()
        };
        for size in 1..=said.len().max(1) {
            for taken in [1, 3, usize::MAX] {
                let pieces = Pieces { said: size, taken };
                let (heard, _) = rehearse(service, said, pieces, &limits);
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
