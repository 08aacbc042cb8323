//! Holds one conversation on one socket, from the greeting to the polite close.
//!
//! The fork and sequential models both do their talking here: a process that has nothing else to do
//! meanwhile.

use std::any::Any;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use socket2::Socket;
use tracing::{debug, error};

use crate::connection::Connection;
use crate::ended::Ended;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::service::Service;
use crate::signals::Signals;
use crate::stream;
use crate::wait::{Interest, earlier, wait};

/// What a process needs to hold conversations, one at a time.
pub(crate) struct Holder<'a> {
    pub(crate) service: &'a dyn Service,
    pub(crate) limits: &'a Limits,
    pub(crate) signals: Signals,
    buffer: Vec<u8>, // what one read may bring; in a child it is touched only as far as it is used
}

/// How a conversation went.
pub(crate) struct Report {
    pub(crate) ended: Ended,
    /// The server was asked to stop meanwhile.
    pub(crate) stopped: bool,
}

impl<'a> Holder<'a> {
    pub(crate) fn new(service: &'a dyn Service, limits: &'a Limits, signals: Signals) -> Self {
        Self {
            service,
            limits,
            signals,
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Holds the conversation with `peer` to its end, closes politely and logs how it went.
    ///
    /// A session that panics ends its own conversation and nothing else: it is caught here.
    pub(crate) fn hold(&mut self, socket: &Socket, peer: &Peer) -> Report {
        let mut talk = Talk {
            socket,
            limits: self.limits,
            signals: &self.signals,
            buffer: &mut self.buffer,
            received: 0,
            sent: 0,
            input_ended: false,
            deadline: None,
            stops: 0,
        };
        let ended = match catch_unwind(AssertUnwindSafe(|| talk.converse(self.service, peer))) {
            Ok(ended) => ended,
            Err(panic) => Ended::Panicked(words_of(&*panic)),
        };
        talk.close(&ended);
        let (received, sent) = (talk.received, talk.sent);
        if ended.is_failure() {
            error!(%peer, received, sent, "end: {ended}");
        } else {
            debug!(%peer, received, sent, "end: {ended}");
        }
        Report {
            ended,
            stopped: 0 < talk.stops,
        }
    }
}

struct Talk<'a> {
    socket: &'a Socket,
    limits: &'a Limits,
    signals: &'a Signals,
    buffer: &'a mut [u8],
    received: u64,
    sent: u64,
    input_ended: bool,
    deadline: Option<Instant>, // after which the rest is not waited for
    stops: u32,
}

impl Talk<'_> {
    fn converse(&mut self, service: &dyn Service, peer: &Peer) -> Ended {
        let mut connection = match service.session(peer) {
            Ok(session) => Connection::open(session, service.framing(), self.limits),
            Err(refusal) => {
                // A socket just accepted has room for a few words; a peer that left already misses
                // nothing.
                stream::send_some(self.socket, format!("{}\n", refusal.0).as_bytes()).ok();
                return Ended::Refused(refusal);
            }
        };
        match self.exchange(&mut connection) {
            Ok(()) => connection.ended(),
            Err(ended) => ended,
        }
    }

    /// Moves bytes until the connection is done, or something outside ends it.
    fn exchange(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        let mut moved = Instant::now();
        loop {
            let blocked = self.send(connection)?;
            if connection.is_done() {
                return Ok(());
            }
            let interest = Interest {
                read: connection.wants_input(),
                write: blocked,
            };
            let idle = self
                .limits
                .idle
                .filter(|_| self.deadline.is_none())
                .map(|idle| moved + idle);
            let sources = [
                (self.socket.as_fd(), interest),
                (self.signals.as_fd(), Interest::READ),
            ];
            let ready = wait(&sources, earlier(idle, self.deadline)).map_err(Ended::Lost)?;
            let now = Instant::now();
            if ready[1] {
                self.heed_signals(connection, now);
            }
            if ready[0] {
                moved = now;
                self.receive(connection, interest)?;
            } else if idle.is_some_and(|idle| idle <= now) {
                connection.expire();
                self.end_within_grace(now);
            }
            if self.is_over(now) {
                return Err(Ended::Cut);
            }
        }
    }

    /// Sends what waits; whether some is left, for when the socket takes more.
    fn send(&mut self, connection: &mut Connection) -> Result<bool, Ended> {
        for _ in 0..SENT_AT_ONCE {
            if connection.output().is_empty() {
                return Ok(false);
            }
            match stream::send_some(self.socket, connection.output()) {
                Ok(Some(count)) => {
                    self.sent += count as u64;
                    connection.sent(count);
                }
                Ok(None) => return Ok(true),
                Err(error) => return Err(Ended::Lost(error)),
            }
        }
        Ok(!connection.output().is_empty())
    }

    fn receive(&mut self, connection: &mut Connection, interest: Interest) -> Result<(), Ended> {
        if !interest.read {
            // Ready without being asked to read: it takes output again, or it is broken.
            return match self.socket.take_error() {
                Ok(None) if interest.write => Ok(()),
                Ok(None) => Err(Ended::PeerLeft),
                Ok(Some(error)) | Err(error) => Err(Ended::Lost(error)),
            };
        }
        match stream::receive_some(self.socket, self.buffer) {
            Ok(None) => (),
            Ok(Some(0)) => {
                self.input_ended = true;
                connection.end_input();
            }
            Ok(Some(count)) => {
                self.received += count as u64;
                connection.receive(&self.buffer[..count]);
            }
            Err(error) => return Err(Ended::Lost(error)),
        }
        Ok(())
    }

    fn heed_signals(&mut self, connection: &mut Connection, now: Instant) {
        let stops = self.signals.take().stops;
        if 0 < stops {
            self.stops += stops;
            connection.stop();
            self.end_within_grace(now);
        }
    }

    fn end_within_grace(&mut self, now: Instant) {
        self.deadline.get_or_insert(now + self.limits.grace);
    }

    /// Whether nothing more is waited for: the grace is over, or stopping was asked for twice.
    fn is_over(&self, now: Instant) -> bool {
        1 < self.stops || self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Ends the sending side, and reads on until the peer ends its own, falls silent, or the grace
    /// is over.
    ///
    /// Closing with unread input would make the system reset the connection, and the peer could
    /// lose the last words.
    fn close(&mut self, ended: &Ended) {
        let broken = matches!(ended, Ended::Lost(_));
        if broken || self.socket.shutdown(Shutdown::Write).is_err() || self.input_ended {
            return;
        }
        self.end_within_grace(Instant::now());
        while !self.is_over(Instant::now()) {
            let silence = Some(Instant::now() + SILENCE);
            let sources = [
                (self.socket.as_fd(), Interest::READ),
                (self.signals.as_fd(), Interest::READ),
            ];
            let Ok(ready) = wait(&sources, earlier(silence, self.deadline)) else {
                return;
            };
            if ready[1] {
                self.stops += self.signals.take().stops;
            }
            if ready[0] && !stream::discard(self.socket) || ready == [false, false] {
                return;
            }
        }
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|&words| words.to_owned());
    fixed
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".to_owned())
}

const SENT_AT_ONCE: usize = 16; // a session without end must not keep the loop from its signals
// Longer than a round trip: nothing was on its way any more.
const SILENCE: Duration = Duration::from_millis(500);
const READ_BYTES: usize = 128 * 1024; // twice a full outbox: a stream of bytes moves in few calls
