//! Latency of a line on an established connection.
//!
//! One client shares a processor with the server. Each waits for the other, so the time consists of
//! the server's work between two reads and two context switches. On several processors most of the
//! time goes into waking another processor: up to ten times as long, and dependent on the placement
//! of the two processes.
//!
//! `target/release/round_trips [TRIPS [ROUNDS [PROCESSORS]]]`

use std::io;
use std::time::Instant;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use switchboard_bench::{Column, Server, compare, numbers, quantile, round_trip, tcp_echo_servers};

fn main() -> io::Result<()> {
    let [round_trips, rounds, processors] = numbers([5_000, 31, 1])?;
    stay_on(processors)?;
    println!(
        "one client, {rounds} rounds of {round_trips} lines there and back, processors: {processors}"
    );
    let columns = ["p50, us", "p99, us"].map(|head| Column { head, digits: 1 });
    compare(tcp_echo_servers()?, rounds, columns, |server| {
        measure(server, round_trips)
    });
    Ok(())
}

/// Restricts this process, and the servers that it starts, to the first processors.
fn stay_on(processors: u64) -> io::Result<()> {
    let mine = sched_getaffinity(Pid::this())?;
    let mut kept = CpuSet::new();
    let given = (0..CpuSet::count()).filter(|number| mine.is_set(*number) == Ok(true));
    for number in given.take(processors as usize) {
        kept.set(number)?;
    }
    Ok(sched_setaffinity(Pid::this(), &kept)?)
}

fn measure(server: &Server, round_trips: u64) -> io::Result<[f64; 2]> {
    let mut stream = server.connect()?;
    for _ in 0..round_trips / 10 {
        round_trip(&mut stream)?; // warms up buffers, caches and the clock speed
    }
    let mut times = Vec::new();
    let mut start = Instant::now();
    for _ in 0..round_trips {
        round_trip(&mut stream)?;
        let end = Instant::now();
        times.push((end - start).as_secs_f64() * 1e6);
        start = end;
    }
    Ok([0.5, 0.99].map(|part| quantile(times.iter().copied(), part)))
}
