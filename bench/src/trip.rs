//! What a client says, and hears.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Sends one line and awaits it back.
///
/// # Errors
///
/// The system's, or that something else comes back.
pub fn trip(stream: &mut TcpStream) -> io::Result<()> {
    let line = b"hello\n";
    stream.write_all(line)?;
    let mut answer = [0; 6];
    stream.read_exact(&mut answer)?;
    if &answer != line {
        return Err(io::Error::other("the echo is not what was said"));
    }
    Ok(())
}
