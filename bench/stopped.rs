//! A crowd in which one has stopped reading, side by side.
//!
//! One client sends a line of 4 KiB every four milliseconds; forty-nine read them, and one never reads
//! anything. What is counted begins when all that the system holds for that one is long full: the
//! part of the lines due since then that the others got, and how late. How late any was is told of
//! the time before as well.
//!
//! `target/release/stopped [MILLISECONDS [ROUNDS]]`

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use switchboard_bench::{Column, Crowd, Server, compare, in_a_chat, numbers, quantile};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([2000, 3])?;
    let time = Duration::from_millis(milliseconds);
    println!(
        "{READERS} read what one sends, and one more has stopped; {rounds} rounds of {time:?}"
    );
    let columns = ["lines read, %", "p50, us", "p99, us", "at worst, ms"].map(|head| (head, 0));
    let columns = columns.map(|(head, digits)| Column { head, digits });
    compare(in_a_chat()?, rounds, columns, |server| {
        measure(server, time)
    });
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 4]> {
    let mut crowd = Crowd::come(server, READERS)?;
    let mut stopped = server.connect()?;
    setsockopt(&stopped, sockopt::RcvBuf, &LINE)?; // what waits there holds nobody up
    server.greet(&mut stopped, READERS)?;
    let mut sender = server.connect()?;
    server.greet(&mut sender, READERS + 1)?;
    while crowd.read(QUIET)? {}
    let start = Instant::now();
    let end = start + FILLING + time;
    let sending = thread::spawn(move || send(sender, start, end));
    while Instant::now() < start + FILLING {
        crowd.read(Duration::from_millis(1))?;
    }
    let before = crowd.marks(start).into_iter().max();
    let mut late = Vec::new();
    while Instant::now() < end {
        crowd.read(Duration::from_millis(1))?;
        late.extend(
            crowd
                .marks(start)
                .into_iter()
                .map(|late| late.as_secs_f64() * 1e6),
        );
    }
    let part = late.len() as f64 / (READERS * due(FILLING, FILLING + time)) as f64;
    drop(crowd); // who stopped sending waits no longer
    drop(stopped);
    sending.join().expect("the sender does not panic");
    let at = |share| match late.is_empty() {
        true => f64::NAN,
        false => quantile(late.iter().copied(), share),
    };
    let worst = late
        .iter()
        .copied()
        .fold(before.unwrap_or_default().as_secs_f64() * 1e6, f64::max);
    Ok([part * 100.0, at(0.5), at(0.99), worst / 1e3])
}

/// Sends a line each time that one is due, as far as the server takes them.
fn send(mut sender: TcpStream, start: Instant, end: Instant) {
    sender.set_write_timeout(Some(QUIET)).ok();
    let mut line = vec![b'.'; LINE];
    line[LINE - 1] = b'\n';
    for number in 0.. {
        let at = start + EVERY * number;
        if end <= at {
            return;
        }
        thread::sleep(at.saturating_duration_since(Instant::now()));
        let nanoseconds = start.elapsed().as_nanos();
        line[..MARK].copy_from_slice(format!("@{nanoseconds:020}").as_bytes());
        if sender.write_all(&line).is_err() {
            return;
        }
    }
}

/// So many lines are due between these times.
fn due(from: Duration, to: Duration) -> usize {
    ((to - from).as_nanos() / EVERY.as_nanos()) as usize
}

const READERS: usize = 49;
const LINE: usize = 4096;
const MARK: usize = 21;
const EVERY: Duration = Duration::from_millis(4);
const FILLING: Duration = Duration::from_secs(6); // of all that may wait for who has stopped
const QUIET: Duration = Duration::from_millis(300); // nothing comes any more
