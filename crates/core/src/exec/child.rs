//! A program as a child process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{self, Pid};
use tracing::{debug, error, info};

use crate::peer::Peer;
use crate::reactor::poll::{Interest, after};
use crate::sanitize::Sanitized;
use crate::sys::process;

/// A running program. It leads a process group of its own, unless its peer is a terminal.
///
/// Only this type waits for the process. Dropping it kills the program and all processes in its group.
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd,  // ready when the program has ended
    errors: OwnedFd, // its standard error
    line: Vec<u8>,   // the beginning of a line of that
    errors_ended: bool,
    kill_at: Option<Instant>, // set when SIGTERM was sent
    status: Option<ExitStatus>,
}

impl Child {
    /// Starts `command`, with `input` and `output` as its standard input and output.
    ///
    /// # Errors
    ///
    /// The program does not exist or may not be executed, or no process or descriptor is available.
    pub(crate) fn spawn(command: &mut Command, input: Stdio, output: Stdio) -> io::Result<Self> {
        let (errors, stderr) = pipe()?;
        prepare(command, input, output, stderr);
        let child = command.spawn()?;
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        Self::adopt(pid, errors)
    }

    /// A child of this process that executes a program, see [`prepare`].
    ///
    /// # Errors
    ///
    /// No descriptor is available. Then the child is killed.
    pub(crate) fn adopt(pid: Pid, errors: OwnedFd) -> io::Result<Self> {
        match process::pidfd(pid) {
            Ok(pidfd) => {
                running().push(pid);
                Ok(Self {
                    pid,
                    pidfd,
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

    /// The descriptors to wait for: the first one to call [`on_exit`](Self::on_exit), the second one
    /// to call [`log_errors`](Self::log_errors).
    pub(crate) fn watched(&self) -> [Option<(BorrowedFd<'_>, Interest)>; 2] {
        let errors = Interest::read_if(!self.errors_ended);
        [
            Some((self.pidfd.as_fd(), Interest::READ)),
            Some((self.errors.as_fd(), errors)),
        ]
    }

    /// The exit status, once the program has ended.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Checks whether the program has ended.
    pub(crate) fn on_exit(&mut self, peer: &Peer) {
        if self.status.is_none() {
            self.reap(peer);
        }
        self.log_errors(peer);
    }

    /// Sends SIGTERM, and SIGKILL after the grace period.
    pub(crate) fn terminate(&mut self, grace: Duration, now: Instant) {
        self.signal(Signal::SIGTERM);
        self.kill_at = Some(after(now, grace));
    }

    /// When SIGKILL is due, after [`terminate`](Self::terminate).
    pub(crate) fn kill_at(&self) -> Option<Instant> {
        self.kill_at
    }

    /// Sends SIGKILL if it is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.signal(Signal::SIGKILL);
            self.kill_at = Some(after(now, TERMINATE_GRACE));
        }
    }

    /// The event loop cannot wait for the program: kills it.
    pub(crate) fn fail(&mut self, error: &io::Error, peer: &Peer) {
        error!(%peer, "cannot wait for a program: {error}");
        self.kill();
    }

    fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        running().retain(|&pid| pid != self.pid);
        waitid(Id::PIDFd(self.pidfd.as_fd()), WaitPidFlag::WEXITED).ok();
        self.status = Some(ExitStatus::default());
    }

    /// Signals the program's process group.
    pub(crate) fn signal(&self, signal: Signal) {
        // It is not reaped yet, so the pid is still its own. Until it calls setpgid(2), the group does
        // not exist.
        if self.status.is_none() && killpg(self.pid, signal).is_err() {
            kill(self.pid, signal).ok();
        }
    }

    /// Reaps the program if it has ended, and kills the rest of its group.
    fn reap(&mut self, peer: &Peer) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let process = || Id::PIDFd(self.pidfd.as_fd());
        // Until it is reaped, its pid cannot become that of another group.
        match waitid(process(), flags | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return,
            _ => self.signal(Signal::SIGKILL),
        }
        running().retain(|&pid| pid != self.pid);
        let status = match waitid(process(), flags) {
            Ok(WaitStatus::Exited(_, code)) => ExitStatus::from_raw((code & 0xff) << 8),
            Ok(WaitStatus::Signaled(_, signal, _)) => ExitStatus::from_raw(signal as i32),
            _ => ExitStatus::default(), // the service has waited for it
        };
        debug!(%peer, pid = %self.pid, "reap: {status}");
        self.status = Some(status);
    }

    /// Logs the lines that the program wrote to standard error.
    pub(crate) fn log_errors(&mut self, peer: &Peer) {
        let mut buffer = [0; 4096];
        for _ in 0..READS_AT_ONCE {
            match unistd::read(&self.errors, &mut buffer) {
                Ok(count) if 0 < count => self.line.extend_from_slice(&buffer[..count]),
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

    /// A line without its end, or the beginning of one that is too long.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let start = &self.line[..self.line.len().min(MAX_LINE_BYTES + 1)];
        if let Some(end) = memchr::memchr(b'\n', start) {
            let mut line: Vec<u8> = self.line.drain(..=end).collect();
            line.pop();
            return Some(line);
        }
        (MAX_LINE_BYTES < self.line.len()).then(|| self.line.drain(..MAX_LINE_BYTES).collect())
    }
}

fn log(peer: &Peer, line: &[u8]) {
    info!(%peer, "program: {}", Sanitized(line));
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
        }
    }
}

/// Kills all running programs and their process groups, for a server that does not wait for the
/// threads that supervise them.
pub(crate) fn kill_all() {
    for pid in running().drain(..) {
        killpg(pid, Signal::SIGKILL)
            .or_else(|_| kill(pid, Signal::SIGKILL))
            .ok();
    }
}

/// The programs that have not been reaped, whose pids are still their own.
fn running() -> MutexGuard<'static, Vec<Pid>> {
    static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pipe for the output of a program: its reading end, which does not block, and its writing end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reading, writing) = unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&reading, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reading, writing))
}

/// Sets the standard descriptors of `command`, and resets what it would inherit from the server.
pub(crate) fn prepare(command: &mut Command, input: Stdio, output: Stdio, stderr: OwnedFd) {
    process::reset_before_exec(command);
    command.stdin(input).stdout(output).stderr(stderr);
}

/// The usual time between SIGTERM and SIGKILL: a program can clean up, and a server stops soon.
pub(crate) const TERMINATE_GRACE: Duration = Duration::from_secs(2);
const READS_AT_ONCE: usize = 16; // a flood must not delay other connections
const MAX_LINE_BYTES: usize = 2048;
