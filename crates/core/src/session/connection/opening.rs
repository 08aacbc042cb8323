//! How a conversation begins: with a session, a refusal, or a program in its place.

use crate::limits::limits::Limits;
use crate::peer::{Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::config::Config;
use crate::session::connection::{Connection, Input, State, Told, failed};
use crate::session::framing::{Framer, Framing};
use crate::session::guarded::guarded;
use crate::session::outbox::Outbox;
use crate::session::service::{Flow, Service};

impl Connection {
    /// Begins the conversation with `peer`: a greeting may already wait in
    /// [`output`](Self::output), or the words of a refusal.
    #[must_use]
    pub fn open(service: &dyn Service, peer: &Peer, limits: &Limits) -> Self {
        let asked = guarded(|| {
            let config = service.config(peer.transport);
            Ok((config, service.rooms().is_some(), service.connect(peer)))
        });
        let (config, rooms, state) = match asked {
            Ok((config, rooms, Ok(session))) => (config, rooms, State::Talking(session)),
            Ok((config, _, Err(refusal))) => {
                (config, false, State::Over(CloseReason::Refused(refusal)))
            }
            Err(ended) => (Config::bytes(), false, State::Over(ended)),
        };
        let mut connection = Self::begin(state, &config, peer.transport, rooms, limits);
        if connection.program.take_if(|_| !config.exec).is_some() {
            connection.state = State::Over(failed("the service is not configured for exec"));
        }
        connection
    }

    /// A conversation that was over before it began.
    pub(crate) fn closed(ended: CloseReason, framing: Framing, limits: &Limits) -> Self {
        let config = Config::framed(framing);
        Self::begin(
            State::Over(ended),
            &config,
            Transport::Stream,
            false,
            limits,
        )
    }

    pub(super) fn begin(
        state: State,
        config: &Config,
        transport: Transport,
        rooms: bool,
        limits: &Limits,
    ) -> Self {
        let mut connection = Self {
            state,
            framer: Framer::new(config.framing, limits.message_bytes),
            pending: Vec::new(),
            outbox: Outbox::new(config.framing, limits),
            read_bytes: config.framing.read_bytes(),
            program: None,
            more: false,
            waits: false,
            rooms,
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
                match guarded(|| session.on_open(&mut connection.outbox)) {
                    Ok(Flow::Exec(program)) => {
                        connection.program = Some(program);
                        connection.end(CloseReason::HandedOver);
                    }
                    flow => connection.follow(flow),
                }
                connection.pump();
            }
            // Said to anyone, whatever the framing: there is no content it could be taken for.
            State::Over(CloseReason::Refused(refusal)) => connection.outbox.send_line(&refusal.0),
            State::Over(_) => (),
        }
        connection
    }
}
