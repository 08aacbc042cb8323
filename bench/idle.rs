//! Memory per idle client.
//!
//! Many clients connect, each echoes one line, and all stay connected. The growth of the memory of
//! the server and its children is divided by the number of clients. Then each client sends another
//! line and must get it back.
//!
//! `target/release/idle [CLIENTS_OF_FORKING [CLIENTS [ROUNDS]]]`

use std::io;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use switchboard_bench::{Column, Server, compare, memory, numbers, round_trip, tcp_echo_servers};

fn main() -> io::Result<()> {
    let [of_forking, of_others, rounds] = numbers([1_000, 2_000, 3])?;
    // The servers inherit the limit.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    println!("idle clients, {rounds} rounds");
    let columns =
        [("KiB per client", 2), ("clients", 0)].map(|(head, digits)| Column { head, digits });
    compare(tcp_echo_servers()?, rounds, columns, |server| {
        let clients = if server.forks { of_forking } else { of_others };
        Ok([measure(server, clients)?, clients as f64])
    });
    Ok(())
}

fn measure(server: &Server, clients: u64) -> io::Result<f64> {
    let before = settled(server)?;
    let mut streams = Vec::new();
    for _ in 0..clients {
        let mut stream = server.connect()?;
        round_trip(&mut stream)?;
        streams.push(stream);
    }
    let after = settled(server)?;
    for stream in &mut streams {
        round_trip(stream)?;
    }
    Ok((after as f64 - before as f64) / clients as f64)
}

/// The memory of the server in KiB, once two samples in a row agree.
fn settled(server: &Server) -> io::Result<u64> {
    let mut last = None;
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        // Fails if a process exits during the sample; then the memory has not settled.
        let now = memory(server.id()).ok();
        if let (Some((size, count)), Some((size_before, count_before))) = (now, last)
            && count == count_before
            && size.abs_diff(size_before) <= 64
        {
            return Ok(size);
        }
        last = now;
    }
    Err(io::Error::other(
        "its memory does not settle without clients",
    ))
}
