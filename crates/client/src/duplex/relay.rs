//! A stream between input, output and peer, without their descriptors.

use std::io;
use std::time::{Duration, Instant};

use crate::duplex::buffer::Buffer;
use crate::duplex::ending::{Closer, DuplexError, Ending};
use crate::duplex::options::{DuplexOptions, EofPolicy, PeerEofPolicy};

/// What is on its way in both directions, and how it ends. The poll loop asks what to wait for, moves
/// bytes, and reports what happened.
pub(super) struct Relay {
    options: DuplexOptions,
    is_interactive: bool,
    to_peer: Buffer,
    to_output: Buffer,
    has_input: bool,
    is_shut_down: bool,   // the sending side of the connection
    has_peer_ended: bool, // its stream ended, or the connection broke
    failure: Option<Failure>,
    last_input: Instant,   // or the peer's end, if that is later
    last_arrival: Instant, // or the end of input, if that is later
    last_moved: Instant,   // a byte to or from the peer
    sent: u64,
    received: u64,
}

/// Nothing more can be sent.
struct Failure {
    cause: io::Error,
    unsent: usize,
}

impl Relay {
    pub(super) fn new(options: DuplexOptions, is_interactive: bool, now: Instant) -> Self {
        Self {
            options,
            is_interactive,
            to_peer: Buffer::new(BUFFER_BYTES),
            to_output: Buffer::new(BUFFER_BYTES),
            has_input: true,
            is_shut_down: false,
            has_peer_ended: false,
            failure: None,
            last_input: now,
            last_arrival: now,
            last_moved: now,
            sent: 0,
            received: 0,
        }
    }

    /// Where input is to be read to, if there is space.
    pub(super) fn input_space(&mut self) -> Option<&mut [u8]> {
        self.wants_input().then(|| self.to_peer.space())
    }

    pub(super) fn wants_input(&self) -> bool {
        self.has_input && self.failure.is_none() && self.to_peer.has_space()
    }

    /// Bytes of input were read; 0 is its end.
    pub(super) fn input_read(&mut self, count: usize, now: Instant) {
        self.last_input = now;
        if count == 0 {
            self.has_input = false;
            self.last_arrival = now;
        }
        self.to_peer.add(count);
    }

    /// Where bytes of the peer are to be read to, if there is space.
    pub(super) fn peer_space(&mut self) -> Option<&mut [u8]> {
        self.wants_peer().then(|| self.to_output.space())
    }

    pub(super) fn wants_peer(&self) -> bool {
        !self.has_peer_ended && self.to_output.has_space()
    }

    /// Bytes of the peer were read; 0 is the end of its stream. Returns them.
    pub(super) fn peer_read(&mut self, count: usize, now: Instant) -> &[u8] {
        self.last_arrival = now;
        self.last_moved = now;
        self.received += count as u64;
        if count == 0 {
            self.has_peer_ended = true;
            self.last_input = now;
        }
        self.to_output.add(count)
    }

    /// Nothing more can be read from the peer.
    pub(super) fn read_failed(&mut self, cause: io::Error) {
        self.has_peer_ended = true;
        self.fail(cause);
    }

    /// Nothing more can be sent. The peer may have sent the reason before.
    pub(super) fn send_failed(&mut self, cause: io::Error) {
        self.fail(cause);
    }

    fn fail(&mut self, cause: io::Error) {
        let unsent = self.to_peer.bytes().len();
        self.to_peer.consume(unsent);
        self.failure.get_or_insert(Failure { cause, unsent });
    }

    /// The peer takes no more bytes: it has closed both sides. That is no failure if none wait.
    pub(super) fn peer_closed(&mut self) {
        if self.waits_for_close() {
            self.has_input = false;
            self.is_shut_down = true;
        }
    }

    /// Whether the peer has ended its stream, and may close the rest of the connection as well.
    pub(super) fn waits_for_close(&self) -> bool {
        self.has_peer_ended && self.has_input && self.to_peer.is_empty()
    }

