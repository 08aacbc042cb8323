//! One connection on its stream: moves bytes, watches the deadlines, and closes politely.

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::exec::child::Child;
use crate::exec::supervisor::{Supervisor, is_shortage, not_started, spawn};
use crate::hub_link::link::Link;
use crate::limits::deadlines::{Deadlines, Expired, Timer};
use crate::limits::limits::Limits;
use crate::limits::stats::Counter;
use crate::net::stream::{OUTPUT, Stream};
use crate::reactor::poll::{Interest, after, earlier};
use crate::reactor::source::{EventSource, Watched};
use crate::session::close_reason::CloseReason;
use crate::session::connection::Connection;
use crate::session::framing::Framing;
use crate::session::send_queue::file_too_short;
use crate::session::service::{Refusal, Service};
use crate::stream::rooms::RoomLink;

/// A connection on its stream, from the start of its session to the close.
pub(crate) struct StreamTask {
    stream: Stream,
    connection: Connection,
    rooms: RoomLink,
    timer: Timer,      // of the session
    line_timer: Timer, // the end of the silence that ends a message
    deadlines: Deadlines,
    phase: Phase,
    input_ended: bool,
    hung_up: bool, // the peer has closed both sides, and its last input was not read yet
    is_working: bool, // the session has set its timer to zero
    half_closed_at: Option<Instant>, // by the peer, while the session is working
    more_room_events: bool, // may have arrived, also in the buffer of the link
}

enum Phase {
    Open,
    /// All output is sent, and the peer has been sent the end of it. Closing with unread input would
    /// reset the connection, and the peer could lose the last output. So input is read and discarded
    /// until the peer closes its side or is silent.
    Draining {
        silent_at: Instant,
    },
    /// Closed, with the reason if the connection did not close by itself.
    Done(Option<CloseReason>),
}

impl StreamTask {
    /// Starts the session of an admitted connection, and sends its first output. `link` leads to the
    /// hub, where the service has rooms.
    pub(crate) fn open(
        stream: Stream,
        service: &dyn Service,
        limits: &Limits,
        link: Option<Link>,
    ) -> Self {
        stream.count(Counter::Accepted);
        let mut limits = *limits;
        if !stream.is_socket() {
            limits.line_timeout = None; // the writer of a pipe may be slow, and ends its lines
        }
        let connection = Connection::open(service, &stream.peer, &limits);
        Self::new(stream, connection, &limits, link)
    }

    /// Frees the slot of a peer, sends it a refusal, and closes the connection.
    pub(crate) fn refuse(mut stream: Stream, refusal: Refusal, limits: &Limits) -> Self {
        stream.slot = None;
        let connection = Connection::closed(CloseReason::Refused(refusal), Framing::Line, limits);
        Self::new(stream, connection, limits, None)
    }

    /// Hands a connection to a program that is started now, or closes it if that fails.
    fn start_program(stream: Stream, command: Command, limits: &Limits) -> Box<dyn EventSource> {
        match spawn(&stream, command) {
            Err(error) if is_shortage(&error) => {
                warn!(peer = %stream.peer, "refuse: cannot start the program: {error}");
                stream.count(Counter::RefusedBusy);
                Box::new(Self::refuse(stream, Refusal(BUSY.into()), limits))
            }
            started => Self::supervise(started, stream, limits),
        }
    }

    /// Hands a connection to a program that was started, or closes it if that failed.
    pub(crate) fn supervise(
        started: io::Result<Child>,
        stream: Stream,
        limits: &Limits,
    ) -> Box<dyn EventSource> {
        match started {
            Ok(child) => Box::new(Supervisor::new(child, stream, limits, Self::close)),
            Err(error) => Self::close(stream, limits, not_started(&error)),
        }
    }

    /// Closes a connection that was handed to a program.
    fn close(mut stream: Stream, limits: &Limits, reason: CloseReason) -> Box<dyn EventSource> {
        stream.count_traffic();
        let connection = Connection::closed(reason, Framing::Bytes, limits);
        Box::new(Self::new(stream, connection, limits, None))
    }

    fn new(stream: Stream, connection: Connection, limits: &Limits, link: Option<Link>) -> Self {
        let now = Instant::now();
        let mut task = Self {
            stream,
            connection,
            rooms: RoomLink::new(link),
            timer: Timer::default(),
            line_timer: Timer::default(),
            deadlines: Deadlines::new(limits, now),
            phase: Phase::Open,
            input_ended: false,
            hung_up: false,
            is_working: false,
            half_closed_at: None,
            more_room_events: false,
        };
        task.advance(now);
        task.rooms.enter();
        task
    }

