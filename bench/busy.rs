//! Latency of an answer while other clients keep their sessions busy.
//!
//! The busy clients send what takes the server long, as fast as it reads: requests for the digest of a
//! file without end, or lines for the friend. One more client sends a short request at a time.
//!
//! `target/release/busy [CLIENTS [MILLISECONDS [ROUNDS]]]`

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use switchboard_bench::{Column, Server, busy_files, busy_friends, compare, numbers, quantile};

fn main() -> io::Result<()> {
    let [clients, milliseconds, rounds] = numbers([10, 1000, 5])?;
    let time = Duration::from_millis(milliseconds);
    println!("{clients} busy clients, {rounds} rounds of {time:?}");
    let folder = tempfile::tempdir()?;
    File::create(folder.path().join("large"))?.set_len(1 << 42)?;
    let columns = ["p50, ms", "p99, ms", "max, ms"].map(|head| Column { head, digits: 2 });
    println!("HASH of a file of 4 TiB");
    compare(busy_files(folder.path())?, rounds, columns, |server| {
        measure(server, "LIST\n", clients, time)
    });
    println!("lines for the friend");
    compare(busy_friends()?, rounds, columns, |server| {
        measure(server, "hello\n", clients, time)
    });
    Ok(())
}

fn measure(server: &Server, request: &str, clients: u64, time: Duration) -> io::Result<[f64; 3]> {
    let mut busy = Vec::new();
    for _ in 0..clients {
        let mut stream = server.connect()?;
        read_line(&mut stream)?; // the greeting: the session has started
        busy.push(stream.try_clone()?);
        let mut reader = stream.try_clone()?;
        let opening = server.opening().repeat(FLOOD / server.opening().len());
        thread::spawn(move || while stream.write_all(opening.as_bytes()).is_ok() {});
        thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
    }
    let mut client = server.connect()?;
    read_line(&mut client)?;
    thread::sleep(time / 10);
    let mut times = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let start = Instant::now();
        client.write_all(request.as_bytes())?;
        read_line(&mut client)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        thread::sleep(Duration::from_millis(1));
    }
    for stream in busy {
        stream.shutdown(std::net::Shutdown::Both)?;
    }
    let longest = times.iter().copied().fold(0.0, f64::max);
    let [median, most] = [0.5, 0.99].map(|part| quantile(times.iter().copied(), part));
    Ok([median, most, longest])
}

/// Reads what has arrived, up to the end of a line.
fn read_line(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count if buffer[count - 1] == b'\n' => return Ok(()),
            _ => (),
        }
    }
}

const FLOOD: usize = 128 * 1024; // in one write
