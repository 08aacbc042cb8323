//! An event loop for one source: for a process or a thread that does nothing else.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::reactor::poll::{Interest, wait};
use crate::reactor::source::EventSource;

/// Where an event loop receives the requests of the server.
pub(crate) trait ControlSource: AsFd {
    /// The requests since the last call.
    fn take_requests(&self) -> ControlRequests;
}

/// What a server can request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlRequests {
    pub(crate) stop: bool,
    pub(crate) report: bool,
}

/// Drives a source until it is done. `buffer` is scratch space for one read. `stopping` is set at the
/// first request to stop; later ones have no effect.
pub(crate) fn run_one(
    source: &mut dyn EventSource,
    control: &dyn ControlSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) {
    while !source.is_done() {
        if let Err(error) = turn(source, control, stopping, buffer) {
            source.fail(error);
        }
    }
}

#[derive(Clone, Copy)]
enum Ready {
    Source(usize),
    Control,
}

/// Waits once, and handles what is ready.
fn turn(
    source: &mut dyn EventSource,
    control: &dyn ControlSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<()> {
    let watched = source.watched().into_iter().enumerate();
    let watched = watched.filter_map(|(index, watched)| {
        let (fd, interest) = watched?;
        Some((Ready::Source(index), fd, interest))
    });
    let mut fds: Vec<_> = watched.collect();
    fds.push((Ready::Control, control.as_fd(), Interest::READ));
    let ready = wait(&fds, source.deadline())?;
    let now = Instant::now();
    for (what, broken) in ready {
        match what {
            Ready::Source(index) => source.on_ready(index, broken, buffer, now),
            Ready::Control => {
                let ControlRequests { stop, report } = control.take_requests();
                if stop && !*stopping {
                    *stopping = true;
                    source.stop(now);
                }
                if report {
                    source.report();
                }
            }
        }
    }
    source.tick(now);
    Ok(())
}
