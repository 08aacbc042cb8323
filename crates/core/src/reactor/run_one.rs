//! Drives one task to its end: for a process or a thread that does nothing else meanwhile.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::reactor::poll::{Interest, wait};
use crate::reactor::source::Task;

/// Where whoever drives a task hears what the server wants of it.
pub(crate) trait OrderSource: AsFd {
    /// The orders since the last look.
    fn take_orders(&self) -> Orders;
}

/// What a server may want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// To stop.
    pub(crate) stop: bool,
    /// To tell what is going on.
    pub(crate) report: bool,
}

/// Drives a task until it is over. `buffer` is for what one read brings.
pub(crate) fn hold(
    task: &mut dyn Task,
    orders: &dyn OrderSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) {
    while !task.is_over() {
        if let Err(error) = turn(task, orders, stopping, buffer) {
            task.fail(error);
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Place(usize),
    Orders,
}

/// Waits once, and does what has become possible.
fn turn(
    task: &mut dyn Task,
    orders: &dyn OrderSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<()> {
    let places = task.watched().into_iter().enumerate();
    let places = places.filter_map(|(place, watched)| {
        let (fd, interest) = watched?;
        Some((Source::Place(place), fd, interest))
    });
    let mut sources: Vec<_> = places.collect();
    sources.push((Source::Orders, orders.as_fd(), Interest::READ));
    let ready = wait(&sources, task.deadline())?;
    let now = Instant::now();
    for (source, broken) in ready {
        match source {
            Source::Place(place) => task.attend(place, broken, buffer, now),
            Source::Orders => {
                let Orders { stop, report } = orders.take_orders();
                if stop && !*stopping {
                    *stopping = true;
                    task.stop(now);
                }
                if report {
                    task.report();
                }
            }
        }
    }
    task.tick(now);
    Ok(())
}
