//! Latency in a chat room in which one client has stopped reading.
//!
//! One client sends a line of 4 KiB every four milliseconds; 49 read them, and one never reads. The
//! measurement starts when the buffers of that client are full: the share of the lines that the
//! readers got since then, and their latency. The maximum latency includes the time before.
//!
//! `target/release/stopped [MILLISECONDS [ROUNDS]]`

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use switchboard_bench::{Column, Readers, Server, chat_servers, compare, numbers, quantile};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([2000, 3])?;
    let time = Duration::from_millis(milliseconds);
    println!("{READERS} clients read and one has stopped; {rounds} rounds of {time:?}");
    let columns = ["lines read, %", "p50, us", "p99, us", "max, ms"].map(|head| (head, 0));
    let columns = columns.map(|(head, digits)| Column { head, digits });
    compare(chat_servers()?, rounds, columns, |server| {
        measure(server, time)
    });
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 4]> {
    let mut readers = Readers::connect(server, READERS)?;
    let mut stopped = server.connect()?;
    setsockopt(&stopped, sockopt::RcvBuf, &LINE)?; // a small buffer is full soon
    server.send_opening(&mut stopped, READERS)?;
    let mut sender = server.connect()?;
    server.send_opening(&mut sender, READERS + 1)?;
    while readers.read(QUIET)? {}
    let start = Instant::now();
    let end = start + FILLING + time;
    let sending = thread::spawn(move || send(sender, start, end));
    while Instant::now() < start + FILLING {
        readers.read(Duration::from_millis(1))?;
    }
    let before = readers.latencies(start).into_iter().max();
    let mut latency = Vec::new();
    while Instant::now() < end {
        readers.read(Duration::from_millis(1))?;
        latency.extend(
            readers
                .latencies(start)
                .into_iter()
                .map(|latency| latency.as_secs_f64() * 1e6),
        );
    }
    let part = latency.len() as f64 / (READERS * due(FILLING, FILLING + time)) as f64;
    drop(readers); // the server must not wait for clients that stopped reading
    drop(stopped);
    sending.join().expect("the sender does not panic");
    let at = |share| match latency.is_empty() {
        true => f64::NAN,
        false => quantile(latency.iter().copied(), share),
    };
    let worst = latency
        .iter()
        .copied()
        .fold(before.unwrap_or_default().as_secs_f64() * 1e6, f64::max);
    Ok([part * 100.0, at(0.5), at(0.99), worst / 1e3])
}

/// Sends a line at each interval, until the server stops reading.
fn send(mut sender: TcpStream, start: Instant, end: Instant) {
    sender.set_write_timeout(Some(QUIET)).ok();
    let mut line = vec![b'.'; LINE];
    line[LINE - 1] = b'\n';
    for number in 0.. {
        let at = start + INTERVAL * number;
        if end <= at {
            return;
        }
        thread::sleep(at.saturating_duration_since(Instant::now()));
        let nanoseconds = start.elapsed().as_nanos();
        line[..TIMESTAMP].copy_from_slice(format!("@{nanoseconds:020}").as_bytes());
        if sender.write_all(&line).is_err() {
            return;
        }
    }
}

/// The number of lines due between these times.
fn due(from: Duration, to: Duration) -> usize {
    ((to - from).as_nanos() / INTERVAL.as_nanos()) as usize
}

const READERS: usize = 49;
const LINE: usize = 4096;
const TIMESTAMP: usize = 21;
const INTERVAL: Duration = Duration::from_millis(4);
const FILLING: Duration = Duration::from_secs(6); // until the buffers of the stopped client are full
const QUIET: Duration = Duration::from_millis(300); // without input for this long, everything has arrived
