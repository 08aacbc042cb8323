//! An event loop for one source: for a process or a thread that does nothing else.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::reactor::poll::{Interest, wait};
use crate::reactor::signals::Signals;
use crate::reactor::source::EventSource;
use crate::reactor::turn::Turn;

/// Drives a source until it is done. `buffer` is scratch space for one read. `stopping` is set at the
/// first SIGTERM; later ones have no effect. SIGINT has none either: a terminal sends it to every
/// process of the server, and the acceptor alone reacts.
pub(crate) fn run_one(
    source: &mut dyn EventSource,
    signals: &Signals,
    stopping: &mut bool,
    buffer: &mut [u8],
) {
    while !source.is_done() {
        if let Err(error) = turn(source, signals, stopping, buffer) {
            source.fail(error);
        }
    }
}

/// Waits once, handles what is ready, and lets the source continue for a while.
fn turn(
    source: &mut dyn EventSource,
    signals: &Signals,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<()> {
    let watched = source.watched().into_iter().enumerate();
    let watched = watched.filter_map(|(index, watched)| {
        let (fd, interest) = watched?;
        Some((Some(index), fd, interest))
    });
    let mut fds: Vec<_> = watched.collect();
    fds.push((None, signals.as_fd(), Interest::READ));
    let deadline = if source.is_due() {
        Some(Instant::now())
    } else {
        source.deadline()
    };
    let ready = wait(&fds, deadline)?;
    let now = Instant::now();
    for (index, broken) in ready {
        match index {
            Some(index) => source.on_ready(index, broken, buffer, now),
            None => {
                let pending = signals.take();
                if pending.terminate && !*stopping {
                    *stopping = true;
                    source.stop(now);
                }
                if pending.report {
                    source.report();
                }
            }
        }
    }
    source.tick(now);
    if source.is_due() {
        let mut turn = Turn::new(now);
        loop {
            source.resume(turn.calls, turn.now);
            if !source.is_due() || !turn.goes_on(Instant::now()) {
                break;
            }
        }
        source.flush(turn.now);
    }
    Ok(())
}
