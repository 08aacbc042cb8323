//! For tests: a whole conversation without a socket, cut into pieces of every size.

use switchboard_core::{Address, Connection, Framing, Limits, Peer, Service, Session};

/// Checks that `service` answers `said` with `answer`, in whatever pieces the one comes and the
/// other is taken, with a small outbox and a roomy one.
#[track_caller]
pub(crate) fn every_chunking(service: &dyn Service, said: &[u8], answer: &[u8]) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        for size in 1..=said.len().max(1) {
            for taken in [1, 3, usize::MAX] {
                let heard = converse(service, said, size, taken, outbox_bytes);
                let how = format!("said by {size}, taken by {taken}, outbox of {outbox_bytes}");
                assert_eq!(heard.as_bstr(), answer.as_bstr(), "{how}");
            }
        }
    }
}

fn converse(
    service: &dyn Service,
    said: &[u8],
    size: usize,
    taken: usize,
    outbox_bytes: usize,
) -> Vec<u8> {
    let limits = Limits {
        outbox_bytes,
        ..Limits::default()
    };
    let session = service.session(&peer()).expect("nobody is refused");
    let mut connection = Connection::open(session, service.framing(), &limits);
    let mut heard = Vec::new();
    for piece in said.chunks(size) {
        while !connection.wants_input() && !connection.output().is_empty() {
            take(&mut connection, taken, &mut heard);
        }
        connection.receive(piece);
    }
    connection.end_input();
    while !connection.output().is_empty() {
        take(&mut connection, taken, &mut heard);
    }
    assert!(connection.is_done());
    heard
}

fn take(connection: &mut Connection, most: usize, heard: &mut Vec<u8>) {
    let count = connection.output().len().min(most);
    heard.extend_from_slice(&connection.output()[..count]);
    connection.sent(count);
}

/// What a session says when it opens.
pub(crate) fn first_words(session: Box<dyn Session>) -> Vec<u8> {
    Connection::open(session, Framing::Line, &Limits::default())
        .output()
        .to_vec()
}

pub(crate) fn peer() -> Peer {
    let address = |port| Address::ip(([127, 0, 0, 1], port).into());
    Peer {
        remote: address(5000),
        local: address(1212),
    }
}

/// Bytes shown as text where a comparison fails.
trait AsBstr {
    fn as_bstr(&self) -> String;
}

impl AsBstr for [u8] {
    fn as_bstr(&self) -> String {
        self.escape_ascii().to_string()
    }
}
