//! Conversations without a socket, for the tests of a service.

use std::net::SocketAddr;
use std::time::Duration;

use crate::limits::limits::Limits;
use crate::peer::{Address, Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::service::Service;

/// How the bytes of a rehearsal travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The most bytes that arrive at once; at least 1.
    pub said: usize,
    /// The most bytes that are taken at once; at least 1.
    pub taken: usize,
}

/// Says `said` to `service`, ends the input, and returns all that is heard, and how it ended.
///
/// The peer is 127.0.0.1:5000, at 127.0.0.1:1212. No time passes: a session that asks to be woken at
/// once is, and no other. A service gives the same answer whatever the pieces and however small the
/// outbox:
///
/// ```
/// use switchboard_core::{Flow, Limits, Outbox, Peer, Refusal, Result, Service, Session};
/// use switchboard_core::testing::{Pieces, rehearse};
///
/// struct Shout;
///
/// impl Service for Shout {
///     fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
///         Ok(Box::new(Self))
///     }
/// }
///
/// impl Session for Shout {
///     fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
///         out.send(&[line, b"!"].concat());
///         Ok(Flow::Continue)
///     }
/// }
///
/// for said in 1..8 {
///     let pieces = Pieces { said, taken: 3 };
///     let (heard, _) = rehearse(&Shout, b"one\ntwo\n", pieces, &Limits::default());
///     assert_eq!(heard, b"one!\ntwo!\n");
/// }
/// ```
///
/// # Panics
///
/// Pieces are empty.
pub fn rehearse(
    service: &dyn Service,
    said: &[u8],
    pieces: Pieces,
    limits: &Limits,
) -> (Vec<u8>, CloseReason) {
    assert!(0 < pieces.said.min(pieces.taken), "pieces are empty");
    let address = |port| Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
    let peer = Peer::new(address(5000), address(1212), Transport::Stream);
    let mut connection = Connection::open(service, &peer, limits);
    let mut heard = Vec::new();
    for piece in said.chunks(pieces.said) {
        while !connection.wants_input() && take(&mut connection, pieces.taken, &mut heard) {}
        connection.receive(piece);
    }
    connection.end_input();
    while take(&mut connection, pieces.taken, &mut heard) {}
    (heard, connection.into_ended())
}

/// Wakes the session if that is due, and takes what waits, up to `most` bytes; whether there was
/// anything to do.
fn take(connection: &mut Connection, most: usize, heard: &mut Vec<u8>) -> bool {
    let woken = connection.take_wake() == Some(Duration::ZERO);
    if woken {
        connection.wake();
    }
    connection.load_file();
    let count = connection.output().len().min(most);
    heard.extend_from_slice(&connection.output()[..count]);
    connection.sent(count);
    woken || 0 < count
}
