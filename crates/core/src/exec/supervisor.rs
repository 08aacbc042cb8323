//! A peer and the program it was given to: ends each with the other.

use std::cell::Cell;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::{debug, warn};

use crate::exec::child::{PATIENCE, Program};
use crate::limits::admission::Slot;
use crate::limits::limits::Limits;
use crate::limits::stats::Count;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::poll::{Interest, after};
use crate::reactor::source::{Task, Watched};
use crate::session::close_reason::CloseReason;
use crate::stream::task::Exchange;

/// Looks after a program that talks with a peer by itself: no byte passes through here.
///
/// It is ended when its peer leaves or its time is over: by SIGTERM, then by SIGKILL. When it ends,
/// the connection is closed politely.
pub(crate) struct Chaperone {
    program: Program,
    given: Given,
    began: Instant,
    hung_up: Option<Instant>, // when the peer ended its side
    broken: bool,
    ending: Option<CloseReason>, // why it was asked to end
}

/// A peer that is given to a program.
pub(crate) struct Given {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) slot: Option<Slot>,
    pub(crate) limits: Limits,
    pub(crate) counted: Cell<(u64, u64)>, // of what was received and sent
}

impl Given {
    /// Counts what has moved since the last time.
    pub(crate) fn count_moved(&self) {
        if let (Some(slot), Some(moved)) = (&self.slot, self.stream.moved()) {
            let (received, sent) = self.counted.replace((moved.received, moved.sent));
            slot.moved(
                moved.received.saturating_sub(received),
                moved.sent.saturating_sub(sent),
            );
        }
    }
}

/// The task that follows: the program is started, or the peer told goodbye.
pub(crate) fn give(given: Given, mut command: Command) -> Box<dyn Task> {
    let ends = given.stream.ends();
    let started = ends.and_then(|(input, output)| {
        Program::spawn(&mut command, input, output, given.stream.group())
    });
    match started {
        Ok(program) => Box::new(Chaperone::new(program, given)),
        Err(error) if is_shortage(&error) => {
            warn!(peer = %given.peer, "refuse: the program cannot be started: {error}");
            Box::new(Exchange::turn_away(given))
        }
        Err(error) => Box::new(Exchange::close(given, not_started(&error))),
    }
}

/// Whether the machine has run out of something that it may have again.
fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN | Errno::ENOMEM)
    )
}

/// Why a program could not be started.
pub(crate) fn not_started(error: &io::Error) -> CloseReason {
    CloseReason::Failed(crate::session::service::Error::Failed(
        format!("the program cannot be started: {error}").into(),
    ))
}

impl Chaperone {
    pub(crate) fn new(program: Program, given: Given) -> Self {
        debug!(peer = %given.peer, pid = %program.pid(), "program");
        Self {
            program,
            given,
            began: Instant::now(),
            hung_up: None,
            broken: false,
            ending: None,
        }
    }

    fn peer(&self) -> &Peer {
        &self.given.peer
    }

    /// Asks the program to end, and kills it if it has not by then.
    fn terminate(&mut self, why: CloseReason, patience: Duration, now: Instant) {
        if self.ending.is_none() {
            debug!(peer = %self.peer(), pid = %self.program.pid(), "terminate: {why}");
            self.program.terminate(patience, now);
            self.ending = Some(why);
        }
    }

    /// When the program is to be ended because of its peer, and why.
    fn due(&self, now: Instant) -> Option<(Instant, CloseReason)> {
        let Limits {
            first,
            idle,
            session,
            grace,
            ..
        } = self.given.limits;
        let moved = self.given.stream.moved();
        let heard = moved.is_none_or(|moved| 0 < moved.received);
        let last = moved.map(|moved| {
            let ago = now.checked_sub(moved.idle).unwrap_or(self.began);
            ago.max(self.began)
        });
        let mut due: Vec<(Instant, CloseReason)> = Vec::new();
        due.extend(
            session.map(|session| (after(self.began, session), CloseReason::SessionTimeout)),
        );
        due.extend(
            first
                .filter(|_| !heard)
                .map(|first| (after(self.began, first), CloseReason::IdleTimeout)),
        );
        if let Some(last) = last {
            due.extend(idle.map(|idle| (after(last, idle), CloseReason::IdleTimeout)));
            // A peer that closes looks as one that only ends its side and waits for the answer.
            let hung_up = self.hung_up.map(|at| at.max(last));
            due.extend(hung_up.map(|at| (after(at, grace), CloseReason::PeerClosed)));
        }
        due.into_iter().min_by_key(|(at, _)| *at)
    }
}

impl Task for Chaperone {
    fn watched(&self) -> Watched<'_> {
        let (socket, interest) = self.given.stream.hang_up();
        let interest = match (self.broken, self.hung_up) {
            (true, _) => Interest::Nothing,
            (false, Some(_)) => Interest::In {
                read: false,
                write: false,
            },
            (false, None) => interest,
        };
        let [process, errors] = self.program.watched();
        [Some((socket, interest)), process, errors]
    }

    fn deadline(&self) -> Option<Instant> {
        let due = || self.due(Instant::now()).map(|(at, _)| at);
        self.program.kill_at().or_else(due)
    }

    fn attend(&mut self, place: usize, broken: bool, _: &mut [u8], now: Instant) {
        match place {
            0 if broken => {
                self.broken = true;
                let error = self.given.stream.take_error();
                let why = error.map_or(CloseReason::PeerClosed, CloseReason::ConnectionLost);
                self.terminate(why, PATIENCE, now);
            }
            0 => self.hung_up = self.hung_up.or(Some(now)),
            1 => self.program.attend(&self.given.peer),
            _ => self.program.log_errors(&self.given.peer),
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.ending.is_some() {
            self.program.tick(now);
        } else if let Some((at, why)) = self.due(now)
            && at <= now
        {
            self.terminate(why, PATIENCE, now);
        }
    }

    fn stop(&mut self, now: Instant) {
        self.terminate(CloseReason::Shutdown, self.given.limits.grace, now);
    }

    fn report(&self) {
        self.given.count_moved();
    }

    fn fail(&mut self, error: io::Error) {
        self.program.fail(&error, &self.given.peer);
    }

    fn is_over(&self) -> bool {
        self.program.status().is_some()
    }

    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        let ended = match self.ending {
            Some(why) => why,
            None => {
                let status = self.program.status().unwrap_or_default();
                if status.signal().is_some() || status.code() == Some(NOT_STARTED) {
                    let slot = self.given.slot.as_ref();
                    slot.inspect(|slot| slot.count(Count::Failed));
                }
                CloseReason::Exited(status)
            }
        };
        Some(Box::new(Exchange::close(self.given, ended)))
    }
}

/// The exit code of a child in which the program could not be started, as of a shell.
pub(crate) const NOT_STARTED: i32 = 127;
