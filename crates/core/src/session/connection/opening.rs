//! How a conversation begins: with a session, a refusal, or a program in its place.

use crate::limits::limits::Limits;
use crate::peer::{Peer, Transport};
use crate::session::close_reason::Ended;
use crate::session::connection::{Connection, Input, State, Told, failed};
use crate::session::framing::{Framer, Framing};
use crate::session::guarded::guarded;
use crate::session::outbox::Outbox;
use crate::session::service::{Flow, Needs, Service};

impl Connection {
    /// Begins the conversation with `peer`: a greeting may already wait in
    /// [`output`](Self::output), or the words of a refusal.
    #[must_use]
    pub fn open(service: &dyn Service, peer: &Peer, limits: &Limits) -> Self {
        let asked = guarded(|| {
            Ok((
                service.framing_over(peer.transport),
                service.needs(),
                service.session(peer),
            ))
        });
        let (framing, needs, state) = match asked {
            Ok((framing, needs, Ok(session))) => (framing, needs, State::Talking(session)),
            Ok((framing, needs, Err(refusal))) => {
                (framing, needs, State::Over(Ended::Refused(refusal)))
            }
            Err(ended) => (Framing::Bytes, Needs::default(), State::Over(ended)),
        };
        let mut connection = Self::begin(state, framing, needs, peer.transport, limits);
        if connection.program.take_if(|_| !needs.programs).is_some() {
            connection.state =
                State::Over(failed("the service does not say that it needs programs"));
        }
        connection
    }

    /// A conversation that was over before it began.
    pub(crate) fn over(ended: Ended, framing: Framing, limits: &Limits) -> Self {
        let (state, needs) = (State::Over(ended), Needs::default());
        Self::begin(state, framing, needs, Transport::Stream, limits)
    }

    pub(super) fn begin(
        state: State,
        framing: Framing,
        needs: Needs,
        transport: Transport,
        limits: &Limits,
    ) -> Self {
        let mut connection = Self {
            state,
            framer: Framer::new(framing, limits.message_bytes),
            pending: Vec::new(),
            outbox: Outbox::new(framing, limits),
            read_bytes: framing.read_bytes(),
            program: None,
            more: false,
            waits: false,
            rooms: needs.rooms,
            woken: false,
            input: Input::Open,
            stop: Told::No,
            messages: 0,
        };
        if transport == Transport::Datagram {
            connection.outbox.keep_apart();
        }
        match &mut connection.state {
            State::Talking(session) => {
                match guarded(|| session.open(&mut connection.outbox)) {
                    Ok(Flow::Exec(program)) => {
                        connection.program = Some(program);
                        connection.end(Ended::Given);
                    }
                    flow => connection.follow(flow),
                }
                connection.pump();
            }
            // Said to anyone, whatever the framing: there is no content it could be taken for.
            State::Over(Ended::Refused(refusal)) => connection.outbox.send_line(&refusal.0),
            State::Over(_) => (),
        }
        connection
    }
}
