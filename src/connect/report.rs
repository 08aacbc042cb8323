//! What `connect --verbose` prints on standard error.

use switchboard_client::{Cause, Closer, ConnectEvent, Connection, Ending};
use switchboard_core::Sanitized;

use crate::log;

/// Prints each event as a sentence, if it is `verbose`.
pub(super) struct Report {
    pub(super) verbose: bool,
}

impl Report {
    pub(super) fn connecting(&self, event: &ConnectEvent<'_>) {
        match event {
            ConnectEvent::Attempt(to) => self.print(&format!("connecting to {to}")),
            ConnectEvent::Failed(to, error) => self.print(&format!("{to}: {}", Cause(error))),
            _ => (),
        }
    }

    pub(super) fn connected(&self, connection: &Connection) {
        let Connection { peer, local, .. } = connection;
        self.print(&format!("connected to {peer} from {local}"));
    }

    pub(super) fn ended(&self, ending: &Ending) {
        let closer = match ending.closer {
            Closer::Peer => "the peer closed the connection after the end of the input",
            Closer::PeerFirst => "the peer closed the connection",
            _ => "closed after the end of the input",
        };
        let Ending { sent, received, .. } = ending;
        self.print(&format!("{closer}; {sent} bytes sent, {received} received"));
    }

    fn print(&self, sentence: &str) {
        if self.verbose {
            log::write(format!("{}\n", Sanitized(sentence.as_bytes())).as_bytes());
        }
    }
}
