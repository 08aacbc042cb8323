//! A peer and the program it was given to: ends each with the other.

use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tracing::{debug, error};

use crate::admission::Slot;
use crate::ended::Ended;
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::program::Program;
use crate::stream::Stream;
use crate::task::{Task, Watched};
use crate::wait::{Interest, after};

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
    /// Why it is to end, and when it is not waited for any longer.
    ending: Option<(Ended, Instant)>,
    status: Option<ExitStatus>,
}

/// A peer that is given to a program.
pub(crate) struct Given {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) slot: Option<Slot>,
    pub(crate) limits: Limits,
}

/// The task that follows: the program is started, or the peer told goodbye.
pub(crate) fn give(given: Given, mut command: Command) -> Box<dyn Task> {
    let ends = given.stream.ends();
    let started = ends.and_then(|(input, output)| {
        Program::spawn(&mut command, input, output, given.stream.group())
    });
    match started {
        Ok(program) => Box::new(Chaperone::new(program, given)),
        Err(error) => Box::new(Exchange::close(given, not_started(&error))),
    }
}

/// Why a program could not be started.
pub(crate) fn not_started(error: &io::Error) -> Ended {
    Ended::Failed(crate::service::Error::Failed(
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
            status: None,
        }
    }

    fn peer(&self) -> &Peer {
        &self.given.peer
    }

    /// Asks the program to end, and kills it if it has not by then.
    fn terminate(&mut self, why: Ended, patience: Duration, now: Instant) {
        if self.ending.is_none() {
            debug!(peer = %self.peer(), pid = %self.program.pid(), "terminate: {why}");
            self.program.signal(Signal::SIGTERM);
            self.ending = Some((why, after(now, patience)));
        }
    }

    /// When the program is to be ended because of its peer, and why.
    fn due(&self, now: Instant) -> Option<(Instant, Ended)> {
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
        let mut due: Vec<(Instant, Ended)> = Vec::new();
        due.extend(session.map(|session| (after(self.began, session), Ended::TimeUp)));
        due.extend(
            first
                .filter(|_| !heard)
                .map(|first| (after(self.began, first), Ended::Idle)),
        );
        if let Some(last) = last {
            due.extend(idle.map(|idle| (after(last, idle), Ended::Idle)));
            // A peer that closes looks as one that only ends its side and waits for the answer.
            let hung_up = self.hung_up.map(|at| at.max(last));
            due.extend(hung_up.map(|at| (after(at, grace), Ended::PeerLeft)));
        }
        due.into_iter().min_by_key(|(at, _)| *at)
    }
}

impl Task for Chaperone {
    fn watched(&self) -> Watched<'_> {
        let (errors, ended) = self.program.errors();
        let listening = if ended {
            Interest::Nothing
        } else {
            Interest::READ
        };
        let (socket, interest) = self.given.stream.hang_up();
        let interest = match (self.broken, self.hung_up) {
            (true, _) => Interest::Nothing,
            (false, Some(_)) => Interest::In {
                read: false,
                write: false,
            },
            (false, None) => interest,
        };
        [
            Some((socket, interest)),
            Some((self.program.process(), Interest::READ)),
            Some((errors, listening)),
        ]
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.ending {
            Some((_, kill_at)) => Some(*kill_at),
            None => self.due(Instant::now()).map(|(at, _)| at),
        }
    }

    fn attend(&mut self, place: usize, broken: bool, _: &mut [u8], now: Instant) {
        match place {
            0 if broken => {
                self.broken = true;
                let error = self.given.stream.take_error();
                let why = error.map_or(Ended::PeerLeft, Ended::Lost);
                self.terminate(why, PATIENCE, now);
            }
            0 => self.hung_up = self.hung_up.or(Some(now)),
            1 => {
                self.status = self.status.or_else(|| self.program.reap());
                self.program.log_errors(&self.given.peer);
            }
            _ => self.program.log_errors(&self.given.peer),
        }
    }

    fn tick(&mut self, now: Instant) {
        if let Some((_, kill_at)) = &mut self.ending {
            if *kill_at <= now {
                self.program.signal(Signal::SIGKILL);
                *kill_at = after(now, PATIENCE);
            }
        } else if let Some((at, why)) = self.due(now)
            && at <= now
        {
            self.terminate(why, PATIENCE, now);
        }
    }

    fn stop(&mut self, now: Instant) {
        self.terminate(Ended::Stopped, self.given.limits.grace, now);
    }

    fn fail(&mut self, error: io::Error) {
        error!(peer = %self.peer(), "cannot wait for a program: {error}");
        self.program.signal(Signal::SIGKILL);
        self.status.get_or_insert_default();
    }

    fn is_over(&self) -> bool {
        self.status.is_some()
    }

    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        let ended = match self.ending {
            Some((why, _)) => why,
            None => Ended::Program(self.status.unwrap_or_default()),
        };
        Some(Box::new(Exchange::close(self.given, ended)))
    }
}

// Long enough to put things in order, short enough for who stops a server.
const PATIENCE: Duration = Duration::from_secs(2);
