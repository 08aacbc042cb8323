//! Processes: started by a test, and seen in /proc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::{DEADLINE, wait_for, wait_until};

/// A child process of the test. It is killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().expect("a pid fits an i32"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the process runs");
    }

    /// Its standard input and output, which must be pipes. A second call fails.
    pub(crate) fn take_pipes(&mut self) -> (ChildStdin, ChildStdout) {
        let stdin = self.0.stdin.take().expect("stdin is a pipe");
        (stdin, self.take_stdout().expect("stdout is a pipe"))
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }

    /// Waits for the process to exit.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the process to exit", || {
            self.0.try_wait().expect("the child was not waited for")
        })
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that the test did not start itself. It is killed when dropped.
pub(crate) struct KillOnDrop(pub(crate) Pid);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGKILL).ok();
    }
}

/// The pid and the state of each child of `parent`. The state is a letter such as `S`, or `Z` for a
/// zombie (proc(5)).
pub(crate) fn children_of(parent: Pid) -> Vec<(Pid, char)> {
    let processes = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let pid = stat.split(' ').next()?.parse().ok()?;
            // The process name, in brackets, may contain anything.
            let mut rest = stat.rsplit_once(") ")?.1.split(' ');
            let (state, of) = (rest.next()?.chars().next()?, rest.next()?.parse().ok()?);
            (Pid::from_raw(of) == parent).then_some((Pid::from_raw(pid), state))
        })
        .collect()
}

/// Whether a process has exited. A zombie has: it may be an orphan that the server need not reap.
pub(crate) fn has_exited(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(") ").map(|(_, rest)| rest);
    rest.is_none_or(|rest| rest.starts_with(['Z', 'X']))
}

#[track_caller]
pub(crate) fn wait_for_exit(pid: Pid) {
    wait_until("a process to exit", || has_exited(pid));
}

/// A field of /proc/PID/status.
#[track_caller]
pub(crate) fn proc_status(pid: Pid, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value
        .expect("the kernel reports the field")
        .trim()
        .to_owned()
}

/// The highest resident memory of a process so far; `None` once it has exited.
pub(crate) fn peak_memory_kib(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// The threads of a process, as folders in /proc.
pub(crate) fn threads_of(pid: Pid) -> Vec<PathBuf> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads.map(|thread| thread.path()).collect()
}

/// Waits until `threads`, folders in /proc, are idle: all sleep, and no context switch in 20 ms.
#[track_caller]
pub(crate) fn wait_until_idle(what: &str, threads: impl Fn() -> Vec<PathBuf>) {
    let deadline = Instant::now() + DEADLINE;
    let mut before = None;
    loop {
        let now: Vec<_> = threads().into_iter().map(|path| activity(&path)).collect();
        let asleep = now.iter().all(|(state, _)| *state == Some('S'));
        let now = Some(now);
        if asleep && now == before {
            return;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        before = now;
        thread::sleep(Duration::from_millis(20));
    }
}

/// The state of a thread, and its context switches so far.
fn activity(thread: &Path) -> (Option<char>, Vec<String>) {
    let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
    let state = status
        .lines()
        .find_map(|line| line.strip_prefix("State:")?.trim_start().chars().next());
    let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
    (state, switches.map(str::to_owned).collect())
}

/// The open file descriptors of a process, in order.
pub(crate) fn descriptors(pid: Pid) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let names = entries.map(|entry| entry.expect("the process runs").file_name());
    let mut numbers: Vec<u32> = names
        .map(|name| name.to_string_lossy().parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The open sockets of a process, such as `socket:[1234]`.
pub(crate) fn sockets(pid: Pid) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let targets = links
        .flatten()
        .filter_map(|link| fs::read_link(link.path()).ok());
    targets
        .map(|target| target.display().to_string())
        .filter(|target| target.starts_with("socket:"))
        .collect()
}

/// Sends `signal` to a process and waits until it is no longer pending there.
pub(crate) fn signal_and_wait(pid: Pid, signal: Signal) {
    kill(pid, signal).expect("the process runs");
    wait_until("the signal to be taken", || {
        proc_status(pid, "ShdPnd") == "0".repeat(16)
    });
}

/// The pid behind `name` in a line of the log, as in `pid=123`.
#[track_caller]
pub(crate) fn pid_in(line: &str, name: &str) -> Pid {
    let (_, rest) = line.split_once(name).expect("the line has this field");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse().ok());
    Pid::from_raw(number.unwrap_or_else(|| panic!("no number: {line}")))
}
