//! The built program as a server.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use super::client::Client;
use super::proc::{Process, children_of, peak_memory_kib, pid_in, threads_of};
use super::wait::{DEADLINE, wait_for, wait_until};

/// Every concurrency model.
pub(crate) const MODELS: [&str; 4] = ["fork", "threads", "events", "sequential"];

/// The models that serve several clients at the same time.
pub(crate) const CONCURRENT_MODELS: [&str; 3] = ["fork", "threads", "events"];

/// The program under test.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_switchboard").into()
}

/// An example program, built next to the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a process knows its program");
    let profile = tests
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are built in target/PROFILE/deps");
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "{name} is missing: `cargo test` builds the examples, `cargo test --test it` does not; \
         run `cargo build --examples`"
    );
    example
}

/// Runs `program` with the default action of every signal. A shell that runs the tests in the
/// background ignores some, and a server respects that.
pub(crate) fn with_default_signals(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program);
    command
}

/// The program with the misbehaving services of tests/villains.
pub(crate) fn villains() -> PathBuf {
    example("villains")
}

/// A server process. It and its children are killed when it is dropped.
pub(crate) struct Server {
    process: Process,
    log: Lines,
    output: Lines,
}

impl Server {
    /// Starts `switchboard -v serve ARGS --listen 0`: a port that the system chooses, on loopback.
    #[track_caller]
    pub(crate) fn start(args: &str) -> Self {
        Self::serve(&format!("{args} --listen 0"))
    }

    /// Starts `switchboard -v serve ARGS`.
    #[track_caller]
    pub(crate) fn serve(args: &str) -> Self {
        let args = format!("-v serve {args}");
        Self::run(with_default_signals(program()).args(args.split_whitespace()))
    }

    /// Starts `switchboard -v serve ARGS` on a UDP port of 127.0.0.1.
    #[track_caller]
    pub(crate) fn start_udp(args: &str) -> Self {
        Self::serve(&format!("{args} --listen udp://127.0.0.1:0"))
    }

    /// Starts a misbehaving service, like [`Server::start`].
    #[track_caller]
    pub(crate) fn villain(args: &str) -> Self {
        Self::serve_villain(&format!("{args} --listen 0"))
    }

    /// Starts a misbehaving service, like [`Server::serve`].
    #[track_caller]
    pub(crate) fn serve_villain(args: &str) -> Self {
        let args = format!("-v serve {args}");
        Self::run(with_default_signals(villains()).args(args.split_whitespace()))
    }

    /// Starts the `exec` service with these options and this command, like [`Server::start`].
    #[track_caller]
    pub(crate) fn exec(options: &str, command: &[&str]) -> Self {
        Self::serve_exec(&format!("--listen 0 {options}"), command)
    }

    /// Starts the `exec` service with these options and this command, like [`Server::start_udp`].
    #[track_caller]
    pub(crate) fn exec_udp(options: &str, command: &[&str]) -> Self {
        Self::serve_exec(&format!("--listen udp://127.0.0.1:0 {options}"), command)
    }

    /// Starts the `exec` service, like [`Server::serve`].
    #[track_caller]
    pub(crate) fn serve_exec(options: &str, command: &[&str]) -> Self {
        Self::run(
            with_default_signals(program())
                .args(["-v", "serve", "exec"])
                .args(options.split_whitespace())
                .arg("--")
                .args(command),
        )
    }

