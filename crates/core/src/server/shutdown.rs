//! A server from its start to its graceful shutdown.

use std::io;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::reactor::poll::after;
use crate::server::acceptor::{Acceptor, Request, Setup};
use crate::server::worker::Worker;
use crate::sys::systemd::notify_service_manager;

/// Serves every peer that arrives until a signal asks it to stop, then shuts down. It also returns when
/// no peer can arrive any more and the last session has ended, with an error if one has failed.
pub(crate) fn serve_until_signal<W: Worker>(setup: Setup, worker: &mut W) -> io::Result<()> {
    let grace = setup.limits.grace_period;
    let mut acceptor = match Acceptor::new(setup, worker) {
        Ok(acceptor) => acceptor,
        Err(error) => {
            worker.kill(); // the servers of UDP sockets that were started
            return Err(error);
        }
    };
    if let Err(error) = acceptor.begin() {
        acceptor.kill_sessions();
        return Err(error);
    }
    let (request, served) = loop {
        if acceptor.is_exhausted() {
            return match acceptor.has_failures() {
                true => Err(io::Error::other("the session failed")),
                false => Ok(()),
            };
        }
        match acceptor.turn(None) {
            Ok(Request::None) => (),
            Ok(request) => break (request, Ok(())),
            Err(error) => break (Request::Stop, Err(error)),
        }
    };
    acceptor.close();
    notify_service_manager("STOPPING=1");
    let sessions = acceptor.sessions();
    if request == Request::Stop {
        info!(sessions, ?grace, "stop");
        wait_for_sessions(&mut acceptor, grace);
    } else {
        info!(sessions, "stop at once");
    }
    end_sessions(&mut acceptor);
    served
}

/// Asks every session to end, and waits for them until the end of the grace period or the next signal.
fn wait_for_sessions<W: Worker>(acceptor: &mut Acceptor<'_, W>, grace: Duration) {
    acceptor.stop_sessions();
    // The sessions have the same deadline; those that have not ended a moment after it are stuck.
    let deadline = after(Instant::now(), grace) + MARGIN;
    while !acceptor.is_idle() {
        let turned = acceptor.turn(Some(deadline));
        if deadline <= Instant::now() || !matches!(turned, Ok(Request::None)) {
            break;
        }
    }
}

/// Ends the sessions that remain. Each has a moment to remove its temporary files.
fn end_sessions<W: Worker>(acceptor: &mut Acceptor<'_, W>) {
    if acceptor.is_idle() {
        return;
    }
    let sessions = acceptor.sessions();
    if 0 < sessions {
        warn!(sessions, "stop: killing the remaining sessions");
    }
    acceptor.abort_sessions();
    let deadline = Instant::now() + MARGIN;
    while !acceptor.is_idle() && Instant::now() < deadline {
        if acceptor.turn(Some(deadline)).is_err() {
            break;
        }
    }
    acceptor.kill_sessions();
}

const MARGIN: Duration = Duration::from_millis(250);
