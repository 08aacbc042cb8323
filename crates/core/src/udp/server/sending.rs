//! What a socket of datagrams sends, and the ports beside it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Instant;

use socket2::Socket;
use tracing::debug;

use crate::sys::mmsg::{BATCH, How, Outgoing, send_many};
use crate::udp::dedicated_port::Ports;
use crate::udp::dropped::Dropped;
use crate::udp::server::{Datagrams, RECEIVED_AT_ONCE};

impl Datagrams {
    /// Sends what waits; whether the system took all of it.
    pub(super) fn send(&mut self) -> bool {
        let mut cut = true; // by the system, which spares it most of the work
        self.blocked = false;
        while let Some(from) = self.departures.next_from() {
            let own = self.ports.as_ref().and_then(|ports| ports.socket(from));
            let sent = match own {
                Some(socket) if cut => self.send_runs(socket, from),
                Some(socket) => {
                    let run = self.departures.runs().next().map_or(1, |run| run.count);
                    self.send_each(socket, run, |_| How::Plainly)
                }
                None if self.local.ip().is_unspecified() => {
                    self.send_each(&self.socket, BATCH, How::From)
                }
                None => self.send_each(&self.socket, BATCH, |_| How::Plainly),
            };
            match sent {
                Ok(count) => self.departures.left(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && own.is_none() => {
                    self.blocked = true;
                    return false;
                }
                // Such as that they are too long for the way there, which cuts a single one as well.
                Err(_) if cut && own.is_some() => {
                    cut = false;
                    continue;
                }
                Err(error) => self.drop_first(&error),
            }
            cut = true;
        }
        if let Some(ports) = &mut self.ports {
            let closed = self.correspondence.closed_ports();
            closed.into_iter().for_each(|local| ports.close(local));
        }
        true
    }

    /// Sends the next datagrams, `most` of them, each by itself; says how many.
    fn send_each(
        &self,
        socket: &Socket,
        most: usize,
        how: impl Fn(SocketAddr) -> How,
    ) -> io::Result<usize> {
        let waiting = self.departures.waiting().take(most);
        let outgoing = waiting.map(|(departure, bytes)| Outgoing {
            bytes,
            to: departure.to,
            how: how(departure.from),
        });
        send_many(socket.as_fd(), outgoing)
    }

    /// Sends the next datagrams from one port, in runs; says how many.
    fn send_runs(&self, socket: &Socket, from: SocketAddr) -> io::Result<usize> {
        let runs = || self.departures.runs().take_while(|run| run.from == from);
        let outgoing = runs().map(|run| Outgoing {
            bytes: run.bytes,
            to: run.to,
            how: match u16::try_from(run.each) {
                Ok(each) if 1 < run.count => How::Cut(each),
                _ => How::Plainly,
            },
        });
        let sent = send_many(socket.as_fd(), outgoing)?;
        Ok(runs().take(sent).map(|run| run.count).sum())
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
