//! A server from its start to its graceful shutdown.

use std::io;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::reactor::poll::after;
use crate::server::acceptor::{Acceptor, Setup};
use crate::server::worker::Worker;
use crate::sys::systemd::notify_service_manager;

/// Serves every peer that arrives until SIGTERM or SIGINT, then shuts down. It also returns when no
/// peer can arrive any more and the last session has ended.
pub(crate) fn serve_until_signal<W: Worker>(setup: Setup, worker: &mut W) -> io::Result<()> {
    let grace = setup.limits.grace_period;
    let mut acceptor = Acceptor::new(setup, worker)?;
    let served = loop {
        if acceptor.is_exhausted() {
            return Ok(());
        }
        match acceptor.turn(None) {
            Ok(false) => (),
            Ok(true) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    shut_down(&mut acceptor, grace);
    served
}

/// Closes the listeners, asks every session to end, and waits for them until the end of the grace
/// period or the next signal. Sessions that remain are killed.
fn shut_down<W: Worker>(acceptor: &mut Acceptor<'_, W>, grace: Duration) {
    acceptor.close();
    notify_service_manager("STOPPING=1");
    info!(sessions = acceptor.sessions(), ?grace, "stop");
    acceptor.stop_sessions();
    // The sessions have the same deadline; those that have not ended a moment after it are stuck.
    let deadline = after(Instant::now(), grace) + MARGIN;
    while !acceptor.is_idle() {
        let turned = acceptor.turn(Some(deadline));
        if deadline <= Instant::now() || !matches!(turned, Ok(false)) {
            break;
        }
    }
    let sessions = acceptor.sessions();
    if 0 < sessions {
        warn!(sessions, "stop: killing the remaining sessions");
        acceptor.kill_sessions();
    }
}

const MARGIN: Duration = Duration::from_millis(250);
