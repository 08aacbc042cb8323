//! Connections per second of fork-per-client echo servers, side by side.
//!
//! Each server in turn, several rounds: a number of clients at once connect, send one line, read it
//! back and close. The medians over the rounds are printed, and each server's rate relative to the
//! first. The servers take turns within every round, so that a machine that grows slower or faster
//! does so for all.
//!
//! `cargo run --release -p switchboard-bench --bin connections -- [CLIENTS [SECONDS [ROUNDS]]]`

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

fn main() -> io::Result<()> {
    let numbers: Vec<u64> = env::args()
        .skip(1)
        .map(|word| word.parse().map_err(io::Error::other))
        .collect::<io::Result<_>>()?;
    let number = |place: usize, usual| numbers.get(place).copied().unwrap_or(usual).max(1);
    let (clients, time, rounds) = (
        number(0, 8),
        Duration::from_secs(number(1, 2)),
        number(2, 5),
    );
    let built = env::temp_dir().join(format!("switchboard-bench-{}", std::process::id()));
    let contenders = contenders(&built)?;
    let mut runs: Vec<Vec<Run>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (contender, runs) in contenders.iter().zip(&mut runs) {
            runs.push(contender.measure(clients as usize, time)?);
        }
    }
    println!("{clients} clients at once, {rounds} rounds of {time:?} each; medians");
    println!(
        "{:32} {:>14} {:>8} {:>10} {:>9}",
        "server", "connections/s", "ratio", "p50", "p99"
    );
    let first = median(runs[0].iter().map(|run| run.rate));
    for (contender, runs) in contenders.iter().zip(&runs) {
        let rate = median(runs.iter().map(|run| run.rate));
        let p50 = median(runs.iter().map(|run| run.p50)) * 1e3;
        let p99 = median(runs.iter().map(|run| run.p99)) * 1e3;
        println!(
            "{:32} {rate:14.0} {:8.2} {p50:7.2} ms {p99:6.2} ms",
            contender.name,
            first / rate
        );
    }
    println!("ratio: the first server's rate over this one's");
    fs::remove_file(&built).or(Ok(())) // without a C compiler it was never there
}

/// A server to be measured: a command whose word `PORT` stands for the port.
struct Contender {
    name: &'static str,
    command: Vec<String>,
}

/// What one server did in one round; times in seconds.
struct Run {
    rate: f64,
    p50: f64,
    p99: f64,
}

/// The built program first, then whichever of the others this machine has.
///
/// The minimal C server is compiled into the file `minimal`.
fn contenders(minimal: &Path) -> io::Result<Vec<Contender>> {
    let own = env::current_exe()?.with_file_name("switchboard");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fork.c");
    let built = Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .arg(minimal)
        .arg(source)
        .status();
    let own = own.display();
    let mut contenders = vec![contender(
        "switchboard",
        &format!("{own} -q serve echo --listen 127.0.0.1:PORT"),
    )];
    if Command::new("tcpserver")
        .stderr(Stdio::null())
        .status()
        .is_ok()
    {
        contenders.push(contender(
            "tcpserver -HRl0 cat",
            "tcpserver -HRl0 127.0.0.1 PORT cat",
        ));
    }
    if built.is_ok_and(|status| status.success()) {
        contenders.push(contender(
            "minimal C fork server, static",
            &format!("{} PORT", minimal.display()),
        ));
    }
    Ok(contenders)
}

fn contender(name: &'static str, command: &str) -> Contender {
    Contender {
        name,
        command: command.split(' ').map(str::to_owned).collect(),
    }
}

impl Contender {
    fn measure(&self, clients: usize, time: Duration) -> io::Result<Run> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut server = Server(self.start(port)?);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.0.try_wait()? {
                return Err(io::Error::other(format!("{}: {status}", self.name)));
            }
            thread::yield_now();
        }
        let start = Instant::now();
        let threads: Vec<_> = (0..clients)
            .map(|_| thread::spawn(move || call(port, start + time)))
            .collect();
        let mut times: Vec<f64> = Vec::new();
        for thread in threads {
            times.extend(thread.join().expect("a client does not panic")?);
        }
        let elapsed = start.elapsed().as_secs_f64();
        drop(server);
        times.sort_by(f64::total_cmp);
        let rate = times.len() as f64 / elapsed;
        Ok(Run {
            rate,
            p50: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
        })
    }

    fn start(&self, port: u16) -> io::Result<Child> {
        let mut words = self
            .command
            .iter()
            .map(|word| word.replace("PORT", &port.to_string()));
        let program = words.next().expect("a command has a first word");
        Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }
}

/// A running server, ended when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// Calls again and again until `end`; how many seconds each call took.
fn call(port: u16, end: Instant) -> io::Result<Vec<f64>> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"hello\n")?;
        let mut answer = [0; 6];
        stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"hello\n", "an echo is what was said");
        drop(stream);
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
