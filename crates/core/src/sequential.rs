//! The sequential model: one peer at a time, in this process; the next one waits in the backlog.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use tracing::{debug, info};

use crate::arrivals::Arrivals;
use crate::hold::Holder;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::service::Service;
use crate::signals::Signals;
use crate::wait::{Interest, wait};

/// Serves every peer that arrives, one after the other, until SIGTERM or SIGINT.
///
/// The session that is open then is told to stop, and has `limits.grace` to end, or until the
/// second signal. The limits on clients have nothing to count here.
///
/// # Errors
///
/// The system cannot wait for descriptors. Nothing that a peer does ends it.
pub fn serve(
    listeners: Vec<Listener>,
    service: &dyn Service,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    let mut holder = Holder::new(service, limits, signals);
    let mut arrivals = Arrivals::new(listeners);
    let mut turn = 0;
    loop {
        let now = Instant::now();
        let mut sources = vec![(holder.signals.as_fd(), Interest::READ)];
        arrivals.watch(now, &mut sources);
        let ready = wait(&sources, arrivals.resume_at().filter(|&at| now < at))?;
        if ready[0] && 0 < holder.signals.take().stops {
            break;
        }
        let waiting: Vec<usize> = (0..ready.len() - 1)
            .filter(|&index| ready[1 + index])
            .collect();
        // Listeners take turns, so that a crowd at one does not shut out the other.
        let Some(&index) = waiting
            .iter()
            .find(|&&index| turn < index)
            .or(waiting.first())
        else {
            continue;
        };
        turn = index;
        let Some((socket, peer)) = arrivals.accept(index) else {
            continue;
        };
        debug!(%peer, local = %peer.local, "accept");
        if holder.hold(&socket, &peer).stopped {
            break;
        }
    }
    arrivals.close();
    info!("stop");
    Ok(())
}
