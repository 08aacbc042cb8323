//! Holds one conversation to its end: for a process or a thread that does nothing else meanwhile.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::acceptor::Arrived;
use crate::connection::Connection;
use crate::ended::Ended;
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::service::Service;
use crate::wait::{Interest, wait};

/// Where a conversation hears that the server stops.
pub(crate) trait StopSource: AsFd {
    /// Whether the server has been asked to stop; answered yes once.
    fn is_asked(&self) -> bool;
}

/// Holds the conversation with a peer until it is over, and frees its place. `buffer` is for what
/// one read brings.
pub(crate) fn hold(
    arrived: Arrived,
    service: &dyn Service,
    limits: &Limits,
    stop: &dyn StopSource,
    buffer: &mut [u8],
) -> Ended {
    let Arrived {
        stream,
        peer,
        slot: _slot,
    } = arrived;
    let connection = Connection::open(service, &peer, limits);
    let mut exchange = Exchange::begin(stream, peer, connection, limits, Instant::now());
    let mut stopping = false;
    while !exchange.is_over() {
        if let Err(error) = turn(&mut exchange, stop, &mut stopping, buffer) {
            exchange.fail(error);
        }
    }
    exchange.end()
}

#[derive(Clone, Copy)]
enum Source {
    Stream,
    Stop,
}

/// Waits once, and does what has become possible.
fn turn(
    exchange: &mut Exchange,
    stop: &dyn StopSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<()> {
    let sources = [
        (Source::Stream, exchange.as_fd(), exchange.interest()),
        (Source::Stop, stop.as_fd(), Interest::READ),
    ];
    let watched = if *stopping { &sources[..1] } else { &sources };
    let ready = wait(watched, exchange.deadline())?;
    let now = Instant::now();
    for (source, broken) in ready {
        match source {
            Source::Stream => exchange.attend(broken, buffer, now),
            Source::Stop if stop.is_asked() => {
                *stopping = true;
                exchange.stop(now);
            }
            Source::Stop => (),
        }
    }
    exchange.tick(now);
    Ok(())
}
