//! Programs that take the place of a session.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{self, Pid};
use tracing::{error, info};

use crate::peer::Peer;
use crate::reactor::poll::{Interest, after};
use crate::sanitize::Sanitized;
use crate::sys::process;

/// A running program, at the head of a process group of its own unless a terminal is its peer.
///
/// It is waited for here. Dropped while it runs, it is killed with all that it started.
pub(crate) struct Program {
    pid: Pid,
    process: OwnedFd, // a pidfd: ready when it has ended
    errors: OwnedFd,  // what it says on standard error
    line: Vec<u8>,    // of that, the line begun
    errors_ended: bool,
    kill_at: Option<Instant>, // it was asked to end
    status: Option<ExitStatus>,
}

impl Program {
    /// Starts `command`, talking over `input` and `output`.
    ///
    /// # Errors
    ///
    /// There is no such program, it may not be run, or the system has no room for it.
    pub(crate) fn spawn(
        command: &mut Command,
        input: Stdio,
        output: Stdio,
        group: Group,
    ) -> io::Result<Self> {
        let (errors, says) = pipe()?;
        prepare(command, input, output, says, group);
        let child = command.spawn()?;
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        Self::adopt(pid, errors)
    }

    /// Looks after a child of this process that becomes a program, see [`take_over`].
    ///
    /// # Errors
    ///
    /// No descriptor can be had; then the child is killed.
    pub(crate) fn adopt(pid: Pid, errors: OwnedFd) -> io::Result<Self> {
        match process::pidfd(pid) {
            Ok(process) => {
                running().push(pid);
                Ok(Self {
                    pid,
                    process,
                    errors,
                    line: Vec::new(),
                    errors_ended: false,
                    kill_at: None,
                    status: None,
                })
            }
            Err(error) => {
                kill(pid, Signal::SIGKILL).ok();
                waitid(Id::Pid(pid), WaitPidFlag::WEXITED).ok();
                Err(error)
            }
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// What a task waits for to [`attend`](Self::attend) to its end, and to
    /// [`log_errors`](Self::log_errors).
    pub(crate) fn watched(&self) -> [Option<(BorrowedFd<'_>, Interest)>; 2] {
        let saying = if self.errors_ended {
            Interest::Nothing
        } else {
            Interest::READ
        };
        [
            Some((self.process.as_fd(), Interest::READ)),
            Some((self.errors.as_fd(), saying)),
        ]
    }

    /// How it ended, if it has.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Finds out whether it has ended.
    pub(crate) fn attend(&mut self, peer: &Peer) {
        if self.status.is_none() {
            self.reap();
        }
        self.log_errors(peer);
    }

    /// Asks it to end, and gives it so long.
    pub(crate) fn terminate(&mut self, patience: Duration, now: Instant) {
        self.signal(Signal::SIGTERM);
        self.kill_at = Some(after(now, patience));
    }

    /// When it is not waited for any longer, since it was asked to end.
    pub(crate) fn kill_at(&self) -> Option<Instant> {
        self.kill_at
    }

    /// Kills it, if it was asked to end and has had its time.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.signal(Signal::SIGKILL);
            self.kill_at = Some(after(now, PATIENCE));
        }
    }

    /// It cannot be waited for with others: kills it at once.
    pub(crate) fn fail(&mut self, error: &io::Error, peer: &Peer) {
        error!(%peer, "cannot wait for a program: {error}");
        self.end_now();
    }

    fn end_now(&mut self) {
        self.signal(Signal::SIGKILL);
        running().retain(|&pid| pid != self.pid);
        waitid(Id::PIDFd(self.process.as_fd()), WaitPidFlag::WEXITED).ok();
        self.status = Some(ExitStatus::default());
    }

    /// Signals it and all that it started in its group.
    pub(crate) fn signal(&self, signal: Signal) {
        // Not reaped yet, so the number is still its own. Before it has a group there is none.
        if self.status.is_none() && killpg(self.pid, signal).is_err() {
            kill(self.pid, signal).ok();
        }
    }

    /// Waits for it, if it has ended. What it left running is killed.
    fn reap(&mut self) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let process = || Id::PIDFd(self.process.as_fd());
        // As long as it is not reaped its number cannot become another group's.
        match waitid(process(), flags | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return,
            _ => self.signal(Signal::SIGKILL),
        }
        running().retain(|&pid| pid != self.pid);
        self.status = Some(match waitid(process(), flags) {
            Ok(WaitStatus::Exited(_, code)) => ExitStatus::from_raw((code & 0xff) << 8),
            Ok(WaitStatus::Signaled(_, signal, _)) => ExitStatus::from_raw(signal as i32),
            _ => ExitStatus::default(), // somebody else waited for it
        });
    }

    /// Logs what it has said on standard error.
    pub(crate) fn log_errors(&mut self, peer: &Peer) {
        let mut said = [0; 4096];
        for _ in 0..READS_AT_ONCE {
            match unistd::read(&self.errors, &mut said) {
                Ok(count) if 0 < count => self.line.extend_from_slice(&said[..count]),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                Ok(_) | Err(_) => {
                    self.errors_ended = true;
                    break;
                }
            }
            while let Some(line) = self.next_line() {
                log(peer, &line);
            }
        }
        if (self.errors_ended || self.status.is_some()) && !self.line.is_empty() {
            log(peer, &std::mem::take(&mut self.line));
        }
    }

    /// A line without its end, or as much of a longer one as is shown at once.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let shown = &self.line[..self.line.len().min(LONGEST_LINE + 1)];
        if let Some(end) = memchr::memchr(b'\n', shown) {
            let mut line: Vec<u8> = self.line.drain(..=end).collect();
            line.pop();
            return Some(line);
        }
        (LONGEST_LINE < self.line.len()).then(|| self.line.drain(..LONGEST_LINE).collect())
    }
}

fn log(peer: &Peer, line: &[u8]) {
    info!(%peer, "program: {}", Sanitized(line));
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.end_now();
        }
    }
}

/// Kills all programs that run, with what they started: for who ends without waiting for those who
/// look after them.
pub(crate) fn kill_all() {
    for pid in running().drain(..) {
        killpg(pid, Signal::SIGKILL)
            .or_else(|_| kill(pid, Signal::SIGKILL))
            .ok();
    }
}

/// The programs that have not been waited for, whose numbers are their own still.
fn running() -> MutexGuard<'static, Vec<Pid>> {
    static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where something that a program says is read, without waiting, and where it says it.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reading, writing) = unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&reading, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reading, writing))
}

/// Becomes `command`, in a process that was forked for it. Returns only why it could not.
pub(crate) fn take_over(
    command: &mut Command,
    input: Stdio,
    output: Stdio,
    errors: OwnedFd,
    group: Group,
) -> io::Error {
    prepare(command, input, output, errors, group);
    command.exec()
}

/// Which process group a program runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Own,
    /// The server's: of all groups, a terminal lets one read from it.
    Terminals,
}

fn prepare(command: &mut Command, input: Stdio, output: Stdio, errors: OwnedFd, group: Group) {
    process::start_clean(command);
    command.stdin(input).stdout(output).stderr(errors);
    if group == Group::Own {
        command.process_group(0);
    }
}

/// How long a program usually has between SIGTERM and SIGKILL: long enough to put things in order,
/// short enough for who stops a server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
const READS_AT_ONCE: usize = 16; // a flood must not hold up whoever else waits
const LONGEST_LINE: usize = 2048;
