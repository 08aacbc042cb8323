//! Forward: what one client sends goes to another one, or to all.

mod options;
mod session;
#[cfg(test)]
mod tests;

use switchboard_core::{
    Config, Peer, Refusal, Result, RoomKind, RoomService, Rooms, Session, Transport,
};

use options::{Options, To};
use session::{ForwardSession, LINE, SENDER};

/// Forwards bytes in order and without loss: a slow receiver holds back the sender.
///
/// The first client is the sender, and gets the single byte `1`; the second is the receiver, and gets
/// `2`. Nothing is read from the sender before there is a receiver. Over datagrams each client chooses
/// its role, unless its listener fixes it: with an empty first datagram it is a receiver, with any
/// other one a sender. The datagram EOT (4) ends its session.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    options: Options,
}

impl Forward {
    pub(crate) fn from_options(options: Options) -> Result<Self, &'static str> {
        if options.to == To::Others && !options.role.is_empty() {
            return Err(
                "--role has no meaning with --to others, where every client sends and receives",
            );
        }
        Ok(Self { options })
    }
}

impl RoomService for Forward {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
    }

    fn room(&self, name: &str) -> RoomKind {
        if name == LINE {
            RoomKind::lossless().host(SENDER)
        } else {
            RoomKind::lossless()
        }
    }

    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let role = self.options.role.get(peer.listener).copied();
        if role.is_none() && !self.options.role.is_empty() {
            return Err(Refusal("Nobody has a role here.".into()));
        }
        let is_datagram = peer.transport == Transport::Datagram;
        let session = ForwardSession::new(rooms, self.options.clone(), role, is_datagram);
        Ok(Box::new(session))
    }
}
