//! Character generator: lines without end (RFC 864).

use std::sync::LazyLock;

use switchboard_core::{
    Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport, UdpPolicy,
};

/// Sends lines of 72 printable ASCII characters, each beginning one character further, until the peer
/// closes.
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

    /// Sends whole cycles, so that no position has to be stored.
    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        while !out.is_full() {
            out.send(&CYCLE);
        }
        Ok(Flow::WhenWritable)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::WhenWritable) // the input is ignored
    }
}

/// One cycle: a line that begins with each of the characters.
static CYCLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let twice: Vec<u8> = (b' '..=b'~').chain(b' '..=b'~').collect();
    let lines = twice.windows(LINE_CHARACTERS).take(twice.len() / 2);
    lines.flat_map(|line| [line, b"\r\n"].concat()).collect()
});

const LINE_CHARACTERS: usize = 72;

#[cfg(test)]
mod tests {
    use switchboard_core::CloseReason;
    use switchboard_core::testing::Connection;

    use super::*;
    use crate::testing::outbox_limit;

    /// The beginning of the output, read in chunks of at most `taken` bytes, and the connection.
    fn output(taken: usize, outbox_bytes: usize) -> (Vec<u8>, Connection) {
        let limits = outbox_limit(outbox_bytes);
        let mut connection = Connection::open(&Chargen, &Peer::stdio(), &limits);
        let mut output = Vec::new();
        while output.len() < 40_000 {
            let waiting = connection.output();
            assert!((1..=outbox_bytes + CYCLE.len()).contains(&waiting.len()));
            let count = waiting.len().min(taken);
            output.extend_from_slice(&waiting[..count]);
            connection.sent(count);
        }
        (output, connection)
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
                let (output, _) = output(taken, outbox_bytes);
                let output = &output[..output.len().min(expected.len())];
                assert!(
                    expected.as_bytes().starts_with(output),
                    "{taken} at a time, outbox of {outbox_bytes}"
                );
            }
        }
    }

    #[test]
    fn it_reads_no_input_and_closes_when_the_server_stops() {
        let (_, mut connection) = output(1000, 7);
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
