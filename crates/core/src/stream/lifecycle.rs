//! The life of a connection: accepted, run by a session, handed to a program, closed.

use std::io;
use std::process::Command;

use tracing::warn;

use crate::exec::child::Child;
use crate::exec::supervisor::{Close, Handover, Supervisor, is_shortage, not_started};
use crate::limits::admission::Slot;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::source::EventSource;
use crate::session::close_reason::CloseReason;
use crate::session::service::Refusal;

/// A connection that admission control has admitted, before its session starts.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) slot: Slot,
}

/// Hands a connection to a program that is started now. `close` closes it if that fails, or when the
/// program has ended.
pub(crate) fn start_program(
    handover: Handover,
    command: Command,
    close: Close,
) -> Box<dyn EventSource> {
    match handover.spawn(command) {
        Err(error) if is_shortage(&error) => {
            warn!(peer = %handover.peer, "refuse: cannot start the program: {error}");
            close(handover, CloseReason::Refused(Refusal(BUSY.into())))
        }
        started => supervise(started, handover, close),
    }
}

/// Hands a connection to a program that was started, or closes it if that failed.
pub(crate) fn supervise(
    started: io::Result<Child>,
    handover: Handover,
    close: Close,
) -> Box<dyn EventSource> {
    match started {
        Ok(child) => Box::new(Supervisor::new(child, handover, close)),
        Err(error) => close(handover, not_started(&error)),
    }
}

/// The message to a peer for which no process, thread or program can be started.
pub(crate) const BUSY: &str = "The server is busy. Try again later.";
