//! Upper case: what arrives comes back in capitals, in any alphabet that has them.

use std::str;

use switchboard_core::{Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport};

/// Sends everything back in Unicode upper case; bytes that are no UTF-8 come back unchanged.
pub struct Uppercase;

impl Service for Uppercase {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Capitals {
            cut: Vec::new(),
            whole: peer.transport == Transport::Datagram,
        }))
    }
}

struct Capitals {
    cut: Vec<u8>, // what of a character has come, where a packet ended in it: three bytes at most
    whole: bool,  // no message goes on in the next one
}

impl Session for Capitals {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        if self.whole {
            out.send(&uppercase(bytes));
            return Ok(Flow::Continue);
        }
        self.cut.extend_from_slice(bytes);
        let (whole, cut) = self.cut.split_at(self.cut.len() - cut_character(&self.cut));
        out.send(&uppercase(whole));
        self.cut = cut.to_vec();
        Ok(Flow::Continue)
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        out.send(&self.cut);
        Ok(Flow::Close)
    }
}

fn uppercase(bytes: &[u8]) -> Vec<u8> {
    let mut capitals = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        capitals.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        capitals.extend_from_slice(chunk.invalid());
    }
    capitals
}

/// How many bytes at the end of `bytes` begin a character that may still become whole.
fn cut_character(bytes: &[u8]) -> usize {
    let begun = (1..=bytes.len().min(3)).find(|&length| {
        let tail = &bytes[bytes.len() - length..];
        str::from_utf8(tail)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    });
    begun.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchboard_core::testing::Connection;
    use switchboard_core::{Address, Limits};

    use super::*;
    use crate::talk::every_chunking;

    #[track_caller]
    fn check(said: &[u8], answer: &[u8]) {
        every_chunking(&Uppercase, said, answer);
    }

    #[test]
    fn capitals_come_back() {
        check(b"hello, World 1\n", b"HELLO, WORLD 1\n");
        check(
            "grüße, ñandú, ἀλφα, ǆ, ŉ\r\n".as_bytes(),
            "GRÜSSE, ÑANDÚ, ἈΛΦΑ, Ǆ, ʼN\r\n".as_bytes(),
        );
        check("日本 🚀".as_bytes(), "日本 🚀".as_bytes());
    }

    #[test]
    fn what_is_no_character_is_unchanged() {
        check(b"a\xffb\0c\xc3(d", b"A\xffB\0C\xc3(D");
        check(b"cut \xe2\x82", b"CUT \xe2\x82");
        check(
            b"\xf0\x9f\x9a\xf0\x9f\x9a\x80\xc3",
            b"\xf0\x9f\x9a\xf0\x9f\x9a\x80\xc3",
        );
    }

    #[test]
    fn a_datagram_is_answered_whole() {
        let address = || Address::Ip(([127, 0, 0, 1], 5000).into());
        let peer = Peer::new(address(), address(), Transport::Datagram);
        let mut connection = Connection::open(&Uppercase, &peer, &Limits::default());
        for (said, answer) in [
            (&b"cut \xe2\x82"[..], &b"CUT \xe2\x82"[..]),
            (b"", b""),
            (b"\xacx", b"\xacX"),
        ] {
            connection.receive(said);
            assert_eq!(connection.datagram(), Some(answer));
            connection.datagram_sent();
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            check(&bytes, &uppercase(&bytes));
        }
    }
}
