//! Drives one stream session without a socket.

use std::net::SocketAddr;
use std::time::Duration;

use crate::limits::limits::Limits;
use crate::peer::{Address, Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::service::Service;

/// How [`drive_stream`] cuts the two byte streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// The most bytes received at once; at least 1.
    pub input: usize,
    /// The most bytes sent at once; at least 1.
    pub output: usize,
}

/// Sends `input` to a session of `service`, then ends the input. Returns all output and why the
/// session ended.
///
/// The peer is 127.0.0.1:5000, the server 127.0.0.1:1212. No time passes: only timers of zero
/// duration expire. The output must not depend on the chunks, nor on the size of the outbox:
///
/// ```
/// use switchboard_core::{Flow, Limits, Outbox, service_fn};
/// use switchboard_core::testing::{Chunks, drive_stream};
///
/// let shout = service_fn(|line: &[u8], out: &mut Outbox| {
///     out.send(&[line, b"!"].concat());
///     Ok(Flow::Continue)
/// });
/// for input in 1..8 {
///     let chunks = Chunks { input, output: 3 };
///     let (output, _) = drive_stream(&shout, b"one\ntwo\n", chunks, &Limits::default());
///     assert_eq!(output, b"one!\ntwo!\n");
/// }
/// ```
///
/// # Panics
///
/// A chunk size is zero.
pub fn drive_stream(
    service: &dyn Service,
    input: &[u8],
    chunks: Chunks,
    limits: &Limits,
) -> (Vec<u8>, CloseReason) {
    assert!(0 < chunks.input.min(chunks.output), "a chunk size is zero");
    let address = |port| Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
    let peer = Peer::new(address(5000), address(1212), Transport::Stream);
    let mut connection = Connection::open(service, &peer, limits);
    let mut output = Vec::new();
    for chunk in input.chunks(chunks.input) {
        while !connection.wants_input() && step(&mut connection, chunks.output, &mut output) {}
        connection.receive(chunk);
    }
    connection.end_input();
    while step(&mut connection, chunks.output, &mut output) {}
    (output, connection.into_close_reason())
}

/// Expires a timer of zero duration and moves at most `max` bytes to `output`; whether there was
/// anything to do.
fn step(connection: &mut Connection, max: usize, output: &mut Vec<u8>) -> bool {
    let expired = connection.take_timer() == Some(Duration::ZERO);
    if expired {
        connection.timer_expired();
    }
    take_output(connection, max, output) || expired
}

/// Moves at most `max` bytes to `output`; whether there were any.
pub(super) fn take_output(connection: &mut Connection, max: usize, output: &mut Vec<u8>) -> bool {
    connection.load_file();
    let count = connection.output().len().min(max);
    output.extend_from_slice(&connection.output()[..count]);
    connection.sent(count);
    0 < count
}