    /// Logs the end of the session. Returns the reason, and the program to start, if there is one.
    pub(crate) fn into_parts(mut self) -> (CloseReason, Option<(Stream, Command)>) {
        self.rooms.leave();
        if self.connection.is_aborted() {
            self.stream.reset(); // otherwise an incomplete transfer would look complete
        }
        let program = self.connection.take_command();
        let reason = match (self.phase, self.connection.into_close_reason()) {
            (
                Phase::Done(Some(interrupted)),
                CloseReason::Closed
                | CloseReason::PeerClosed
                | CloseReason::Shutdown
                | CloseReason::Aborted
                | CloseReason::HandedOver,
            ) => interrupted,
            (_, own) => own, // a failure of the session matters more than that of the connection
        };
        if let (CloseReason::HandedOver, Some(command)) = (&reason, program) {
            return (reason, Some((self.stream, *command)));
        }
        let stream = &self.stream;
        if let Some(slot) = &stream.slot {
            reason.record(&stream.peer, Some(slot), stream.received, stream.sent);
        }
        (reason, None)
    }

    /// The next deadline at which the server closes the session, and why.
    fn expires(&self) -> Option<(Instant, Expired)> {
        if self.connection.close_reason().is_some() {
            return None;
        }
        let got_message = 0 < self.connection.messages();
        // While its posts are not accepted by their rooms, the peer is not read: it is not idle.
        let keeps_waiting = self.connection.has_pending_requests() && !self.input_ended;
        self.deadlines.next(got_message, keeps_waiting)
    }

    /// When the last output has waited too long without a byte being sent.
    fn stalled_at(&self) -> Option<Instant> {
        let ended = self.connection.close_reason().is_some();
        ended.then(|| self.deadlines.stalled_at())
    }

    /// When a working session ends because its peer has closed its sending side. A peer that has closed the connection
    /// looks like one that has only closed its sending side and waits for the answer.
    fn half_closed_deadline(&self) -> Option<Instant> {
        let grace = self.deadlines.limits.grace_period;
        self.half_closed_at.map(|at| after(at, grace))
    }

    /// Whether to wait that the peer hangs up, which reading would notice otherwise.
    fn awaits_hang_up(&self) -> bool {
        self.is_working
            && !self.hung_up
            && self.half_closed_at.is_none()
            && !self.wants_input()
            && !self.connection.has_output()
    }

    /// Whether more is to be read from the peer. Its input may make the session send more to the hub.
    fn wants_input(&self) -> bool {
        self.connection.wants_input() && !self.rooms.is_full()
    }

    fn receive(&mut self, buffer: &mut [u8], now: Instant) {
        let size = self.connection.read_bytes().min(buffer.len());
        let buffer = &mut buffer[..size];
        match self.stream.receive_some(buffer) {
            Ok(None) => (),
            Ok(Some(0)) => {
                self.input_ended = true;
                self.deadlines.touch(now);
                self.connection.end_input();
                if self.connection.close_reason().is_none() {
                    self.stream.probe_peer();
                }
            }
            Ok(Some(count)) => {
                let messages = self.connection.messages();
                self.stream.count_bytes(count as u64, 0);
                self.line_timer = Timer::default();
                self.connection.receive(&buffer[..count]);
                if messages < self.connection.messages() {
                    self.deadlines.touch(now);
                }
            }
            Err(error) => return self.lose(Some(error)),
        }
        self.advance_unless_due(now);
    }

    /// While more calls of the session are due, their output leaves together.
    fn advance_unless_due(&mut self, now: Instant) {
        if !self.connection.is_due() {
            self.advance(now);
        }
    }

    /// Sends what can be sent, and delivers room events. Once everything is sent, closes the sending
    /// side.
    fn advance(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        for _ in 0..SENDS_AT_ONCE {
            let moved = self.exchange_with_hub(now);
            match self.send(now) {
                Ok(sent) if sent || moved => (),
                Ok(_) => break,
                Err(error) => return self.lose(Some(error)),
            }
        }
        self.take_requests(now);
        self.watch_silence(now);
        if !self.connection.is_done() {
            if !self.is_due() {
                self.rooms.wake_if_pending(&self.connection);
            }
            return;
        }
        let handed_over = matches!(
            self.connection.close_reason(),
            Some(CloseReason::HandedOver)
        );
        if self.connection.is_aborted() || handed_over {
            self.phase = Phase::Done(None);
            return;
        }
        self.rooms.leave();
        self.deadlines.start_grace(now);
        let silent_at = now + SILENCE;
        self.phase = match self.stream.end_output() {
            Ok(true) if !self.input_ended => Phase::Draining { silent_at },
            _ => Phase::Done(None),
        };
    }

