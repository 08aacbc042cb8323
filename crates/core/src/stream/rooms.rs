//! The hub link of one connection.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::hub::message::{HubMessage, Request};
use crate::hub_link::link::{HubLost, Link};
use crate::reactor::poll::Interest;
use crate::session::connection::Connection;

/// Moves room messages between a connection and the hub. It is empty where the service has no rooms,
/// or once the connection has left the hub.
pub(super) struct RoomLink(Option<Link>);

/// What [`RoomLink::receive`] did.
#[derive(Default)]
pub(super) struct Received {
    /// Something was delivered to the session.
    pub(super) any: bool,
    /// The hub accepted a post of the session.
    pub(super) accepted: bool,
    /// More may have arrived: the session did not take all.
    pub(super) more: bool,
}

impl RoomLink {
    pub(super) fn new(link: Option<Link>) -> Self {
        Self(link)
    }

    /// Notifies the hub that the session has started, even if it requested nothing.
    pub(super) fn enter(&mut self) {
        if let Some(link) = &mut self.0 {
            link.send(ONLY_MEMBER, vec![Request::Ready]);
        }
    }

    /// Leaves all rooms and the hub.
    pub(super) fn leave(&mut self) {
        if let Some(mut link) = self.0.take() {
            link.send(ONLY_MEMBER, vec![Request::Disconnect]);
        }
    }

    /// Sends the requests of the session to the hub. Returns whether there were any.
    pub(super) fn send_requests(&mut self, connection: &mut Connection) -> bool {
        let Some(link) = &mut self.0 else {
            return false;
        };
        let requests = connection.take_requests();
        let any = !requests.is_empty();
        link.send(ONLY_MEMBER, requests);
        any
    }

    /// Delivers the events that have arrived to the session, as long as it accepts them.
    pub(super) fn receive(&mut self, connection: &mut Connection) -> Received {
        let mut received = Received::default();
        let Some(link) = &mut self.0 else {
            return received;
        };
        for _ in 0..EVENTS_AT_ONCE {
            if !connection.wants_room_events() || !connection.is_allowed() {
                break;
            }
            match link.next() {
                Ok(None) => return received,
                Ok(Some((_, message))) => {
                    received.accepted |= matches!(message, HubMessage::Accepted(_));
                    connection.room_event(&message);
                }
                Err(HubLost) => {
                    connection.lose_rooms();
                    self.0 = None;
                    received.any = true;
                    return received;
                }
            }
            received.any = true;
        }
        received.more = true;
        received
    }

    /// Makes the link ready again if events were left behind.
    pub(super) fn wake_if_pending(&self, connection: &Connection) {
        if connection.wants_room_events()
            && let Some(link) = &self.0
        {
            link.rearm();
        }
    }

    /// When [`tick`](Self::tick) is due, for a connection that waits for the hub.
    pub(super) fn deadline(&self, connection: &Connection) -> Option<Instant> {
        self.awaited(connection).and_then(|link| link.deadline())
    }

    /// Lets the hub check its deadlines. Returns whether the connection waits for the hub.
    pub(super) fn tick(&self, connection: &Connection) -> bool {
        self.awaited(connection)
            .inspect(|link| link.tick())
            .is_some()
    }

    fn awaited(&self, connection: &Connection) -> Option<&Link> {
        let link = self.0.as_ref();
        link.filter(|_| connection.has_pending_requests())
    }

    /// Whether the queue of unsent requests has reached its limit.
    pub(super) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|link| link.is_full())
    }

    /// The descriptor to wait for, where events are `wanted` or not.
    pub(super) fn watched(&self, wanted: bool) -> Option<(BorrowedFd<'_>, Interest)> {
        self.0.as_ref().map(|link| link.watched(wanted))
    }
}

const ONLY_MEMBER: u32 = 0; // each connection has a link of its own
const EVENTS_AT_ONCE: usize = 256; // then their output is sent
