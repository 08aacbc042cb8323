//! What `connect --verbose` prints on standard error.

use switchboard_client::{Closer, Ending};

use crate::log;

/// Prints each event as a sentence, if `verbose`.
pub(super) struct Report {
    pub(super) verbose: bool,
}

impl Report {
    pub(super) fn ended(&self, ending: &Ending) {
        let closer = match ending.closer {
            Closer::Peer => "the peer closed the connection after the end of the input",
            Closer::PeerFirst => "the peer closed the connection",
            _ => "closed after the end of the input",
        };
        let Ending { sent, received, .. } = ending;
        self.print(&format!("{closer}; {sent} bytes sent, {received} received"));
    }

    /// Prints a sentence that is safe for a terminal.
    pub(super) fn print(&self, sentence: &str) {
        if self.verbose {
            log::write(format!("{sentence}\n").as_bytes());
        }
    }
}
