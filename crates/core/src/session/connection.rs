//! One session without its socket: bytes in, session, bytes out.

use std::any::Any;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::byte_queue::ByteQueue;
use crate::hub::message::{HubMessage, Request};
use crate::hub::types::RoomKind;
use crate::limits::limits::Limits;
use crate::peer::{Peer, Transport};
use crate::session::close_reason::CloseReason;
use crate::session::config::Config;
use crate::session::framing::{Framer, Framing, Message, TooLong};
use crate::session::outbox::{Fault, Outbox};
use crate::session::service::{Error, Flow, Service, Session};

#[cfg(test)]
mod tests;

/// One session, with its framing on the way in and its outbox on the way out.
///
/// A server drives it with three questions: does it [want input](Self::wants_input), has it
/// [output](Self::output), is it [done](Self::is_done). It does no I/O, so every server drives the
/// same one.
///
/// Backpressure is implemented here and nowhere else: while the outbox is full, no input is wanted
/// and nothing is delivered. An error or a panic of the session ends this connection only, and what
/// was sent before still leaves.
///
/// It delivers all that it can, unless the server limits how much is delivered at once.
///
/// Over [datagrams](Transport::Datagram), [`receive_datagram`](Self::receive_datagram),
/// [`datagram`](Self::datagram) and [`datagram_sent`](Self::datagram_sent) replace the byte streams.
pub struct Connection {
    state: State,
    framer: Framer,
    pending: ByteQueue<0>, // received, and not delivered yet
    outbox: Outbox,
    command: Option<Box<Command>>, // replaces the session
    delivery: Delivery,
    has_rooms: bool,
    timer_expired: bool, // and `on_timer` is due
    eof: Once,           // `on_eof`
    shutdown: Once,
    messages: u64,
    allowed: usize, // calls of the session before the next `allow`
    is_due: bool,   // more calls were possible than allowed
    line_timeout: Option<Duration>,
    refuses_http: bool,
}

enum State {
    Open(Box<dyn Session>),
    Closed(CloseReason),
}

/// What the session accepts next, by the flow it returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Anything,
    Writable, // `on_writable` before anything else
    NoInput,  // room events and the timer
}

/// An event that happens once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Once {
    NotYet,
    Due, // as soon as the session accepts it
    Delivered,
}

impl Connection {
    /// Opens a session for `peer`. [`output`](Self::output) may already contain its greeting, or the
    /// text of a refusal.
    #[must_use]
    pub fn open(service: &dyn Service, peer: &Peer, limits: &Limits) -> Self {
        let opened = guarded(|| {
            let config = service.config(peer.transport);
            Ok((config, service.rooms().is_some(), service.connect(peer)))
        });
        let (config, has_rooms, state) = match opened {
            Ok((config, has_rooms, Ok(session))) => (config, has_rooms, State::Open(session)),
            Ok((config, _, Err(refusal))) => {
                let reason = CloseReason::Refused(refusal);
                (config, false, State::Closed(reason))
            }
            Err(reason) => (Config::bytes(), false, State::Closed(reason)),
        };
        let mut connection = Self::new(state, config.framing, peer.transport, limits);
        connection.has_rooms = has_rooms;
        connection.refuses_http = config.framing == Framing::Line && !config.http_lines;
        connection.begin(config.exec);
        connection
    }

    /// A connection that is closed before it has a session.
    pub(crate) fn closed(reason: CloseReason, framing: Framing, limits: &Limits) -> Self {
        Self::new(State::Closed(reason), framing, Transport::Stream, limits)
    }

    fn new(state: State, framing: Framing, transport: Transport, limits: &Limits) -> Self {
        let mut outbox = Outbox::new(framing, transport, limits);
        if let State::Closed(CloseReason::Refused(refusal)) = &state {
            // Whatever the framing: there is no content that the text could be taken for.
            outbox.send_line(&refusal.0);
        }
        Self {
            state,
            framer: Framer::new(framing, limits.message_bytes),
            pending: ByteQueue::default(),
            outbox,
            command: None,
            delivery: Delivery::Anything,
            has_rooms: false,
            timer_expired: false,
            eof: Once::NotYet,
            shutdown: Once::NotYet,
            messages: 0,
            allowed: usize::MAX,
            is_due: false,
            line_timeout: limits.line_timeout,
            refuses_http: false,
        }
    }

