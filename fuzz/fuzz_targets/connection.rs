//! Bytes of a peer, through a connection to a line service and to a byte service: in pieces they
//! give the same answer as at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_core::{
    Address, Connection, Error, Flow, Framing, Limits, Outbox, Peer, Service, Session,
};
use switchboard_services::Uppercase;

/// Sends each line back.
struct Repeat;

impl Session for Repeat {
    fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        out.send(line);
        Ok(Flow::Continue)
    }
}

fn answer(
    session: Box<dyn Session>,
    framing: Framing,
    bytes: &[u8],
    piece: usize,
    outbox_bytes: usize,
) -> Vec<u8> {
    let limits = Limits {
        message_bytes: 64,
        outbox_bytes,
        ..Limits::default()
    };
    let mut connection = Connection::open(session, framing, &limits);
    let mut answer = Vec::new();
    let drain = |connection: &mut Connection, answer: &mut Vec<u8>| {
        while !connection.output().is_empty() {
            answer.extend_from_slice(&connection.output()[..1]);
            connection.sent(1);
        }
    };
    for piece in bytes.chunks(piece) {
        connection.receive(piece);
        drain(&mut connection, &mut answer);
    }
    connection.end_input();
    drain(&mut connection, &mut answer);
    assert!(connection.is_done());
    answer
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = (usize::from(input.0).max(1), input.1);
    let lines = |piece, outbox| answer(Box::new(Repeat), Framing::Line, bytes, piece, outbox);
    assert_eq!(lines(piece, 3), lines(bytes.len().max(1), 1 << 16));
    let here = Peer {
        remote: Address::Stdio,
        local: Address::Stdio,
    };
    let capitals = |piece, outbox| {
        let session = Uppercase.session(&here).expect("nobody is refused");
        answer(session, Uppercase.framing(), bytes, piece, outbox)
    };
    assert_eq!(capitals(piece, 3), capitals(bytes.len().max(1), 1 << 16));
});
