//! The real program, started and stopped, and the peers that talk to it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

/// Nothing here takes so long, unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Every way to hold several conversations.
pub(crate) const MODELS: [&str; 4] = ["fork", "threads", "events", "sequential"];

/// The program as it was built for these tests.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_switchboard").into()
}

/// The program with the misbehaving services, which is built beside the tests.
pub(crate) fn villains() -> PathBuf {
    let tests = std::env::current_exe().expect("a process knows its program");
    let profile = tests
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are built in target/PROFILE/deps");
    let villains = profile.join("examples/villains");
    assert!(
        villains.exists(),
        "examples are built by `cargo test`, but not by `cargo test --test it` alone"
    );
    villains
}

/// A process that is killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().expect("a pid is a small number"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Its standard input and output, where they are piped.
    pub(crate) fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        let (input, output) = (self.0.stdin.take(), self.0.stdout.take());
        input.zip(output).expect("they are piped")
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the end of the process", || {
            self.0.try_wait().expect("it can be waited for")
        })
    }

    fn kill(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    process: Process,
    log: Lines,
    printed: Lines,
}

impl Server {
    /// Starts `switchboard -v serve` with these words, on a port that the system chooses.
    pub(crate) fn start(words: &str) -> Self {
        Self::run(
            Command::new(program())
                .args(["-v", "serve"])
                .args(words.split_whitespace())
                .args(["--listen", "0"]),
        )
    }

    /// Starts one of the villains in the same way.
    pub(crate) fn villain(words: &str) -> Self {
        Self::run(
            Command::new(villains())
                .args(["-v", "serve"])
                .args(words.split_whitespace())
                .args(["--listen", "0"]),
        )
    }

    /// Starts one that gives its peers to `command`, in the same way.
    pub(crate) fn exec(options: &str, command: &[&str]) -> Self {
        Self::run(
            Command::new(program())
                .args(["-v", "serve", "exec", "--listen", "0"])
                .args(options.split_whitespace())
                .arg("--")
                .args(command),
        )
    }

    /// Starts a server by any command, and waits until it says that it listens.
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::run_printing(command, Stdio::piped())
    }

    /// The same, with its standard output wherever it is wanted.
    pub(crate) fn run_printing(command: &mut Command, output: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(output);
        Self::run_as_is(command)
    }

    /// The same, with something at its standard input.
    pub(crate) fn run_with(command: &mut Command, input: Stdio) -> Self {
        command.stdin(input).stdout(Stdio::piped());
        Self::run_as_is(command)
    }

    fn run_as_is(command: &mut Command) -> Self {
        command.stderr(Stdio::piped());
        let mut process = Process::start(command);
        let log = Lines::of(process.0.stderr.take().expect("it is piped"));
        let printed = match process.0.stdout.take() {
            Some(output) => Lines::of(output),
            None => Lines::of(io::empty()),
        };
        let server = Self {
            process,
            log,
            printed,
        };
        server.log("listens on");
        server
    }

    /// The first Internet address that it said it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.log("listens on ");
        let words = line
            .split([' ', ';'])
            .find_map(|word| word.parse::<SocketAddr>().ok());
        let address = words.unwrap_or_else(|| panic!("no address: {line}"));
        if address.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], address.port()))
        } else {
            address
        }
    }

    /// Where it takes datagrams.
    pub(crate) fn udp_address(&self) -> SocketAddr {
        let line = self.log("listens on ");
        let mut words = line.split([' ', ';']);
        let address = words.find_map(|word| word.strip_prefix("udp://")?.parse().ok());
        address.unwrap_or_else(|| panic!("no address: {line}"))
    }

    pub(crate) fn port(&self) -> String {
        self.address().port().to_string()
    }

    pub(crate) fn connect(&self) -> Caller {
        Caller::connect(self.address())
    }

    /// The first line of its log that has `text`, as soon as it is there.
    pub(crate) fn log(&self, text: &str) -> String {
        self.log_times(text, 1).remove(0)
    }

    /// All the lines of its log so far that have `text`, as soon as there are `times` of them.
    pub(crate) fn log_times(&self, text: &str, times: usize) -> Vec<String> {
        self.log.wait(&format!("log with '{text}'"), |lines| {
            let found: Vec<String> = lines
                .iter()
                .filter(|line| line.contains(text))
                .cloned()
                .collect();
            (times <= found.len()).then_some(found)
        })
    }

    /// All that it printed on standard output, as soon as it has `lines` lines.
    pub(crate) fn printed(&self, lines: usize) -> Vec<String> {
        self.printed
            .wait(&format!("{lines} lines of output"), |all| {
                (lines <= all.len()).then(|| all.to_vec())
            })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until the server itself is in this state, such as `T` when it was stopped.
    pub(crate) fn state_until(&self, state: char) {
        let own = || {
            children_of(Pid::this())
                .into_iter()
                .find(|(pid, _)| *pid == self.pid())
        };
        until("the server's state", || {
            own().filter(|(_, now)| *now == state)
        });
    }

    /// The pid and state (such as `S`, or `Z` for a zombie) of each of its children.
    pub(crate) fn children(&self) -> Vec<(Pid, char)> {
        children_of(self.pid())
    }

    /// Waits until its children are as `wanted` says.
    pub(crate) fn children_until(
        &self,
        what: &str,
        mut wanted: impl FnMut(&[(Pid, char)]) -> bool,
    ) -> Vec<(Pid, char)> {
        until(what, || {
            Some(self.children()).filter(|children| wanted(children))
        })
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// The whole log, after the end.
    pub(crate) fn whole_log(&self) -> Vec<String> {
        self.log.all()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its children die with it.
        self.process.kill();
        if thread::panicking() {
            eprintln!(
                "--- log of the server\n{}",
                self.log
                    .lines
                    .0
                    .lock()
                    .expect("no reader panics")
                    .join("\n")
            );
        }
    }
}

/// Tries until there is an answer. It asks often and gives way meanwhile; what it waits for is an
/// event, not a time.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::yield_now();
    }
}