    /// Starts a server by any command, and waits until it logs that it listens.
    #[track_caller]
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::run_with_output(command, Stdio::piped())
    }

    /// [`Server::run`] with this standard output.
    #[track_caller]
    pub(crate) fn run_with_output(command: &mut Command, output: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(output);
        Self::run_as_is(command)
    }

    /// [`Server::run`] with this standard input.
    #[track_caller]
    pub(crate) fn run_with_input(command: &mut Command, input: Stdio) -> Self {
        command.stdin(input).stdout(Stdio::piped());
        Self::run_as_is(command)
    }

    #[track_caller]
    fn run_as_is(command: &mut Command) -> Self {
        command.stderr(Stdio::piped());
        let mut process = Process::start(command);
        let log = Lines::of(process.take_stderr().expect("stderr is a pipe"));
        let output = match process.take_stdout() {
            Some(output) => Lines::of(output),
            None => Lines::of(io::empty()),
        };
        let server = Self {
            process,
            log,
            output,
        };
        server.log("listens on");
        server
    }

    /// The first TCP address that the server logged; 127.0.0.1 if it listens on all addresses.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        let addresses = self.addresses();
        let address = addresses.first().expect("a TCP address is logged");
        if address.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], address.port()))
        } else {
            *address
        }
    }

    /// The TCP addresses that the server logged, in that order.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let line = self.log("listens on ");
        let words = line.split([' ', ';']);
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// The first UDP address that the server logged.
    #[track_caller]
    pub(crate) fn udp_address(&self) -> SocketAddr {
        let line = self.log("listens on ");
        let mut words = line.split([' ', ';']);
        let address = words.find_map(|word| word.strip_prefix("udp://")?.parse().ok());
        address.unwrap_or_else(|| panic!("no UDP address: {line}"))
    }

    pub(crate) fn port(&self) -> String {
        self.address().port().to_string()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Waits for a line of the log that contains `text`, and returns the first one.
    #[track_caller]
    pub(crate) fn log(&self, text: &str) -> String {
        self.log_lines(text, 1).remove(0)
    }

    /// Waits for `count` lines of the log that contain `text`, and returns all of them so far.
    #[track_caller]
    pub(crate) fn log_lines(&self, text: &str, count: usize) -> Vec<String> {
        let what = format!("{count} lines of log with '{text}'");
        self.log.wait(&what, |lines| {
            let matching = lines.iter().filter(|line| line.contains(text));
            let matching: Vec<String> = matching.cloned().collect();
            (count <= matching.len()).then_some(matching)
        })
    }

    /// The log so far.
    pub(crate) fn log_so_far(&self) -> Vec<String> {
        self.log_lines("", 0)
    }

    /// The whole log of a server that has exited.
    pub(crate) fn whole_log(&self) -> Vec<String> {
        self.log.all()
    }

    /// Waits for `count` lines on standard output, and returns all of them so far.
    #[track_caller]
    pub(crate) fn output_lines(&self, count: usize) -> Vec<String> {
        self.output
            .wait(&format!("{count} lines of output"), |lines| {
                (count <= lines.len()).then(|| lines.to_vec())
            })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops the server process with SIGSTOP, so that events queue up for it.
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        wait_until("the server to stop", || {
            children_of(Pid::this()).contains(&(self.pid(), 'T'))
        });
    }

    /// Continues a paused server.
    pub(crate) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// The pid and the state of each child, as [`children_of`] returns them.
    pub(crate) fn children(&self) -> Vec<(Pid, char)> {
        children_of(self.pid())
    }

    /// Waits until the children satisfy `wanted`, and returns them.
    #[track_caller]
    pub(crate) fn wait_for_children(
        &self,
        what: &str,
        mut wanted: impl FnMut(&[(Pid, char)]) -> bool,
    ) -> Vec<(Pid, char)> {
        wait_for(what, || {
            Some(self.children()).filter(|children| wanted(children))
        })
    }

    /// Waits until every child has exited and was reaped.
    #[track_caller]
    pub(crate) fn wait_until_reaped(&self) {
        self.wait_for_children("every child to be reaped", <[_]>::is_empty);
    }

    /// The pids of the programs that the log reports, once there are `count`.
    #[track_caller]
    pub(crate) fn programs(&self, count: usize) -> Vec<Pid> {
        let lines = self.log_lines(" program peer=", count);
        lines.iter().map(|line| pid_in(line, "pid=")).collect()
    }

    /// The pid of the `nth` hub process that was started; the first is 1.
    #[track_caller]
    pub(crate) fn hub(&self, nth: usize) -> Pid {
        let lines = self.log_lines("fork, for the hub", nth);
        pid_in(&lines[nth - 1], "pid=")
    }

    /// Checks that no process of the server ever used `limit_kib` of memory or more.
    #[track_caller]
    pub(crate) fn check_memory(&self, limit_kib: u64) {
        let children = self.children().into_iter().map(|(pid, _)| pid);
        for pid in children.chain([self.pid()]) {
            if let Some(peak) = peak_memory_kib(pid) {
                assert!(peak < limit_kib, "process {pid} used {peak} KiB");
            }
        }
    }

    /// The threads of the server and its children, as [`wait_until_idle`] takes them.
    pub(crate) fn threads(&self) -> Vec<PathBuf> {
        let children = self.children().into_iter().map(|(pid, _)| pid);
        let processes = children.chain([self.pid()]);
        processes.flat_map(threads_of).collect()
    }

    /// Waits for the server to exit.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The children die with their parent (PR_SET_PDEATHSIG).
        self.process.kill();
        if thread::panicking() {
            let log = self.log.lines.0.lock().expect("the reader does not panic");
            eprintln!("--- log of the server\n{}", log.join("\n"));
        }
    }
}

/// A free TCP port of 127.0.0.1, for a program that binds it with SO_REUSEADDR. The socket keeps
/// other programs from it.
pub(crate) fn free_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    socket.set_reuse_address(true).expect("it is a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port is free");
    let address = socket.local_addr().expect("it is bound").as_socket();
    (socket, address.expect("it is an Internet socket"))
}

/// The lines that a process writes, collected by a thread.
struct Lines {
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: thread::JoinHandle<()>,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Self {
        let lines = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let shared = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source
                .read_until(b'\n', &mut line)
                .is_ok_and(|count| 0 < count)
            {
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches('\n')
                    .to_owned();
                shared
                    .0
                    .lock()
                    .expect("the reader does not panic")
                    .push(text);
                shared.1.notify_all();
                line.clear();
            }
        });
        Self { lines, reader }
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, find: impl Fn(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.lines.0.lock().expect("the reader does not panic");
        loop {
            if let Some(found) = find(&lines) {
                return found;
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                let lines = {
                    let copy = lines.clone();
                    drop(lines);
                    copy
                };
                panic!("waited too long for {what}; lines so far: {lines:#?}");
            }
            lines = self
                .lines
                .1
                .wait_timeout(lines, remaining)
                .expect("the reader does not panic")
                .0;
        }
    }

    /// All lines, once the writer has closed its end.
    fn all(&self) -> Vec<String> {
        wait_until("the end of the output", || self.reader.is_finished());
        self.lines
            .0
            .lock()
            .expect("the reader does not panic")
            .clone()
    }
}
