//! Memory that an idle client costs, side by side.
//!
//! Many clients connect, each echoes one line, and all stay. What the server and its children hold
//! then, less what they held before, is divided by the clients. Then each speaks once more and has
//! to be answered.
//!
//! `target/release/idle [CLIENTS_OF_FORKING [CLIENTS [ROUNDS]]]`

use std::io;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use switchboard_bench::{Column, Server, compare, memory, numbers, over_tcp, trip};

fn main() -> io::Result<()> {
    let [of_forking, of_others, rounds] = numbers([1_000, 2_000, 3])?;
    // The servers inherit it.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    println!("idle clients, {rounds} rounds");
    let columns =
        [("KiB per client", 2), ("clients", 0)].map(|(head, digits)| Column { head, digits });
    compare(over_tcp()?, rounds, columns, |server| {
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
        trip(&mut stream)?;
        streams.push(stream);
    }
    let after = settled(server)?;
    for stream in &mut streams {
        trip(stream)?;
    }
    Ok((after as f64 - before as f64) / clients as f64)
}

/// What the server holds once it has done with those that left, in KiB: the same twice in a row.
fn settled(server: &Server) -> io::Result<u64> {
    let mut last = None;
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        // A process that ends meanwhile is one that was not done with.
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
        "its processes come and go without clients",
    ))
}
