//! What `connect` prints on standard error beside errors.

use switchboard_client::{Closer, DuplexError, Ending};

use crate::connect::hints::Hints;
use crate::log;

/// Prints notes and hints, one sentence per line.
pub(super) struct Report {
    pub(super) verbose: bool,
    pub(super) quiet: bool,
}

impl Report {
    /// With `--verbose`: which side ended the connection, and how much was moved. An error says itself
    /// why it ended.
    pub(super) fn ended(&self, result: &Result<Ending, DuplexError>, hints: &Hints) {
        let moved = moved(hints.sent, hints.received);
        match result.as_ref().map(|ending| ending.closer) {
            Ok(closer) => self.verbose(&format!("{}; {moved}", explain(closer))),
            Err(DuplexError::Stopped(_)) => self.verbose(&format!("ended by a signal; {moved}")),
            Err(_) => self.verbose(&moved),
        }
    }

    /// A sentence that only `--verbose` prints. It must be safe for a terminal.
    pub(super) fn verbose(&self, sentence: &str) {
        if self.verbose {
            log::write(format!("{sentence}\n").as_bytes());
        }
    }

    /// Advice, unless `--quiet`.
    pub(super) fn hint(&self, hint: &str) {
        if !self.quiet {
            log::write(format!("hint: {hint}\n").as_bytes());
        }
    }
}

fn explain(closer: Closer) -> &'static str {
    match closer {
        Closer::Peer => "the server closed the connection after the end of the input",
        Closer::PeerFirst => "the server closed the connection, the input was still open",
        _ => "this client closed the connection after the end of the input",
    }
}

fn moved(sent: u64, received: u64) -> String {
    let bytes = |count| match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    };
    format!("{} sent, {} received", bytes(sent), bytes(received))
}
