//! How an exchange begins: with a conversation, or with no more than its end.

use std::time::Instant;

use crate::exec::supervisor::Given;
use crate::hub_link::link::Link;
use crate::limits::admission::Slot;
use crate::limits::limits::Limits;
use crate::limits::stats::Count;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::alarm::Alarm;
use crate::reactor::times::Times;
use crate::server::worker::Arrived;
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::framing::Framing;
use crate::session::service::{Refusal, Service};
use crate::stream::task::{Exchange, Phase};

impl Exchange {
    /// Begins the conversation, with what it has to say at once.
    ///
    /// A service that has rooms hears of them by the `wire`.
    pub(crate) fn open(
        arrived: Arrived,
        service: &dyn Service,
        limits: &Limits,
        wire: Option<Link>,
    ) -> Self {
        let Arrived { stream, peer, slot } = arrived;
        slot.count(Count::Accepted);
        let connection = Connection::open(service, &peer, limits);
        Self::begin(stream, peer, Some(slot), connection, limits, wire)
    }

    /// Tells a peer that there is no conversation.
    pub(crate) fn refuse(stream: Stream, peer: Peer, refusal: Refusal, limits: &Limits) -> Self {
        let connection = Connection::closed(CloseReason::Refused(refusal), Framing::Line, limits);
        Self::begin(stream, peer, None, connection, limits, None)
    }

    /// Closes politely, after somebody else has talked over the stream and it ended so.
    pub(crate) fn close(given: Given, ended: CloseReason) -> Self {
        given.count_moved();
        let (received, sent) = given.counted.get();
        let connection = Connection::closed(ended, Framing::Bytes, &given.limits);
        let Given {
            stream,
            peer,
            slot,
            limits,
            ..
        } = given;
        let mut exchange = Self::begin(stream, peer, slot, connection, &limits, None);
        exchange.received += received;
        exchange.sent += sent;
        exchange
    }

    /// Tells a peer that there is no program for it now.
    pub(crate) fn turn_away(given: Given) -> Self {
        let slot = given.slot; // its place is free
        slot.inspect(|slot| slot.count(Count::RefusedBusy));
        let refusal = Refusal(BUSY.into());
        Self::refuse(given.stream, given.peer, refusal, &given.limits)
    }

    fn begin(
        stream: Stream,
        peer: Peer,
        slot: Option<Slot>,
        connection: Connection,
        limits: &Limits,
        wire: Option<Link>,
    ) -> Self {
        let now = Instant::now();
        let mut exchange = Self {
            stream,
            peer,
            slot,
            connection,
            wire,
            alarm: Alarm::default(),
            times: Times::new(limits, now),
            phase: Phase::Talking,
            blocked: false,
            input_ended: false,
            received: 0,
            sent: 0,
        };
        exchange.advance(now);
        exchange.be_here();
        exchange
    }
}

/// What a peer is told for whom there is no room now.
pub(crate) const BUSY: &str = "The server is busy. Try again later.";
