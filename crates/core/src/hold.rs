//! Drives one task to its end: for a process or a thread that does nothing else meanwhile.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::task::Task;
use crate::wait::{Interest, wait};

/// Where a conversation hears that the server stops.
pub(crate) trait StopSource: AsFd {
    /// Whether the server has been asked to stop; answered yes once.
    fn is_asked(&self) -> bool;
}

/// Drives a task until it is over. `buffer` is for what one read brings.
pub(crate) fn hold(
    task: &mut dyn Task,
    stop: &dyn StopSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) {
    while !task.is_over() {
        if let Err(error) = turn(task, stop, stopping, buffer) {
            task.fail(error);
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Place(usize),
    Stop,
}

/// Waits once, and does what has become possible.
fn turn(
    task: &mut dyn Task,
    stop: &dyn StopSource,
    stopping: &mut bool,
    buffer: &mut [u8],
) -> io::Result<()> {
    let places = task.watched().into_iter().enumerate();
    let places = places.filter_map(|(place, watched)| {
        let (fd, interest) = watched?;
        Some((Source::Place(place), fd, interest))
    });
    let mut sources: Vec<_> = places.collect();
    if !*stopping {
        sources.push((Source::Stop, stop.as_fd(), Interest::READ));
    }
    let ready = wait(&sources, task.deadline())?;
    let now = Instant::now();
    for (source, broken) in ready {
        match source {
            Source::Place(place) => task.attend(place, broken, buffer, now),
            Source::Stop if stop.is_asked() => {
                *stopping = true;
                task.stop(now);
            }
            Source::Stop => (),
        }
    }
    task.tick(now);
    Ok(())
}
