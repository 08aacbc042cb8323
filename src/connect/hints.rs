//! Advice for a common mistake, from what was sent and received.

use std::io;

use switchboard_client::{Closer, DuplexError, Ending, Tap};

/// Counts the bytes in both directions, and keeps the first ones.
#[derive(Default)]
pub(super) struct Hints {
    pub(super) sent: u64,
    pub(super) received: u64,
    first_sent: Vec<u8>,
    first_received: Vec<u8>,
}

impl Hints {
    /// Advice, if what happened is most likely a mistake.
    pub(super) fn hint(&self, result: &Result<Ending, DuplexError>) -> Option<&'static str> {
        if let Err(DuplexError::PortUnreachable) = result {
            return Some(UNREACHABLE);
        }
        if is_tls(&self.first_received) && !is_tls(&self.first_sent) {
            return Some(TLS);
        }
        if is_http_answer(&self.first_received) && !is_http_request(&self.first_sent) {
            return Some(HTTP);
        }
        match result {
            Ok(ending) if ending.closer == Closer::PeerFirst && self.sent + self.received == 0 => {
                Some(CLOSED_AT_ONCE)
            }
            _ => None,
        }
    }
}

impl Tap for Hints {
    fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += bytes.len() as u64;
        keep(&mut self.first_sent, bytes);
        Ok(())
    }

    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received += bytes.len() as u64;
        keep(&mut self.first_received, bytes);
        Ok(())
    }
}

fn keep(first: &mut Vec<u8>, bytes: &[u8]) {
    let space = KEPT_BYTES - first.len();
    first.extend_from_slice(&bytes[..bytes.len().min(space)]);
}

/// Whether it begins with a TLS record: an alert or a handshake, of version 3.0 to 3.4.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 3, 0..=4, ..])
}

/// A status line, or the page that servers send for what they take for HTTP 0.9.
fn is_http_answer(bytes: &[u8]) -> bool {
    let starts = |with: &[u8]| {
        let start = bytes.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    starts(b"HTTP/1.") || starts(b"<!DOCTYPE HTML")
}

/// Whether it begins with a method in upper case and the target.
fn is_http_request(bytes: &[u8]) -> bool {
    let method = bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
    method.len() < bytes.len() && !method.is_empty() && method.iter().all(u8::is_ascii_uppercase)
}

const KEPT_BYTES: usize = 16;
const TLS: &str = "the server speaks TLS, which this client does not: `openssl s_client -quiet \
                   -connect HOST:PORT` does";
const HTTP: &str = "the server speaks HTTP, and what was sent is no request: `curl http://HOST:PORT/` \
                    sends one";
const UNREACHABLE: &str = "nothing listens on this UDP port, or a firewall rejects it; a TCP server is \
                           reached without --udp";
const CLOSED_AT_ONCE: &str = "the server closed the connection at once: it may refuse this machine, or a \
                              proxy cannot reach the program behind it";

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(sent: &[u8], received: &[u8], chunk: usize) -> Hints {
        let mut hints = Hints::default();
        for bytes in sent.chunks(chunk) {
            hints.sent(bytes).expect("it never fails");
        }
        for bytes in received.chunks(chunk) {
            hints.received(bytes).expect("it never fails");
        }
        hints
    }

    #[test]
    fn the_first_bytes_show_a_mistake_in_every_chunking() {
        let error = || Err(DuplexError::IdleTimeout(std::time::Duration::ZERO));
        for (sent, received, hint) in [
            (
                &b"hello\n"[..],
                &b"\x15\x03\x01\x00\x02\x02\x46"[..],
                Some(TLS),
            ),
            (b"", b"\x16\x03\x03\x00\x7a", Some(TLS)),
            (b"\x16\x03\x01\x02\x00", b"\x16\x03\x03\x00\x7a", None),
            (b"hello\n", b"HTTP/1.1 400 Bad Request\r\n", Some(HTTP)),
            (
                b"hello\n",
                b"<!doctype html>\n<html lang=\"en\">",
                Some(HTTP),
            ),
            (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n", None),
            (b"OPTIONS * HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n", None),
            (b"hello\n", b"SSH-2.0-OpenSSH_10.0\r\n", None),
            (b"hello\n", b"220 mail ESMTP\r\n", None),
            (b"hello\n", b"\x15\x03", None),
            (b"hello\n", b"HTTP", None),
            (b"hello\n", b"", None),
        ] {
            for chunk in 1..=20 {
                let hints = observed(sent, received, chunk);
                assert_eq!(
                    hints.hint(&error()),
                    hint,
                    "{received:?} in pieces of {chunk}"
                );
                assert_eq!(hints.sent, sent.len() as u64);
                assert_eq!(hints.received, received.len() as u64);
            }
        }
    }
}
