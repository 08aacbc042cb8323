//! A program as a child process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{self, Pid};
use tracing::{debug, error};

use crate::exec::error_log::ErrorLog;
use crate::exec::processes;
use crate::peer::Peer;
use crate::reactor::poll::{Interest, after, earlier};
use crate::sys::process;

/// A running program. It leads a process group of its own, unless its peer is a terminal.
///
/// Only this type waits for the process. Dropping it kills the program and all processes in its group.
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd, // ready when the program has ended
    errors: ErrorLog,
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
                processes::add(pid);
                Ok(Self {
                    pid,
                    pidfd,
                    errors: ErrorLog::new(errors),
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
        [
            Some((self.pidfd.as_fd(), Interest::READ)),
            Some(self.errors.watched()),
        ]
    }

    /// The exit status, once the program has ended.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Checks whether the program has ended.
    pub(crate) fn on_exit(&mut self, peer: &Peer, now: Instant) {
        if self.status.is_none() {
            self.reap(peer);
        }
        self.log_errors(peer, now);
    }

    /// Sends SIGTERM, and SIGKILL after the grace period.
    pub(crate) fn terminate(&mut self, grace: Duration, now: Instant) {
        self.signal(Signal::SIGTERM);
        self.kill_at = Some(after(now, grace));
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        earlier(self.kill_at, self.errors.deadline())
    }

    /// Sends SIGKILL if it is due, and logs how much of its standard error was dropped.
    pub(crate) fn tick(&mut self, peer: &Peer, now: Instant) {
        self.errors.tick(peer, now);
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
        processes::remove(self.pid);
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
        processes::remove(self.pid);
        let status = match waitid(process(), flags) {
            Ok(WaitStatus::Exited(_, code)) => ExitStatus::from_raw((code & 0xff) << 8),
            Ok(WaitStatus::Signaled(_, signal, _)) => ExitStatus::from_raw(signal as i32),
            _ => ExitStatus::default(), // the service has waited for it
        };
        debug!(%peer, pid = %self.pid, "reap: {status}");
        self.status = Some(status);
    }

    /// Logs what the program wrote to standard error.
    pub(crate) fn log_errors(&mut self, peer: &Peer, now: Instant) {
        self.errors.read(peer, now);
        if self.status.is_some() {
            self.errors.end(peer, now);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
        }
    }
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
