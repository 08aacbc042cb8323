//! Rotates letters by 13: `cargo run --example rot13 -- serve rot13`, then `nc localhost 1212`.
use switchboard::{Flow, Outbox, Result, run, service_fn};
fn main() -> std::process::ExitCode {
    run("rot13", "Rotates letters by 13", || service_fn(rot13))
}

fn rot13(line: &[u8], out: &mut Outbox) -> Result {
    let rotate = |&byte: &u8| match byte.to_ascii_lowercase() {
        b'a'..=b'm' => byte + 13,
        b'n'..=b'z' => byte - 13,
        _ => byte,
    };
    out.send(&line.iter().map(rotate).collect::<Vec<u8>>());
    Ok(Flow::Continue)
}
