//! What a socket of datagrams sends, and the ports beside it.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use crate::datagrams::{Datagrams, RECEIVED_AT_ONCE};
use crate::dropped::Dropped;
use crate::ports::Ports;
use crate::sys::mmsg::{Outgoing, send_many};

impl Datagrams {
    /// Sends what waits; whether the system took all of it.
    pub(super) fn send(&mut self) -> bool {
        let keeps_address = !self.local.ip().is_unspecified();
        self.blocked = false;
        while let Some(from) = self.departures.next_from() {
            let own = self.ports.as_ref().and_then(|ports| ports.socket(from));
            let tells = own.is_none() && !keeps_address;
            let together = self.departures.waiting();
            // Those from one port go together.
            let together =
                together.take_while(|(next, _)| self.ports.is_none() || next.from == from);
            let outgoing = together.map(|(departure, bytes)| Outgoing {
                bytes,
                to: departure.to,
                from: tells.then_some(departure.from),
            });
            match send_many(own.unwrap_or(&self.socket).as_fd(), outgoing) {
                Ok(count) => self.departures.left(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && own.is_none() => {
                    self.blocked = true;
                    return false;
                }
                Err(error) => self.drop_first(&error),
            }
        }
        if let Some(ports) = &mut self.ports {
            let closed = self.correspondence.closed_ports();
            closed.into_iter().for_each(|local| ports.close(local));
        }
        true
    }

    /// The first that waits cannot be sent. The error is about that one, and would come again.
    fn drop_first(&mut self, error: &io::Error) {
        if let Some((departure, bytes)) = self.departures.waiting().next() {
            debug!(peer = %departure.to, bytes = bytes.len(), "send: {error}");
            let drops = self.correspondence.drops();
            drops.count(Dropped::Unsendable, departure.to);
        }
        self.departures.left(1);
    }

    /// Attends to what has arrived at the ports of single conversations.
    pub(super) fn attend_ports(&mut self, now: Instant) {
        for local in self.ports.iter().flat_map(Ports::ready).collect::<Vec<_>>() {
            for _ in 0..RECEIVED_AT_ONCE {
                if !self.advance(now) {
                    return;
                }
                if !self.receive(Some(local)) {
                    break;
                }
            }
        }
        self.advance(now);
    }
}