    /// What is to be sent.
    pub(super) fn to_send(&self) -> &[u8] {
        self.to_peer.bytes()
    }

    /// Bytes were sent.
    pub(super) fn sent(&mut self, count: usize, now: Instant) {
        self.to_peer.consume(count);
        self.sent += count as u64;
        self.last_moved = now;
    }

    /// What is to be written to the output.
    pub(super) fn to_write(&self) -> &[u8] {
        self.to_output.bytes()
    }

    /// Bytes were written to the output.
    pub(super) fn written(&mut self, count: usize) {
        self.to_output.consume(count);
    }

    /// Whether the sending side is to be closed now. Returns `true` once.
    pub(super) fn must_shut_down(&mut self) -> bool {
        let announces = matches!(self.options.eof, EofPolicy::Half | EofPolicy::Wait(_));
        let is_due = announces
            && !self.has_input
            && self.to_peer.is_empty()
            && self.failure.is_none()
            && !self.is_shut_down;
        self.is_shut_down |= is_due;
        is_due
    }

    /// When [`ending`](Self::ending) may change without any other event.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.idle_end(), self.wait_end(), self.input_wait_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When nothing will have moved for the idle timeout.
    fn idle_end(&self) -> Option<Instant> {
        self.last_moved.checked_add(self.options.idle_timeout?)
    }

    /// After the end of input: when nothing will have arrived for the time of `EofPolicy::Wait`.
    fn wait_end(&self) -> Option<Instant> {
        let is_over = !self.has_input && self.to_peer.is_empty() && self.to_output.is_empty();
        match self.options.eof {
            EofPolicy::Wait(time) if is_over => self.last_arrival.checked_add(time),
            _ => None,
        }
    }

    /// After the end of the peer: when there will have been no input for the time of
    /// `PeerEofPolicy::Wait`.
    fn input_wait_end(&self) -> Option<Instant> {
        let is_over = self.has_peer_ended && self.to_peer.is_empty() && self.to_output.is_empty();
        match self.options.peer_eof {
            _ if !is_over => None,
            PeerEofPolicy::Wait(_) if self.is_interactive => Some(self.last_input),
            PeerEofPolicy::Wait(time) => self.last_input.checked_add(time),
            PeerEofPolicy::Ignore => None,
        }
    }

    /// How it ended, if it has.
    pub(super) fn ending(&mut self, now: Instant) -> Option<Result<Ending, DuplexError>> {
        if !self.to_output.is_empty() {
            return None;
        }
        if self.has_peer_ended {
            if let Some(Failure { cause, unsent }) = self.failure.take() {
                return Some(Err(DuplexError::Lost { cause, unsent }));
            }
            if !self.has_input && self.to_peer.is_empty() {
                return Some(Ok(self.ended_by(Closer::Peer)));
            }
        }
        let has_passed = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        if has_passed(self.input_wait_end()) {
            return Some(Ok(self.ended_by(Closer::PeerFirst)));
        }
        let closes = self.options.eof == EofPolicy::Close
            && !self.has_input
            && self.to_peer.is_empty()
            && self.failure.is_none();
        if closes || has_passed(self.wait_end()) {
            return Some(Ok(self.ended_by(Closer::Input)));
        }
        if has_passed(self.idle_end()) {
            let time = self.options.idle_timeout.unwrap_or(Duration::ZERO);
            return Some(Err(DuplexError::IdleTimeout(time)));
        }
        None
    }

    fn ended_by(&self, closer: Closer) -> Ending {
        Ending {
            closer,
            sent: self.sent,
            received: self.received,
        }
    }
}