pub(crate) fn children_of(parent: Pid) -> Vec<(Pid, char)> {
    let processes = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            // The name, in brackets, may hold anything; what follows does not.
            let pid = stat.split(' ').next()?.parse().ok()?;
            let mut rest = stat.rsplit_once(") ")?.1.split(' ');
            let (state, of) = (rest.next()?.chars().next()?, rest.next()?.parse().ok()?);
            (Pid::from_raw(of) == parent).then_some((Pid::from_raw(pid), state))
        })
        .collect()
}

/// The most memory that a process ever had.
pub(crate) fn peak_memory_kib(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Sends `signal` to a server or a child of one, and waits until it has taken it.
pub(crate) fn signal_and_see_it_taken(pid: Pid, signal: Signal) {
    kill(pid, signal).expect("it runs");
    until("the signal to be taken", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let pending = status.lines().find(|line| line.starts_with("ShdPnd:"));
        pending
            .is_some_and(|line| line.ends_with("0000000000000000"))
            .then_some(())
    });
}

/// The lines that a process writes, kept by a thread as they come.
struct Lines {
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: thread::JoinHandle<()>,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Self {
        let lines = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let kept = Arc::clone(&lines);
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
                kept.0.lock().expect("no reader panics").push(text);
                kept.1.notify_all();
                line.clear();
            }
        });
        Self { lines, reader }
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, found: impl Fn(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.lines.0.lock().expect("no reader panics");
        loop {
            if let Some(found) = found(&lines) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let there_is = lines.clone();
                drop(lines);
                panic!("waited too long for {what}; there is: {there_is:#?}");
            }
            lines = self
                .lines
                .1
                .wait_timeout(lines, left)
                .expect("no reader panics")
                .0;
        }
    }

    /// All lines, once the writer has gone.
    fn all(&self) -> Vec<String> {
        until("the end of the output", || {
            self.reader.is_finished().then_some(())
        });
        self.lines.0.lock().expect("no reader panics").clone()
    }
}

/// One caller, by Rust's own socket.
pub(crate) struct Caller {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Caller {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, DEADLINE).expect("somebody listens"))
    }

    /// Connects from another address of this machine.
    pub(crate) fn from(host: [u8; 4], server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        socket
            .bind(&SocketAddr::from((host, 0)).into())
            .expect("all of 127/8 is ours");
        socket.connect(&server.into()).expect("somebody listens");
        Self::over(TcpStream::from(socket))
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        let reader = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        Self { stream, reader }
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server reads");
    }

    /// Says a line and hears the answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(format!("{line}\n"));
        self.line()
    }

    /// The next line, without its end; empty at the end of input.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader
            .read_until(b'\n', &mut line)
            .expect("the server answers");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// The next so many bytes.
    pub(crate) fn next(&mut self, count: usize) -> String {
        String::from_utf8_lossy(&self.next_bytes(count)).into_owned()
    }

    /// The same, as they are.
    pub(crate) fn next_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader
            .read_exact(&mut bytes)
            .expect("the server answers");
        bytes
    }

    /// Ends this side.
    pub(crate) fn hang_up(&self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the connection stands");
    }

    /// Closes so that the server sees a reset.
    pub(crate) fn reset(self) {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&self.stream, sockopt::Linger, &linger).expect("it is a socket");
    }

    /// All that the server still says until it closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader
            .read_to_end(&mut rest)
            .expect("the server closes politely");
        rest
    }
}

/// Runs `command` in a shell with `input` at its standard input, to its end.
pub(crate) fn shell(command: &str, input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .args(["-k", "1", &DEADLINE.as_secs().to_string()])
        .args(["bash", "-c", command])
        .env("PROGRAM", program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout and bash are everywhere");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let writer = thread::spawn(move || stdin.write_all(&input)); // who does not read all of it has its reasons
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("a writer does not panic").ok();
    output
}

/// What `command` prints, as text.
pub(crate) fn heard(command: &str, input: &str) -> String {
    let output = shell(command, input.as_bytes());
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).expect("the answer is text")
}

/// Whether a test can be run that needs these programs. Where the environment variable
/// `SWITCHBOARD_TEST_ALL` is set, they must be there; else a test without them says that it is
/// skipped.
pub(crate) fn have(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| {
            !shell(&format!("command -v {program}"), b"")
                .status
                .success()
        })
        .collect();
    can(
        missing.is_empty(),
        &format!("these are not installed: {missing:?}"),
    )
}

/// Whether a test can be run that only root can set up.
pub(crate) fn are_root() -> bool {
    can(nix::unistd::geteuid().is_root(), "only root can set it up")
}

pub(crate) fn can(can: bool, why: &str) -> bool {
    if !can {
        assert!(
            std::env::var_os("SWITCHBOARD_TEST_ALL").is_none(),
            "every test is to run, but {why}"
        );
        // Past the harness, which keeps what a passing test prints to itself.
        writeln!(io::stderr(), "skipped: {why}").ok();
    }
    can
}
