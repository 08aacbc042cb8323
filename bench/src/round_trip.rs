//! One echoed line.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Sends a line and waits for its echo.
///
/// # Errors
///
/// I/O errors, or a different line.
pub fn round_trip(stream: &mut TcpStream) -> io::Result<()> {
    let line = b"hello\n";
    stream.write_all(line)?;
    let mut answer = [0; 6];
    stream.read_exact(&mut answer)?;
    if &answer != line {
        return Err(io::Error::other("the echo differs from what was sent"));
    }
    Ok(())
}