    /// Starts the line timer when an incomplete line begins to wait for more, and stops it when none
    /// does.
    fn watch_silence(&mut self, now: Instant) {
        let timeout = self.connection.line_timeout();
        match timeout.filter(|_| self.wants_input()) {
            None => self.line_timer = Timer::default(),
            Some(timeout) if self.line_timer.deadline().is_none() => {
                self.line_timer.set(timeout, now);
            }
            Some(_) => (),
        }
    }

    /// Sends the session's requests, and delivers room events. Returns whether there were any.
    fn exchange_with_hub(&mut self, now: Instant) -> bool {
        let requested = self.take_requests(now);
        let is_allowed = self.connection.is_allowed();
        let received = self.rooms.receive(&mut self.connection);
        if is_allowed {
            self.more_room_events = received.more; // otherwise none was looked for
        }
        if received.accepted {
            self.deadlines.touch(now);
        }
        requested || received.any
    }

    /// Sets the session's timer, and sends its requests to the hub. Returns whether any were sent.
    fn take_requests(&mut self, now: Instant) -> bool {
        if let Some(delay) = self.connection.take_timer() {
            self.timer.set(delay, now);
            self.is_working = delay.is_zero();
            if self.is_working {
                self.deadlines.touch(now);
            }
        }
        self.rooms.send_requests(&mut self.connection)
    }

    /// Sends once, if there is output. Returns whether anything was sent.
    fn send(&mut self, now: Instant) -> io::Result<bool> {
        if let Some((file, range)) = self.connection.file() {
            match self.stream.send_file(file, range) {
                Ok(Some(0)) => self.connection.abort(file_too_short()),
                Ok(Some(count)) => {
                    self.count_sent(count, now);
                    self.connection.file_sent(count as u64);
                }
                Ok(None) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.connection.load_file();
                }
                Err(error) => return Err(error),
            }
            return Ok(true);
        }
        if self.connection.output().is_empty() {
            return Ok(false);
        }
        let sent = self.stream.send_some(self.connection.output())?;
        if let Some(count) = sent {
            self.count_sent(count, now);
            self.connection.sent(count);
        }
        Ok(sent.is_some())
    }

    fn count_sent(&mut self, count: usize, now: Instant) {
        self.deadlines.touch(now);
        self.stream.count_bytes(0, count as u64);
    }

    /// The connection broke while no input is wanted. What a peer sent before it closed a Unix socket
    /// is still delivered.
    fn on_broken(&mut self, now: Instant) {
        match self.stream.take_error() {
            None if self.connection.has_pending_requests() || self.stream.has_unread_bytes() => {
                self.hung_up = true;
                if self.is_working {
                    self.half_closed_at.get_or_insert(now);
                }
                self.advance(now);
            }
            error => self.lose(error),
        }
    }

    /// The connection broke, with this error if the system reports one.
    fn lose(&mut self, error: Option<io::Error>) {
        let reason = error.map_or(CloseReason::PeerClosed, CloseReason::ConnectionLost);
        self.phase = Phase::Done(Some(reason));
    }
}

