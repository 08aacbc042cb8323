//! Lines per second that a server forwards from one client to all others.
//!
//! One client sends lines of 64 bytes as fast as possible, and fifty read them. The first column
//! counts the lines of all readers together. The second one shows losses: the average share of the
//! sent lines that a reader received.
//!
//! `target/release/fan_out [MILLISECONDS [ROUNDS]]`

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use switchboard_bench::{Column, Readers, Server, compare, fan_out_servers, numbers};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([1000, 5])?;
    let time = Duration::from_millis(milliseconds);
    println!("lines of {LINE} bytes to {READERS} readers, {rounds} rounds of {time:?}");
    let columns = [("lines/s", 0), ("read, %", 1)].map(|(head, digits)| Column { head, digits });
    compare(fan_out_servers()?, rounds, columns, |server| {
        measure(server, time)
    });
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 2]> {
    let mut sender = server.connect()?;
    sender.set_write_timeout(Some(QUIET))?;
    let mut readers = Readers::connect(server, READERS)?;
    let mut line = [b'x'; LINE];
    line[LINE - 1] = b'\n';
    let lines = line.repeat(AT_ONCE);
    // A reader that the server has not registered yet would miss the first lines.
    while readers.min_lines() < 1 {
        sender.write_all(&line)?;
        while readers.read(QUIET)? {}
    }
    let before = readers.lines();
    let start = Instant::now();
    let sending = thread::spawn(move || {
        let mut sent = 0;
        while start.elapsed() < time && sender.write_all(&lines).is_ok() {
            sent += AT_ONCE;
        }
        (sent, sender) // keeps the connection open: some servers end with the sender
    });
    while start.elapsed() < time {
        readers.read(time.saturating_sub(start.elapsed()))?;
    }
    let rate = (readers.lines() - before) as f64 / start.elapsed().as_secs_f64();
    while !sending.is_finished() || readers.read(QUIET)? {
        readers.read(Duration::from_millis(1))?;
    }
    let (sent, _sender) = sending.join().expect("the sender does not panic");
    let part = (readers.lines() - before) as f64 / (sent * READERS) as f64;
    Ok([rate, part * 100.0])
}

const READERS: usize = 50;
const LINE: usize = 64;
const AT_ONCE: usize = 256; // lines per write
const QUIET: Duration = Duration::from_millis(300); // without input for this long, everything has arrived
