//! Character generator: lines without end (RFC 864).

use switchboard_core::{
    Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport, UdpPolicy,
};

/// Sends the printable characters of ASCII, a line of 72 after the other, each begun one character
/// further, until the peer closes.
pub struct Chargen;

impl Service for Chargen {
    fn config(&self, _: Transport) -> Config {
        Config::bytes().udp(UdpPolicy::Unsupported(
            "it sends without end, and a UDP source address can be forged",
        ))
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Chargen {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        self.on_writable(out)
    }

    /// A whole round at a time, so there is no place in it to be remembered.
    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        while !out.is_full() {
            out.send(&ROUND);
        }
        Ok(Flow::WhenWritable)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::WhenWritable) // whatever it was
    }
}

/// As many lines as there are characters; the next one would be the first again.
static ROUND: [u8; ROUND_BYTES] = round();

const fn round() -> [u8; ROUND_BYTES] {
    let mut lines = [0; ROUND_BYTES];
    let mut at = 0;
    while at < ROUND_BYTES {
        let (line, column) = (at / LINE_BYTES, at % LINE_BYTES);
        lines[at] = match column {
            SHOWN => b'\r',
            column if SHOWN < column => b'\n',
            column => b' ' + ((line + column) % CHARACTERS) as u8,
        };
        at += 1;
    }
    lines
}

const CHARACTERS: usize = (b'~' - b' ' + 1) as usize;
const SHOWN: usize = 72; // in a line
const LINE_BYTES: usize = SHOWN + 2;
const ROUND_BYTES: usize = CHARACTERS * LINE_BYTES;

#[cfg(test)]
mod tests {
    use switchboard_core::testing::Connection;
    use switchboard_core::{CloseReason, Limits};

    use super::*;

    /// What it sends when it is taken in pieces of at most `taken` bytes: the beginning, and how
    /// the conversation goes on.
    fn heard(taken: usize, outbox_bytes: usize) -> (Vec<u8>, Connection) {
        let mut limits = Limits::default();
        limits.outbox_bytes = outbox_bytes;
        let mut connection = Connection::open(&Chargen, &Peer::stdio(), &limits);
        let mut heard = Vec::new();
        while heard.len() < 40_000 {
            let waiting = connection.output();
            assert!((1..=outbox_bytes + ROUND_BYTES).contains(&waiting.len()));
            let count = waiting.len().min(taken);
            heard.extend_from_slice(&waiting[..count]);
            connection.sent(count);
        }
        (heard, connection)
    }

    #[test]
    fn each_line_begins_one_character_further() {
        let twice: String = (' '..='~').chain(' '..='~').collect();
        let lines = (0..95)
            .cycle()
            .map(|first| format!("{}\r\n", &twice[first..first + 72]));
        let expected: String = lines.take(600).collect();
        for outbox_bytes in [1, 7, 64 * 1024] {
            for taken in [1, 3, 74, 1000, usize::MAX] {
                let (heard, _) = heard(taken, outbox_bytes);
                let heard = &heard[..heard.len().min(expected.len())];
                assert!(
                    expected.as_bytes().starts_with(heard),
                    "{taken} at a time, outbox of {outbox_bytes}"
                );
            }
        }
    }

    #[test]
    fn it_does_not_listen_and_ends_when_it_is_stopped() {
        let (_, mut connection) = heard(1000, 7);
        assert!(!connection.wants_input());
        connection.receive(b"enough!\n");
        connection.sent(connection.output().len());
        assert!(connection.close_reason().is_none());
        connection.shut_down();
        connection.sent(connection.output().len());
        assert!(matches!(
            connection.close_reason(),
            Some(CloseReason::Shutdown)
        ));
    }
}
