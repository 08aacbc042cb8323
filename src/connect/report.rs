//! What `connect` prints on standard error beside errors.

use switchboard_client::{Closer, DuplexError, Ending};
use switchboard_files::counted;

use crate::connect::hints::Hints;
use crate::log;

/// Prints notes and hints, one sentence per line.
pub(super) struct Report {
    pub(super) verbose: bool,
    pub(super) quiet: bool,
}

impl Report {
    /// With `--verbose`: which side ended the connection, and the number of bytes. An error is printed
    /// later, with the reason.
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
            log::print_note(sentence);
        }
    }

    /// Advice, unless `--quiet`.
    pub(super) fn hint(&self, hint: &str) {
        if !self.quiet {
            log::print_hint(hint);
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
    let (sent, received) = (counted(sent, "byte"), counted(received, "byte"));
    format!("{sent} sent, {received} received")
}
