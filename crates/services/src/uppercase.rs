//! Uppercase: sends text back in Unicode upper case.

use std::str;

use switchboard_core::{Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport};

/// Sends text back in Unicode upper case, and bytes that are not UTF-8 unchanged.
pub struct Uppercase;

impl Service for Uppercase {
    fn config(&self, _: Transport) -> Config {
        Config::bytes().http_lines()
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(UppercaseSession {
            partial: Vec::new(),
            is_datagram: peer.transport == Transport::Datagram,
        }))
    }
}

struct UppercaseSession {
    partial: Vec<u8>, // the first bytes of a character whose rest has not arrived: at most three
    is_datagram: bool, // no character continues in the next message
}

impl Session for UppercaseSession {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        self.partial.extend_from_slice(bytes);
        let missing = if self.is_datagram {
            0
        } else {
            partial_character(&self.partial)
        };
        let partial = self.partial.split_off(self.partial.len() - missing);
        out.send(&uppercase(&self.partial));
        self.partial = partial;
        Ok(Flow::Continue)
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        if !self.partial.is_empty() {
            out.send(&self.partial); // over datagrams, an empty message would be sent
        }
        Ok(Flow::Close)
    }
}

fn uppercase(bytes: &[u8]) -> Vec<u8> {
    let mut upper = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        upper.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        upper.extend_from_slice(chunk.invalid());
    }
    upper
}

/// The number of bytes at the end of `bytes` that begin a character whose rest is missing.
fn partial_character(bytes: &[u8]) -> usize {
    let invalid = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
    let is_partial = str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
    if is_partial { invalid.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchboard_core::testing::Connection;
    use switchboard_core::{Address, Limits};

    use super::*;
    use crate::testing::every_chunking;

    #[track_caller]
    fn check(input: &[u8], output: &[u8]) {
        every_chunking(&Uppercase, input, output);
    }

    #[test]
    fn text_comes_back_in_upper_case() {
        check(b"hello, World 1\n", b"HELLO, WORLD 1\n");
        check(
            "grüße, ñandú, ἀλφα, ǆ, ŉ\r\n".as_bytes(),
            "GRÜSSE, ÑANDÚ, ἈΛΦΑ, Ǆ, ʼN\r\n".as_bytes(),
        );
        check("日本 🚀".as_bytes(), "日本 🚀".as_bytes());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_unchanged() {
        check(b"a\xffb\0c\xc3(d", b"A\xffB\0C\xc3(D");
        check(b"cut \xe2\x82", b"CUT \xe2\x82");
        check(
            b"\xf0\x9f\x9a\xf0\x9f\x9a\x80\xc3",
            b"\xf0\x9f\x9a\xf0\x9f\x9a\x80\xc3",
        );
    }

    #[test]
    fn each_datagram_is_converted_on_its_own() {
        let address = || Address::Ip(([127, 0, 0, 1], 5000).into());
        let peer = Peer::new(address(), address(), Transport::Datagram);
        let mut connection = Connection::open(&Uppercase, &peer, &Limits::default());
        for (input, output) in [
            (&b"cut \xe2\x82"[..], &b"CUT \xe2\x82"[..]),
            (b"", b""),
            (b"\xacx", b"\xacX"),
        ] {
            connection.receive(input);
            assert_eq!(connection.datagram(), Some(output));
            connection.datagram_sent();
        }
    }

    proptest! {
        #[test]
        fn any_chunking_has_the_same_output(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            check(&bytes, &uppercase(&bytes));
        }
    }
}
