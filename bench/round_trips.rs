//! How long a line takes there and back on an established connection, side by side.
//!
//! One client, which shares one processor with the server: each waits for the other, and the time
//! is what the server does from read to read, and two changes of process. On several processors it
//! is mostly the time that one needs to wake another, up to ten times as long, and chance whether
//! the system has put the two on one.
//!
//! `target/release/round_trips [TRIPS [ROUNDS [PROCESSORS]]]`

use std::io;
use std::time::Instant;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use switchboard_bench::{Column, Server, compare, numbers, over_tcp, quantile, trip};

fn main() -> io::Result<()> {
    let [trips, rounds, processors] = numbers([5_000, 31, 1])?;
    stay_on(processors)?;
    println!(
        "one client, {rounds} rounds of {trips} lines there and back, processors: {processors}"
    );
    let columns = ["p50, us", "p99, us"].map(|head| Column { head, digits: 1 });
    compare(over_tcp()?, rounds, columns, |server| {
        measure(server, trips)
    });
    Ok(())
}

/// Keeps this process, and the servers that it starts, on the first of the processors.
fn stay_on(processors: u64) -> io::Result<()> {
    let mine = sched_getaffinity(Pid::this())?;
    let mut kept = CpuSet::new();
    let given = (0..CpuSet::count()).filter(|number| mine.is_set(*number) == Ok(true));
    for number in given.take(processors as usize) {
        kept.set(number)?;
    }
    Ok(sched_setaffinity(Pid::this(), &kept)?)
}

fn measure(server: &Server, trips: u64) -> io::Result<[f64; 2]> {
    let mut stream = server.connect()?;
    for _ in 0..trips / 10 {
        trip(&mut stream)?; // buffers, caches and the clock speed come to rest
    }
    let mut times = Vec::new();
    let mut start = Instant::now();
    for _ in 0..trips {
        trip(&mut stream)?;
        let end = Instant::now();
        times.push((end - start).as_secs_f64() * 1e6);
        start = end;
    }
    Ok([0.5, 0.99].map(|part| quantile(times.iter().copied(), part)))
}
