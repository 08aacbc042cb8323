//! The poll loop of a stream.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::PollFlags;
use socket2::Socket;

use crate::duplex::ending::{DuplexError, Ending};
use crate::duplex::io::{Input, Output, Tap};
use crate::duplex::options::DuplexOptions;
use crate::duplex::relay::Relay;
use crate::stop::Stop;
use crate::wait::{is_transient, wait_any};

/// Moves bytes until either side ends the stream.
pub(super) fn run(
    mut socket: &Socket,
    input: &mut dyn Input,
    output: &mut dyn Output,
    mut taps: Vec<&mut dyn Tap>,
    options: &DuplexOptions,
    stop: Option<&Stop>,
) -> Result<Ending, DuplexError> {
    let mut relay = Relay::new(options.clone(), input.is_interactive(), Instant::now());
    loop {
        let now = Instant::now();
        if relay.must_shut_down()
            && let Err(error) = socket.shutdown(Shutdown::Write)
        {
            relay.send_failed(error);
        }
        if let Some(ending) = relay.ending(now) {
            socket.shutdown(Shutdown::Write).ok(); // a close with unread input sends RST instead of FIN
            output.finish().map_err(DuplexError::Output)?;
            return ending;
        }

        let ready = wait(socket, input, output, &relay, stop)?;
        let now = Instant::now();
        if output.deadline().is_some_and(|deadline| deadline <= now) {
            output.on_timer().map_err(DuplexError::Output)?;
        }
        if ready.peer.intersects(ANSWERS)
            && let Some(space) = relay.peer_space()
        {
            match socket.read(space) {
                Ok(count) => {
                    let received = relay.peer_read(count, now);
                    for tap in &mut taps {
                        tap.received(received).map_err(DuplexError::Output)?;
                    }
                }
                Err(error) if is_transient(&error) => (),
                Err(error) => relay.read_failed(error),
            }
        }
        if !relay.to_write().is_empty() {
            match output.write(relay.to_write()) {
                Ok(count) => relay.written(count),
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(DuplexError::Output(error)),
            }
        }
        if !ready.input.is_empty()
            && let Some(space) = relay.input_space()
        {
            match input.read(space) {
                Ok(count) => relay.input_read(count, now),
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(DuplexError::Input(error)),
            }
        }
        if !relay.to_send().is_empty() {
            match socket.write(relay.to_send()) {
                Ok(count) => {
                    for tap in &mut taps {
                        let sent = &relay.to_send()[..count];
                        tap.sent(sent).map_err(DuplexError::Output)?;
                    }
                    relay.sent(count, now);
                }
                Err(error) if is_transient(&error) => (),
                Err(error) => relay.send_failed(error),
            }
        } else if ready.peer.contains(PollFlags::POLLHUP) {
            relay.peer_closed();
        }
    }
}

/// What poll(2) reported.
struct Ready {
    peer: PollFlags,
    input: PollFlags,
}

/// Waits until bytes can be moved or a deadline has passed.
fn wait(
    socket: &Socket,
    input: &dyn Input,
    output: &dyn Output,
    relay: &Relay,
    stop: Option<&Stop>,
) -> Result<Ready, DuplexError> {
    let mut peer = PollFlags::empty();
    peer.set(PollFlags::POLLIN, relay.wants_peer());
    peer.set(PollFlags::POLLOUT, !relay.to_send().is_empty());
    let mut descriptors = Vec::with_capacity(3);
    // After a hang-up, poll(2) always returns POLLHUP: the socket is polled only for a reason.
    let is_peer_polled = !peer.is_empty() || relay.waits_for_close();
    if is_peer_polled {
        descriptors.push((socket.as_fd(), peer));
    }
    let is_input_polled = relay.wants_input() && !input.is_paused();
    if is_input_polled {
        descriptors.push((input.as_fd(), PollFlags::POLLIN));
    }
    let is_output_polled = !relay.to_write().is_empty();
    if is_output_polled && let Some(fd) = output.as_fd() {
        descriptors.push((fd, PollFlags::POLLOUT));
    }
    let has_room = is_output_polled && output.as_fd().is_none();
    let deadline = match has_room {
        true => Some(Instant::now()),
        false => [relay.deadline(), output.deadline()]
            .into_iter()
            .flatten()
            .min(),
    };
    let mut ready = wait_any(&descriptors, deadline, stop)?.into_iter();
    let mut next = |is_polled: bool| {
        let events = if is_polled { ready.next() } else { None };
        events.unwrap_or(PollFlags::empty())
    };
    Ok(Ready {
        peer: next(is_peer_polled),
        input: next(is_input_polled),
    })
}

const ANSWERS: PollFlags = PollFlags::POLLIN
    .union(PollFlags::POLLHUP)
    .union(PollFlags::POLLERR);
