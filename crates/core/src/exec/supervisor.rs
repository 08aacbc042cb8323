//! A connection that was handed to a program.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::debug;

use crate::exec::child::{Child, TERMINATE_GRACE, prepare};
use crate::limits::deadlines::{Expired, next_deadline};
use crate::limits::limits::Limits;
use crate::limits::stats::Counter;
use crate::net::stream::Stream;
use crate::reactor::poll::{Interest, after, earlier};
use crate::reactor::source::{EventSource, Watched};
use crate::session::close_reason::CloseReason;
use crate::session::service::Error;

/// Supervises a program that communicates with a peer directly: no byte passes through the server.
///
/// When the peer disconnects or a timeout expires, the program gets SIGTERM, then SIGKILL. When the
/// program has ended, the connection is closed.
pub(crate) struct Supervisor {
    child: Child,
    stream: Stream,
    limits: Limits,
    close: Close,
    began: Instant,
    hung_up: Option<Instant>, // when the peer closed its sending side
    broken: bool,
    terminated: Option<CloseReason>, // why SIGTERM was sent
}

/// Closes a connection after its program has ended.
pub(crate) type Close = fn(Stream, &Limits, CloseReason) -> Box<dyn EventSource>;

/// Starts the program for a connection.
pub(crate) fn spawn(stream: &Stream, mut command: Command) -> io::Result<Child> {
    let (input, output) = stdio(stream, &mut command)?;
    Child::spawn(&mut command, input, output)
}

/// Replaces this process, which was forked for it, by the program. Returns only if that fails.
pub(crate) fn exec(stream: &Stream, mut command: Command, stderr: OwnedFd) -> io::Error {
    match stdio(stream, &mut command) {
        Ok((input, output)) => {
            prepare(&mut command, input, output, stderr);
            command.exec()
        }
        Err(error) => error,
    }
}

/// The connection as standard input and output of `command`, which gets a process group of its own. At a
/// terminal it does not: only the foreground process group may read from it.
fn stdio(stream: &Stream, command: &mut Command) -> io::Result<(Stdio, Stdio)> {
    if !stream.is_terminal() {
        command.process_group(0);
    }
    stream.to_stdio()
}

/// Whether the system may be able to start the program later.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN | Errno::ENOMEM)
    )
}

/// The close reason for a program that could not be started.
pub(crate) fn not_started(error: &io::Error) -> CloseReason {
    CloseReason::Failed(Error::Failed(
        format!("cannot start the program: {error}").into(),
    ))
}

impl Supervisor {
    pub(crate) fn new(child: Child, stream: Stream, limits: &Limits, close: Close) -> Self {
        debug!(peer = %stream.peer, pid = %child.pid(), "program");
        Self {
            child,
            stream,
            limits: *limits,
            close,
            began: Instant::now(),
            hung_up: None,
            broken: false,
            terminated: None,
        }
    }

    fn terminate(&mut self, reason: CloseReason, grace: Duration, now: Instant) {
        if self.terminated.is_none() {
            debug!(peer = %self.stream.peer, pid = %self.child.pid(), "terminate: {reason}");
            self.child.terminate(grace, now);
            self.terminated = Some(reason);
        }
    }

    /// When the program has to end because of its peer, and the reason.
    fn due(&self, now: Instant) -> Option<(Instant, CloseReason)> {
        let limits = &self.limits;
        let traffic = self.stream.traffic();
        let active = traffic.map(|traffic| {
            let active = now.checked_sub(traffic.idle).unwrap_or(self.began);
            active.max(self.began)
        });
        let awaits_first = traffic.is_some_and(|traffic| traffic.received == 0);
        let expires = next_deadline(limits, self.began, active, awaits_first);
        let expires = expires.map(|(at, expired)| (at, CloseReason::from(expired)));
        // A peer that has closed the connection looks like one that has only closed its sending side
        // and waits for the answer.
        let left = self.hung_up.zip(active).map(|(hung_up, active)| {
            let at = after(hung_up.max(active), limits.grace_period);
            (at, CloseReason::PeerClosed)
        });
        expires.into_iter().chain(left).min_by_key(|&(at, _)| at)
    }
}

impl From<Expired> for CloseReason {
    fn from(expired: Expired) -> Self {
        match expired {
            Expired::Session => Self::SessionTimeout,
            Expired::Idle => Self::IdleTimeout,
        }
    }
}

impl EventSource for Supervisor {
    fn watched(&self) -> Watched<'_> {
        let (socket, interest) = self.stream.hang_up();
        let interest = match (self.broken, self.hung_up) {
            (true, _) => Interest::Nothing,
            (false, Some(_)) => Interest::ERRORS,
            (false, None) => interest,
        };
        let [process, errors] = self.child.watched();
        [Some((socket, interest)), process, errors]
    }

    fn deadline(&self) -> Option<Instant> {
        let due = match self.terminated {
            Some(_) => None,
            None => self.due(Instant::now()).map(|(at, _)| at),
        };
        earlier(self.child.deadline(), due)
    }

    fn on_ready(&mut self, index: usize, broken: bool, _: &mut [u8], now: Instant) {
        match index {
            0 if broken => {
                self.broken = true;
                let error = self.stream.take_error();
                let reason = error.map_or(CloseReason::PeerClosed, CloseReason::ConnectionLost);
                self.terminate(reason, TERMINATE_GRACE, now);
            }
            0 => self.hung_up = self.hung_up.or(Some(now)),
            1 => self.child.on_exit(&self.stream.peer, now),
            _ => self.child.log_errors(&self.stream.peer, now),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.child.tick(&self.stream.peer, now);
        if self.terminated.is_none()
            && let Some((at, reason)) = self.due(now)
            && at <= now
        {
            self.terminate(reason, TERMINATE_GRACE, now);
        }
    }

    fn stop(&mut self, now: Instant) {
        let grace = self.limits.grace_period;
        self.terminate(CloseReason::Shutdown, grace, now);
    }

    fn report(&mut self) {
        self.stream.count_traffic();
    }

    fn fail(&mut self, error: io::Error) {
        self.child.fail(&error, &self.stream.peer);
    }

    fn is_done(&self) -> bool {
        self.child.status().is_some()
    }

    fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>> {
        let reason = self.terminated.unwrap_or_else(|| {
            let status = self.child.status().unwrap_or_default();
            if status.signal().is_some() || status.code() == Some(NOT_STARTED) {
                self.stream.count(Counter::Failed);
            }
            CloseReason::Exited(status)
        });
        Some((self.close)(self.stream, &self.limits, reason))
    }
}

/// The exit code of a child that could not execute its program, as of a shell.
pub(crate) const NOT_STARTED: i32 = 127;
