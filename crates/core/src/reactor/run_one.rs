//! An event loop for one source: for a process or a thread that does nothing else.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::reactor::poll::{Interest, wait};
use crate::reactor::signals::Signals;
use crate::reactor::source::EventSource;
use crate::reactor::turn::Turn;

/// Drives a source until it is done, and returns true; or until it has to end at once (SIGQUIT), and
/// returns false. `buffer` is scratch space for one read. `stopping` is set at the first SIGTERM;
/// later ones have no effect. SIGINT has none either: a terminal sends it to every process of the
/// server, and the acceptor alone reacts.
pub(crate) fn run_one(
    source: &mut dyn EventSource,
    signals: &Signals,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> bool {
    while !source.is_done() {
        match turn(source, signals, stopping, buffer) {
            Ok(true) => (),
            Ok(false) => return false,
            Err(error) => source.fail(error),
        }
    }
    true
}

/// Waits once, handles what is ready, and lets the source continue for a while. Returns whether to go
/// on.
fn turn(
    source: &mut dyn EventSource,
    signals: &Signals,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<bool> {
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
                if pending.abort {
                    return Ok(false);
                }
                if pending.terminate && !*stopping {
                    *stopping = true;
                    source.stop(now);
                }
                if pending.child {
                    source.child_changed();
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
            if !source.is_due() {
                break;
            }
            if !turn.goes_on(Instant::now()) {
                source.flush(turn.now);
                break;
            }
        }
    }
    Ok(true)
}
