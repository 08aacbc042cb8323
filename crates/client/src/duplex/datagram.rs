//! The poll loop of datagrams.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFlags;

use crate::duplex::ending::{Closer, DuplexError, Ending};
use crate::duplex::io::{Input, Output, Tap};
use crate::duplex::options::{DuplexOptions, EofPolicy};
use crate::stop::Stop;
use crate::wait::{is_transient, wait_any};

/// Moves datagrams until the input has ended and nothing arrives any more. Each read of the input is a
/// datagram.
pub(super) fn run(
    socket: &UdpSocket,
    input: &mut dyn Input,
    output: &mut dyn Output,
    mut taps: Vec<&mut dyn Tap>,
    options: &DuplexOptions,
    stop: Option<&Stop>,
) -> Result<Ending, DuplexError> {
    let mut peer: Option<SocketAddr> = socket.peer_addr().ok();
    let is_connected = peer.is_some();
    let mut typed = vec![0; MAX_SENT_BYTES];
    let mut to_send: Option<usize> = None; // this many bytes of `typed`
    let mut received = vec![0; MAX_RECEIVED_BYTES];
    let mut to_write = 0..0; // of `received`
    let mut has_input = true;
    let mut last_arrival = Instant::now(); // or the end of input, if that is later
    let mut last_moved = last_arrival;
    let mut ending = Ending {
        closer: Closer::Input,
        sent: 0,
        received: 0,
    };
    loop {
        let wait_end = match options.eof {
            _ if has_input || to_send.is_some() || !to_write.is_empty() => None,
            EofPolicy::Close => Some(last_moved),
            EofPolicy::Wait(time) => last_arrival.checked_add(time),
            EofPolicy::Half | EofPolicy::Ignore => None,
        };
        let idle_end = options
            .idle_timeout
            .and_then(|time| last_moved.checked_add(time));
        let now = Instant::now();
        if wait_end.is_some_and(|end| end <= now) {
            output.finish().map_err(DuplexError::Output)?;
            return Ok(ending);
        }
        if idle_end.is_some_and(|end| end <= now) {
            output.finish().map_err(DuplexError::Output)?;
            let time = options.idle_timeout.unwrap_or_default();
            return Err(DuplexError::IdleTimeout(time));
        }

        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, to_write.is_empty());
        events.set(PollFlags::POLLOUT, to_send.is_some());
        let mut descriptors = vec![(socket.as_fd(), events)];
        // Input waits until there is a peer that gets it.
        let wants_input = has_input && to_send.is_none() && peer.is_some() && !input.is_paused();
        if wants_input {
            descriptors.push((input.as_fd(), PollFlags::POLLIN));
        }
        if !to_write.is_empty()
            && let Some(fd) = output.as_fd()
        {
            descriptors.push((fd, PollFlags::POLLOUT));
        }
        let deadlines = [wait_end, idle_end, output.deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        let ready = wait_any(&descriptors, deadline, stop)?;
        let is_input_ready = wants_input && !ready[1].is_empty();
        let now = Instant::now();
        if output.deadline().is_some_and(|deadline| deadline <= now) {
            output.on_timer().map_err(DuplexError::Output)?;
        }

        if to_write.is_empty() && ready[0].intersects(PollFlags::POLLIN | PollFlags::POLLERR) {
            let result = match is_connected {
                true => socket.recv(&mut received),
                false => socket.recv_from(&mut received).map(|(count, from)| {
                    peer = Some(from);
                    count
                }),
            };
            match result {
                Ok(count) => {
                    to_write = 0..count;
                    ending.received += count as u64;
                    last_arrival = now;
                    last_moved = now;
                    for tap in &mut taps {
                        tap.received(&received[..count])
                            .map_err(DuplexError::Output)?;
                    }
                }
                Err(error) if is_transient(&error) => (),
                Err(error) => undelivered(error, is_connected, input, &ending)?,
            }
        }
        if !to_write.is_empty() {
            match output.write(&received[to_write.clone()]) {
                Ok(count) => to_write.start += count,
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(DuplexError::Output(error)),
            }
        }
        if is_input_ready {
            match input.read(&mut typed) {
                Ok(0) => {
                    has_input = false;
                    last_arrival = now;
                }
                Ok(count) => to_send = Some(count),
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(DuplexError::Input(error)),
            }
        }
        if let (Some(count), Some(peer)) = (to_send, peer) {
            let datagram = &typed[..count];
            let result = match is_connected {
                true => socket.send(datagram),
                false => socket.send_to(datagram, peer),
            };
            match result {
                Ok(_) => {
                    to_send = None;
                    ending.sent += count as u64;
                    last_moved = now;
                    for tap in &mut taps {
                        tap.sent(datagram).map_err(DuplexError::Output)?;
                    }
                }
                Err(error) if is_transient(&error) => (),
                Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => {
                    return Err(DuplexError::TooLong(count));
                }
                Err(error) => undelivered(error, is_connected, input, &ending)?,
            }
        }
    }
}

/// An earlier datagram was not delivered (ICMP). On a terminal the user can send it again; other input
/// would be lost.
fn undelivered(
    cause: io::Error,
    is_connected: bool,
    input: &dyn Input,
    ending: &Ending,
) -> Result<(), DuplexError> {
    let is_refused = cause.kind() == ErrorKind::ConnectionRefused;
    if is_refused && (!is_connected || input.is_interactive()) {
        return Ok(());
    }
    if is_refused && ending.received == 0 {
        return Err(DuplexError::PortUnreachable);
    }
    Err(DuplexError::lost(cause))
}

const MAX_SENT_BYTES: usize = 16 * 1024;
const MAX_RECEIVED_BYTES: usize = 64 * 1024;