const BUFFER_BYTES: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A relay whose input and peer are scripts. Each takes and gives at most a few bytes at once.
    struct Scene {
        relay: Relay,
        now: Instant,
        input: VecDeque<u8>,
        peer: VecDeque<u8>,
        sent: Vec<u8>,
        written: Vec<u8>,
        has_shut_down: bool,
    }

    impl Scene {
        fn new(options: DuplexOptions, input: &[u8], peer: &[u8]) -> Self {
            let now = Instant::now();
            Self {
                relay: Relay::new(options, false, now),
                now,
                input: input.iter().copied().collect(),
                peer: peer.iter().copied().collect(),
                sent: Vec::new(),
                written: Vec::new(),
                has_shut_down: false,
            }
        }

        fn ending(&mut self) -> Option<Result<Ending, DuplexError>> {
            self.has_shut_down |= self.relay.must_shut_down();
            self.relay.ending(self.now)
        }

        /// Reads up to `count` bytes of input, or its end.
        fn read_input(&mut self, count: usize) {
            if let Some(space) = self.relay.input_space() {
                let count = take(&mut self.input, space, count);
                self.relay.input_read(count, self.now);
            }
        }

        /// Receives up to `count` bytes, or the end of the peer.
        fn receive(&mut self, count: usize) {
            if let Some(space) = self.relay.peer_space() {
                let count = take(&mut self.peer, space, count);
                self.relay.peer_read(count, self.now);
            }
        }

        fn send(&mut self, count: usize) {
            let count = count.min(self.relay.to_send().len());
            self.sent.extend(&self.relay.to_send()[..count]);
            self.relay.sent(count, self.now);
        }

        fn write(&mut self, count: usize) {
            let count = count.min(self.relay.to_write().len());
            self.written.extend(&self.relay.to_write()[..count]);
            self.relay.written(count);
        }

        fn wait(&mut self, time: Duration) {
            self.now += time;
        }
    }

    fn take(from: &mut VecDeque<u8>, space: &mut [u8], count: usize) -> usize {
        let count = count.min(space.len()).min(from.len());
        for (place, byte) in space.iter_mut().zip(from.drain(..count)) {
            *place = byte;
        }
        count
    }

    fn with(eof: EofPolicy) -> DuplexOptions {
        DuplexOptions {
            eof,
            ..DuplexOptions::default()
        }
    }

    #[track_caller]
    fn check(scene: &mut Scene, closer: Closer) {
        let ending = scene.ending().expect("it has ended");
        assert_eq!(ending.expect("in order").closer, closer);
    }

    #[test]
    fn the_end_of_input_closes_the_sending_side_after_the_last_byte() {
        let mut scene = Scene::new(with(EofPolicy::Half), b"ask", b"answer");
        scene.read_input(9);
        scene.send(2);
        scene.read_input(9);
        assert!(scene.ending().is_none() && !scene.has_shut_down);
        scene.send(1);
        scene.read_input(9);
        assert!(scene.ending().is_none() && scene.has_shut_down);
        scene.receive(9);
        scene.write(9);
        scene.wait(SECOND * 1000);
        assert!(scene.ending().is_none(), "the peer may send more");
        scene.receive(9);
        check(&mut scene, Closer::Peer);
        assert_eq!(scene.written, b"answer");
    }

    #[test]
    fn a_wait_starts_again_with_each_arrival() {
        let mut scene = Scene::new(with(EofPolicy::Wait(SECOND)), b"", b"12");
        scene.read_input(9);
        assert!(scene.ending().is_none() && scene.has_shut_down);
        scene.wait(SECOND / 2);
        scene.receive(1);
        scene.write(1);
        scene.wait(SECOND / 2);
        assert!(scene.ending().is_none());
        scene.wait(SECOND / 2);
        assert_eq!(scene.relay.deadline(), Some(scene.now));
        check(&mut scene, Closer::Input);
    }

    #[test]
    fn the_end_of_input_closes_at_once_or_not_at_all() {
        let mut scene = Scene::new(with(EofPolicy::Close), b"x", b"");
        scene.read_input(9);
        scene.send(9);
        assert!(scene.ending().is_none());
        scene.read_input(9);
        check(&mut scene, Closer::Input);

        let mut scene = Scene::new(with(EofPolicy::Ignore), b"", b"");
        scene.read_input(9);
        scene.wait(SECOND * 1000);
        assert!(scene.ending().is_none() && !scene.has_shut_down);
        assert_eq!(scene.relay.deadline(), None);
    }

    #[test]
    fn after_the_peer_only_idle_input_ends_it() {
        let mut scene = Scene::new(with(EofPolicy::Half), b"abc", b"bye");
        scene.receive(9);
        scene.wait(SECOND * 2);
        scene.write(9);
        scene.receive(9);
        scene.wait(SECOND / 2);
        assert!(scene.ending().is_none());
        scene.read_input(1);
        scene.send(1);
        assert!(scene.ending().is_none());
        scene.wait(SECOND);
        check(&mut scene, Closer::PeerFirst);

        let mut typing = Scene::new(with(EofPolicy::Half), b"", b"");
        typing.relay = Relay::new(with(EofPolicy::Half), true, typing.now);
        typing.receive(9);
        check(&mut typing, Closer::PeerFirst);

        let mut both = Scene::new(with(EofPolicy::Half), b"abc", b"");
        both.receive(9);
        assert!(both.relay.waits_for_close());
        both.relay.peer_closed();
        check(&mut both, Closer::Peer);
    }

    #[test]
    fn what_arrived_before_a_failure_is_written() {
        let mut scene = Scene::new(with(EofPolicy::Half), b"abcdef", b"no space");
        scene.read_input(9);
        scene.send(2);
        scene.relay.send_failed(io::ErrorKind::BrokenPipe.into());
        assert!(!scene.relay.wants_input());
        assert!(scene.ending().is_none());
        scene.receive(9);
        scene.write(9);
        scene
            .relay
            .read_failed(io::ErrorKind::ConnectionReset.into());
        let ending = scene.ending().expect("it has ended");
        assert!(
            matches!(&ending, Err(DuplexError::Lost { cause, unsent: 4 }) if cause.kind() == io::ErrorKind::BrokenPipe),
            "{ending:?}"
        );
        assert_eq!(scene.written, b"no space");
    }

    #[test]
    fn an_idle_connection_is_an_error() {
        let mut options = with(EofPolicy::Half);
        options.idle_timeout = Some(SECOND);
        let mut scene = Scene::new(options, b"abc", b"");
        scene.wait(SECOND / 2);
        scene.read_input(9);
        scene.send(9);
        scene.wait(SECOND / 2);
        assert!(scene.ending().is_none());
        scene.wait(SECOND / 2);
        let ending = scene.ending().expect("it has ended");
        assert!(matches!(ending, Err(DuplexError::IdleTimeout(SECOND))));
    }

    proptest! {
        #[test]
        fn every_byte_passes_once_and_in_order(
            input: Vec<u8>,
            peer: Vec<u8>,
            steps in proptest::collection::vec((0..4_u8, 1..20_usize), 0..400),
        ) {
            let mut scene = Scene::new(with(EofPolicy::Half), &input, &peer);
            let rest = (0..1000).map(|step| (step % 4, 1000));
            for (step, count) in steps.into_iter().chain(rest.map(|(step, count)| (step as u8, count))) {
                match step {
                    0 => scene.read_input(count),
                    1 => scene.receive(count),
                    2 => scene.send(count),
                    _ => scene.write(count),
                }
                if let Some(ending) = scene.ending() {
                    let ending = ending.expect("nothing fails");
                    prop_assert_eq!(ending.closer, Closer::Peer);
                    prop_assert_eq!((ending.sent, ending.received), (input.len() as u64, peer.len() as u64));
                    prop_assert_eq!((&scene.sent, &scene.written), (&input, &peer));
                    prop_assert!(scene.has_shut_down || scene.relay.has_peer_ended);
                    return Ok(());
                }
            }
            prop_assert!(false, "it never ends");
        }
    }
}
