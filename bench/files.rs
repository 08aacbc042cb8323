//! Throughput of a file transfer over TCP.
//!
//! One client reads the file from a fresh server in pieces of 64 KiB and discards it. The file is
//! sparse, so no disk is read; all servers read the same one. The last column is the peak memory of
//! the server and its children in the middle of the file.
//!
//! `target/release/files [MEBIBYTES [ROUNDS]]`

use std::fs::File;
use std::io::{self, Read};
use std::time::Instant;

use switchboard_bench::{Column, Contender, file_servers, numbers, peak_memory, run_rounds};
use tempfile::tempdir;

fn main() -> io::Result<()> {
    let [mebibytes, rounds] = numbers([4096, 7])?;
    let folder = tempdir()?;
    let file = folder.path().join("file");
    File::create(&file)?.set_len(mebibytes << 20)?;
    println!("a file of {mebibytes} MiB, {rounds} rounds");
    let columns = [("GiB/s", 2), ("peak, KiB", 0)].map(|(head, digits)| Column { head, digits });
    run_rounds(file_servers(&file)?, rounds, columns, |contender| {
        measure(contender, mebibytes << 20)
    });
    Ok(())
}

/// The throughput in GiB/s and the peak memory in KiB.
fn measure(contender: &Contender, bytes: u64) -> io::Result<[f64; 2]> {
    let (server, mut stream) = contender.start_and_connect()?;
    let start = Instant::now();
    server.send_opening(&mut stream, 0)?;
    let mut buffer = vec![0; 64 << 10];
    let (mut came, mut peak) = (0, None);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        came += count as u64;
        if peak.is_none() && bytes / 2 <= came {
            peak = Some(peak_memory(server.id())?);
        }
    }
    let rate = bytes as f64 / start.elapsed().as_secs_f64() / f64::from(1 << 30);
    match peak {
        Some(peak) if bytes <= came => Ok([rate, peak as f64]),
        _ => Err(server.explain(io::Error::other(format!("only {came} bytes")))),
    }
}
