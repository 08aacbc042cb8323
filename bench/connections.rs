//! Connections per second of echo servers.
//!
//! A fixed number of concurrent clients connect, send one line, read it back and close, in a loop.
//!
//! `target/release/connections [CLIENTS [MILLISECONDS [ROUNDS]]]`

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use switchboard_bench::{Column, Server, compare, numbers, quantile, round_trip, tcp_echo_servers};

fn main() -> io::Result<()> {
    // Short rounds average out changes of the machine's speed, and do not use up the local ports.
    let [clients, milliseconds, rounds] = numbers([8, 500, 15])?;
    let time = Duration::from_millis(milliseconds);
    println!("{clients} clients at once, {rounds} rounds of {time:?}");
    let columns = [("connections/s", 0), ("p50, ms", 2), ("p99, ms", 2)]
        .map(|(head, digits)| Column { head, digits });
    compare(tcp_echo_servers()?, rounds, columns, |server| {
        measure(server, clients, time)
    });
    Ok(())
}

fn measure(server: &Server, clients: u64, time: Duration) -> io::Result<[f64; 3]> {
    let start = Instant::now();
    let times = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| call(server, start + time)))
            .collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.join().expect("a client does not panic")?);
        }
        io::Result::Ok(times)
    })?;
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    let [p50, p99] = [0.5, 0.99].map(|part| quantile(times.iter().copied(), part) * 1e3);
    Ok([rate, p50, p99])
}

/// Connects in a loop until `end`, at least once. Returns the time of each connection in seconds.
fn call(server: &Server, end: Instant) -> io::Result<Vec<f64>> {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let mut stream = server.connect()?;
        round_trip(&mut stream)?;
        drop(stream);
        times.push(start.elapsed().as_secs_f64());
        if end <= Instant::now() {
            return Ok(times);
        }
    }
}