    fn begin(&mut self, may_exec: bool) {
        if let State::Open(session) = &mut self.state {
            match guarded(|| session.on_open(&mut self.outbox)) {
                Ok(Flow::Exec(command)) if may_exec => {
                    self.command = Some(command);
                    self.end(CloseReason::HandedOver);
                }
                Ok(Flow::Exec(_)) => self.end(failed("the service is not configured for exec")),
                flow => self.follow(flow),
            }
            self.pump();
        }
    }

    /// Delivers bytes from the peer; from a peer of datagrams,
    /// [one datagram](Self::receive_datagram). Bytes that cannot be delivered yet are kept, so a
    /// server reads only while [input is wanted](Self::wants_input).
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.outbox.queue.transport == Transport::Datagram {
            self.receive_datagram(bytes);
            return;
        }
        self.framer.note_read(bytes);
        if self.pending.is_empty() {
            let rest = self.deliver(bytes);
            self.pending.buffer().extend_from_slice(rest);
        } else {
            self.pending.buffer().extend_from_slice(bytes);
            self.pump();
        }
    }

    /// The address of the peer is verified.
    pub(crate) fn set_verified(&mut self) {
        self.outbox.verified = true;
    }

    /// Delivers one datagram, which is one message. Returns false, and drops the datagram, while no
    /// [input is wanted](Self::wants_input).
    pub fn receive_datagram(&mut self, datagram: &[u8]) -> bool {
        if !self.wants_input() {
            return false;
        }
        let State::Open(session) = &mut self.state else {
            return false;
        };
        let out = &mut self.outbox;
        match self.framer.whole(datagram) {
            Ok(Message { bytes, line_end }) => {
                self.messages += 1;
                out.line_end = line_end;
                let flow = guarded(|| session.on_message(bytes, out));
                self.follow(flow);
                self.pump();
            }
            Err(TooLong) => self.close(CloseReason::LineTooLong),
        }
        true
    }

    /// Limits the calls of the session before the next call of this function. Without it there is no
    /// limit. A connection of datagrams has none either.
    pub(crate) fn allow(&mut self, calls: usize) {
        self.allowed = calls;
    }

    /// Whether further calls of the session are [allowed](Self::allow).
    pub(crate) fn is_allowed(&self) -> bool {
        0 < self.allowed
    }

    /// Whether calls of the session are due that were not [allowed](Self::allow).
    pub(crate) fn is_due(&self) -> bool {
        self.is_due
    }

    /// [Allows](Self::allow) further calls, and makes those that are due.
    pub(crate) fn resume(&mut self, calls: usize) {
        self.allow(calls);
        self.pump();
    }

    /// How long the peer must be silent, from its last byte on, until
    /// [`line_timeout_expired`](Self::line_timeout_expired) is due. `None` while no incomplete line
    /// waits for it, and while no [input is wanted](Self::wants_input): the rest of the line may have
    /// arrived and not be read.
    #[must_use]
    pub fn line_timeout(&self) -> Option<Duration> {
        let silence = self.framer.silence()?;
        // A web page can make a request line so long that it arrives in parts.
        let may_be_http =
            self.refuses_http && self.messages == 0 && self.framer.begins_with(b"POST ");
        let timeout = self
            .line_timeout
            .filter(|_| self.wants_input() && !may_be_http);
        timeout.map(|timeout| timeout.saturating_mul(silence))
    }

    /// The peer was silent for the [line timeout](Self::line_timeout): its incomplete line is a
    /// message.
    pub fn line_timeout_expired(&mut self) {
        if self.line_timeout().is_some()
            && let State::Open(session) = &mut self.state
            && let Some(line) = self.framer.end_by_silence()
        {
            self.messages += 1;
            let out = &mut self.outbox;
            let flow = guarded(|| session.on_message(line, out));
            self.follow(flow);
            self.pump();
        }
    }

    /// The peer closed its sending side: nothing follows what was received.
    pub fn end_input(&mut self) {
        if self.eof == Once::NotYet {
            self.eof = Once::Due;
            self.pump();
        }
    }

    /// The server is shutting down: [`on_shutdown`](Session::on_shutdown) is due.
    pub fn shut_down(&mut self) {
        if self.shutdown == Once::NotYet {
            self.shutdown = Once::Due;
            if self.has_rooms {
                self.outbox.requests.push(Request::Stopping);
            }
            self.pump();
        }
    }

    /// Ends the session from outside. A peer of lines is sent the reason, as it cannot take it for
    /// content.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Open(_)) {
            if self.outbox.line_end.is_some()
                && let Some(text) = reason.peer_text()
            {
                self.outbox.send_line(text);
            }
            self.end(reason);
        }
    }

    /// Whether more should be read from the peer.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.eof == Once::NotYet
            && matches!(self.state, State::Open(_))
            && self.delivery == Delivery::Anything
            && self.pending.is_empty()
            && !self.outbox.is_full()
            && !self.outbox.has_many_requests()
    }

    /// The maximum for one read from the peer, in bytes.
    pub(crate) fn read_bytes(&self) -> usize {
        self.framer.framing.read_bytes()
    }

    /// The program that replaces the session, once everything is sent.
    pub(crate) fn take_command(&mut self) -> Option<Box<Command>> {
        self.command.take()
    }

    /// The bytes to send next. Empty if there are none before the next [file](Self::load_file).
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.outbox.queue.waiting()
    }

    /// The first `count` bytes of [`output`](Self::output) were sent. Delivery continues if there is
    /// room now.
    pub fn sent(&mut self, count: usize) {
        self.outbox.queue.sent(count);
        self.pump();
    }

    /// Moves the next bytes of a [file](Outbox::send_file), if one is next, to
    /// [`output`](Self::output). This must be called, since a server with a socket sends from the
    /// file itself. A file that cannot be read ends the session.
    pub fn load_file(&mut self) {
        if let Err(error) = self.outbox.queue.load_file() {
            self.abort(error);
        }
    }

    /// The file to send next, if no bytes are before it.
    pub(crate) fn file(&self) -> Option<(&File, Range<u64>)> {
        self.outbox.queue.file()
    }

    /// The next `count` bytes of the file were sent.
    pub(crate) fn file_sent(&mut self, count: u64) {
        self.outbox.queue.file_sent(count);
        self.pump();
    }

    /// The datagram to send next, which may be empty; `None` if there is none.
    #[must_use]
    pub fn datagram(&self) -> Option<&[u8]> {
        self.outbox.queue.datagram()
    }

    /// The [datagram](Self::datagram) was sent, or is dropped. Delivery continues if there is room
    /// now.
    pub fn datagram_sent(&mut self) {
        self.outbox.queue.datagram_sent();
        self.pump();
    }

    /// Drops the output that was not sent yet.
    pub(crate) fn discard_output(&mut self) {
        self.outbox.queue.clear();
    }

    /// Whether bytes, datagrams or files wait to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.outbox.queue.is_empty()
    }

    /// The rest of a file cannot be sent: nothing more is.
    pub(crate) fn abort(&mut self, error: io::Error) {
        self.outbox.queue.clear();
        self.outbox.abort();
        self.end(CloseReason::Failed(Error::Io(error)));
    }

    /// Whether a polite close now would let the peer take a part of the output for the whole.
    pub(crate) fn is_aborted(&self) -> bool {
        let waits = !self.output().is_empty() && self.outbox.line_end.is_none();
        waits || self.outbox.queue.has_files() || self.outbox.aborted
    }

    /// Whether [`on_writable`](Session::on_writable) is due: the session has more to send, and nothing
    /// is delivered before.
    pub(crate) fn waits_for_writable(&self) -> bool {
        self.delivery == Delivery::Writable
    }

    /// The line end of the peer, where messages are lines.
    pub(crate) fn line_end(&self) -> Option<&'static str> {
        self.outbox.line_end
    }

    /// The requests to the hub since the last call, in order.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        mem::take(&mut self.outbox.requests)
    }

    /// Whether the hub has not done all requests yet.
    pub(crate) fn has_pending_requests(&self) -> bool {
        0 < self.outbox.pending
    }

    /// Whether a room event can be delivered.
    pub(crate) fn wants_room_events(&self) -> bool {
        self.delivery != Delivery::Writable && !self.outbox.is_full()
    }

    /// Delivers a message of the hub. An event for a closed session is dropped.
    pub(crate) fn room_event(&mut self, message: &HubMessage) {
        match message {
            HubMessage::Accepted(weight) => {
                self.outbox.pending = self.outbox.pending.saturating_sub(*weight);
            }
            HubMessage::Event(event) => {
                if let State::Open(session) = &mut self.state {
                    self.allowed = self.allowed.saturating_sub(1);
                    let out = &mut self.outbox;
                    let flow = guarded(|| session.on_room_event(event, out));
                    self.follow(flow);
                }
            }
        }
        self.pump();
    }

    /// The hub ended, and all rooms with it.
    pub(crate) fn lose_rooms(&mut self) {
        self.outbox.drop_requests();
        self.close(CloseReason::HubLost);
    }

    /// The timer that the session set since the last call.
    #[must_use]
    pub fn take_timer(&mut self) -> Option<Duration> {
        self.outbox.timer.take()
    }

    /// The timer expired: [`on_timer`](Session::on_timer) is due.
    pub fn timer_expired(&mut self) {
        self.timer_expired = true;
        self.pump();
    }

    /// How many complete messages the session has received.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether the session is closed, everything is sent and every request is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Closed(_))
            && self.outbox.queue.is_empty()
            && self.outbox.pending == 0
    }

    /// Why the session ended; `None` while it is open.
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Open(_) => None,
            State::Closed(reason) => Some(reason),
        }
    }

    /// Why the session ended; [`CloseReason::Aborted`] if it is still open.
    #[must_use]
    pub fn into_close_reason(mut self) -> CloseReason {
        if self.close_reason().is_none() {
            self.end(CloseReason::Aborted);
        }
        match mem::replace(&mut self.state, State::Closed(CloseReason::Aborted)) {
            State::Open(_) => CloseReason::Aborted,
            State::Closed(reason) => reason,
        }
    }

    /// Delivers what waits, as far as the outbox has room.
    fn pump(&mut self) {
        let mut pending = mem::take(&mut self.pending);
        let rest = self.deliver(pending.as_slice()).len();
        pending.remove(pending.len() - rest);
        self.pending = pending;
    }

    /// Calls the session for everything that is due, and for each message in `raw`, until the outbox
    /// is full or no more calls are allowed. Returns the bytes that could not be delivered yet.
    fn deliver<'a>(&mut self, mut raw: &'a [u8]) -> &'a [u8] {
        self.is_due = false;
        loop {
            let State::Open(session) = &mut self.state else {
                return &[]; // input after the end is dropped
            };
            let out = &mut self.outbox;
            if out.is_full() {
                return raw;
            }
            if self.allowed == 0 {
                self.is_due = self.may_call(raw);
                return raw;
            }
            let flow = if self.shutdown == Once::Due {
                self.shutdown = Once::Delivered;
                guarded(|| session.on_shutdown(out))
            } else if self.delivery == Delivery::Writable {
                let weight = out.queue.weight();
                match guarded(|| session.on_writable(out)) {
                    Ok(Flow::WhenWritable) if out.queue.weight() == weight => {
                        Err(CloseReason::Stuck)
                    }
                    flow => flow,
                }
            } else if mem::take(&mut self.timer_expired) {
                guarded(|| session.on_timer(out))
            } else if self.delivery == Delivery::NoInput || out.has_many_requests() {
                return raw;
            } else if let Some(message) = self.framer.cut(&mut raw) {
                match message {
                    Ok(Message { bytes, line_end }) => {
                        let is_first = self.messages == 0;
                        self.messages += 1;
                        if line_end.is_some() {
                            out.line_end = line_end;
                        }
                        if is_first && self.refuses_http && is_http_request(bytes) {
                            self.close(CloseReason::HttpRequest);
                            return &[];
                        }
                        guarded(|| session.on_message(bytes, out))
                    }
                    Err(TooLong) => {
                        self.close(CloseReason::LineTooLong);
                        return &[];
                    }
                }
            } else if self.eof != Once::Due {
                return &[];
            } else if let Some(line) = self.framer.last() {
                self.messages += 1;
                guarded(|| session.on_message(line, out))
            } else if 0 < out.pending {
                return &[];
            } else {
                self.eof = Once::Delivered;
                guarded(|| session.on_eof(out))
            };
            self.allowed -= 1; // not before: room events need what no call used
            self.follow(flow);
        }
    }

    /// Whether the session can be called now, or `raw` contains the beginning of a message.
    fn may_call(&self, raw: &[u8]) -> bool {
        let takes_input = self.delivery == Delivery::Anything && !self.outbox.has_many_requests();
        self.shutdown == Once::Due
            || self.delivery == Delivery::Writable
            || self.timer_expired
            || (takes_input && (!raw.is_empty() || self.eof == Once::Due))
    }

    /// Does what a call of the session returned and requested.
    fn follow(&mut self, flow: Result<Flow, CloseReason>) {
        self.delivery = match flow {
            Ok(Flow::WhenWritable) => Delivery::Writable,
            Ok(Flow::PauseInput) => Delivery::NoInput,
            _ => Delivery::Anything,
        };
        if let Some(count) = self.outbox.raw.take() {
            self.framer.expect_raw(count);
        }
        if !self.outbox.requests.is_empty() && !self.has_rooms {
            self.outbox.drop_requests();
            return self.end(failed("the service has no rooms"));
        }
        match (self.outbox.fault, flow) {
            (Some(Fault::FileInDatagram), _) => {
                self.outbox.queue.clear();
                self.end(failed("a file cannot be sent over datagrams"));
            }
            (_, Err(reason)) => self.end(reason),
            (Some(Fault::Overflow(bytes)), _) => self.end(CloseReason::Overflow(bytes)),
            (None, Ok(Flow::Continue | Flow::WhenWritable | Flow::PauseInput)) => (),
            (None, Ok(Flow::Exec(_))) => {
                self.end(failed("only on_open may return Flow::Exec"));
            }
            (None, Ok(Flow::Close)) if self.shutdown == Once::Delivered => {
                self.end(CloseReason::Shutdown);
            }
            (None, Ok(Flow::Close)) if self.eof == Once::Delivered => {
                self.end(CloseReason::PeerClosed);
            }
            (None, Ok(Flow::Close)) => self.end(CloseReason::Closed),
        }
    }

    fn end(&mut self, reason: CloseReason) {
        let session = mem::replace(&mut self.state, State::Closed(reason));
        // A panic in the destructor changes nothing.
        catch_unwind(AssertUnwindSafe(|| drop(session))).ok();
    }
}

/// A server that stops at once drops connections that are open.
impl Drop for Connection {
    fn drop(&mut self) {
        self.end(CloseReason::Aborted);
    }
}

/// Calls into a service. Its error or panic becomes the reason to close one connection.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, CloseReason> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(CloseReason::Failed),
        Err(panic) => Err(CloseReason::Panicked(panic_message(&*panic))),
    }
}

/// How the rooms of `service` work, for the hub. The default applies where the service panics, as
/// an unwinding hub would lose all rooms.
pub(crate) fn room_kinds(service: Arc<dyn Service>) -> impl Fn(&str) -> RoomKind + Send {
    move |name| {
        let kind = || Ok(service.rooms().map(|rooms| rooms.room(name)));
        guarded(kind).ok().flatten().unwrap_or_default()
    }
}

/// Whether a line is the first of an HTTP request (RFC 9112, section 3).
fn is_http_request(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.splitn(4, |&byte| byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return false;
    };
    let is_version = matches!(
        version,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']
    );
    let is_target = target.starts_with(b"/") || target == b"*" || target.contains(&b':');
    !method.is_empty() && is_target && is_version
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    fixed
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

fn failed(text: &'static str) -> CloseReason {
    CloseReason::Failed(Error::Failed(text.into()))
}