impl EventSource for StreamTask {
    fn watched(&self) -> Watched<'_> {
        let (read, write) = match self.phase {
            Phase::Open => (self.wants_input(), self.connection.has_output()),
            Phase::Draining { .. } | Phase::Done(_) => (true, false),
        };
        let wants_events = matches!(self.phase, Phase::Open) && self.connection.wants_room_events();
        let mut watched = self.stream.watched(read, write);
        let awaits_session = self.connection.has_pending_requests() || !self.input_ended;
        if self.hung_up && awaits_session && !read && !write {
            // The hang-up would be reported again and again.
            watched[INPUT] = watched[INPUT].map(|(fd, _)| (fd, Interest::Nothing));
        } else if matches!(self.phase, Phase::Open)
            && self.awaits_hang_up()
            && let (socket, Interest::HangUp) = self.stream.hang_up()
        {
            watched[INPUT] = Some((socket, Interest::HangUp));
        }
        watched[ROOMS] = self.rooms.watched(wants_events);
        watched
    }

    fn deadline(&self) -> Option<Instant> {
        let other = match self.phase {
            Phase::Open => {
                let expires = earlier(self.expires().map(|(at, _)| at), self.line_timer.deadline());
                let due = earlier(self.timer.deadline(), self.rooms.deadline(&self.connection));
                let ends = earlier(self.stalled_at(), self.half_closed_deadline());
                earlier(earlier(expires, ends), due)
            }
            Phase::Draining { silent_at } => Some(silent_at),
            Phase::Done(_) => None,
        };
        earlier(self.deadlines.end_at(), other)
    }

    fn on_ready(&mut self, index: usize, broken: bool, buffer: &mut [u8], now: Instant) {
        self.connection.allow(1);
        match self.phase {
            Phase::Open if index == ROOMS => self.advance(now),
            // Output has a descriptor of its own, and no process reads it any more.
            Phase::Open if broken && index == OUTPUT => self.lose(None),
            Phase::Open if self.wants_input() => self.receive(buffer, now),
            // What arrived before the connection broke is still delivered.
            Phase::Open if broken && !self.is_due() => self.on_broken(now),
            Phase::Open if index == INPUT && self.awaits_hang_up() => {
                self.half_closed_at = Some(now)
            }
            Phase::Open => self.advance(now),
            Phase::Draining { .. } if index == ROOMS => (),
            Phase::Draining { .. } if self.stream.discard() => {
                self.phase = Phase::Draining {
                    silent_at: now + SILENCE,
                };
            }
            Phase::Draining { .. } => self.phase = Phase::Done(None),
            Phase::Done(_) => (),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.connection.allow(1);
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Draining { silent_at }
                if is_past(earlier(self.deadlines.end_at(), Some(silent_at))) =>
            {
                self.phase = Phase::Done(None);
            }
            Phase::Open if is_past(earlier(self.deadlines.end_at(), self.stalled_at())) => {
                self.phase = Phase::Done(Some(CloseReason::Aborted));
            }
            Phase::Open if is_past(self.half_closed_deadline()) => self.lose(None),
            Phase::Open => {
                if let Some((_, expired)) = self.expires().filter(|&(at, _)| at <= now) {
                    self.connection.close(expired.into());
                    self.deadlines.start_grace(now);
                    self.advance(now);
                    return;
                }
                if self.rooms.tick(&self.connection) {
                    self.advance(now);
                }
                if self.line_timer.take_expired(now) {
                    // A busy server may not have read what arrived in time.
                    if !self.stream.has_input() {
                        self.connection.line_timeout_expired();
                        self.deadlines.touch(now);
                    }
                    self.advance(now);
                }
                if self.timer.take_expired(now) {
                    self.is_working = false;
                    self.connection.timer_expired();
                    self.advance(now);
                    self.half_closed_at.take_if(|_| !self.is_working);
                }
            }
            Phase::Draining { .. } | Phase::Done(_) => (),
        }
    }

    fn is_due(&self) -> bool {
        let takes_room_events = self.more_room_events && self.connection.wants_room_events();
        matches!(self.phase, Phase::Open) && (self.connection.is_due() || takes_room_events)
    }

    fn resume(&mut self, calls: usize, now: Instant) {
        let messages = self.connection.messages();
        self.connection.resume(calls);
        if messages < self.connection.messages() {
            self.deadlines.touch(now);
        }
        if self.connection.is_due() && self.more_room_events {
            self.connection.allow(calls);
            self.exchange_with_hub(now);
        }
        self.advance_unless_due(now);
    }

    fn flush(&mut self, now: Instant) {
        self.connection.allow(0);
        self.advance(now);
    }

    fn stop(&mut self, now: Instant) {
        self.connection.allow(1);
        self.connection.shut_down();
        self.deadlines.start_grace(now);
        self.advance(now);
    }

    fn fail(&mut self, error: io::Error) {
        self.lose(Some(error));
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>> {
        let limits = self.deadlines.limits;
        let (_, program) = self.into_parts();
        program.map(|(stream, command)| Self::start_program(stream, command, &limits))
    }
}

/// The message to a peer for which no process, thread or program can be started.
pub(crate) const BUSY: &str = "The server is busy. Try again later.";
const INPUT: usize = 0; // the index of the descriptor that is read
const ROOMS: usize = 2; // the index of the hub link, which a stream leaves free
const SENDS_AT_ONCE: usize = 16; // a session with endless output must not delay the others
// Longer than most round trips, so hardly any data can still be on its way.
const SILENCE: Duration = Duration::from_millis(500);
