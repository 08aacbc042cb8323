//! Lines that a server passes on from one client to all others, side by side.
//!
//! One client sends lines of 64 bytes as fast as they are taken, fifty read all that comes. What is
//! counted is lines read, by all of them together. That nobody loses any is not taken for granted:
//! the second column is the part of the lines sent that each had read, on average, when the
//! sender was through and nothing came any more.
//!
//! `target/release/fan_out [MILLISECONDS [ROUNDS]]`

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use switchboard_bench::{Column, Crowd, Server, compare, in_rooms, numbers};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([1000, 5])?;
    let time = Duration::from_millis(milliseconds);
    println!("One sends lines of {LINE} bytes to {READERS} others, {rounds} rounds of {time:?}");
    let columns = [("lines/s", 0), ("read, %", 1)].map(|(head, digits)| Column { head, digits });
    compare(in_rooms()?, rounds, columns, |server| measure(server, time));
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 2]> {
    let mut sender = server.connect()?;
    sender.set_write_timeout(Some(QUIET))?;
    let mut crowd = Crowd::come(server, READERS)?;
    let mut line = [b'x'; LINE];
    line[LINE - 1] = b'\n';
    let lines = line.repeat(AT_ONCE);
    // Who is not known to the server yet would miss the first lines.
    while crowd.least() < 1 {
        sender.write_all(&line)?;
        while crowd.read(QUIET)? {}
    }
    let before = crowd.lines();
    let start = Instant::now();
    let sending = thread::spawn(move || {
        let mut sent = 0;
        while start.elapsed() < time && sender.write_all(&lines).is_ok() {
            sent += AT_ONCE;
        }
        (sent, sender) // still connected: some end with who ends
    });
    while start.elapsed() < time {
        crowd.read(time.saturating_sub(start.elapsed()))?;
    }
    let rate = (crowd.lines() - before) as f64 / start.elapsed().as_secs_f64();
    while !sending.is_finished() || crowd.read(QUIET)? {
        crowd.read(Duration::from_millis(1))?;
    }
    let (sent, _sender) = sending.join().expect("the sender does not panic");
    let part = (crowd.lines() - before) as f64 / (sent * READERS) as f64;
    Ok([rate, part * 100.0])
}

const READERS: usize = 50;
const LINE: usize = 64;
const AT_ONCE: usize = 256; // lines in one call
const QUIET: Duration = Duration::from_millis(300); // nothing comes any more
