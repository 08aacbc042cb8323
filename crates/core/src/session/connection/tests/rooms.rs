//! Sessions in rooms.

use std::sync::Mutex;

use super::*;
use crate::hub::hub::Hub;
use crate::hub::types::RoomEvent;
use crate::session::rooms::Rooms;
use crate::session::service::RoomService;
use crate::testing::RoomDriver;

/// Does what the words of a line say, separated by commas, and records its events.
struct Puppet {
    framing: Framing,
    lossless: bool,
    events: Arc<Mutex<Vec<String>>>,
}

struct PuppetSession {
    rooms: Rooms,
    events: Arc<Mutex<Vec<String>>>,
}

impl RoomService for Puppet {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing)
    }

    fn room(&self, _: &str) -> RoomKind {
        RoomKind {
            lossless: self.lossless,
            ..RoomKind::default()
        }
    }
    fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(PuppetSession {
            rooms,
            events: Arc::clone(&self.events),
        }))
    }
}

/// A service that wraps another and forgets its rooms.
struct Wrapper(Puppet);

impl Service for Wrapper {
    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Service::connect(&self.0, peer)
    }
}

impl PuppetSession {
    fn record(&self, event: &str) {
        self.events
            .lock()
            .expect("no panic while locked")
            .push(event.to_owned());
    }
}

impl Session for PuppetSession {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let line = String::from_utf8_lossy(line);
        self.record(&line);
        let mut flow = Flow::Continue;
        for word in line.split(',') {
            match word {
                "join" => self.rooms.join(out, "r", "m"),
                "leave" => self.rooms.leave(out, "r"),
                "list" => self.rooms.list_members(out, "r"),
                "post" => self.rooms.post(out, "r", b"word"),
                "much" => self.rooms.post(out, "r", &[b'x'; 1000]),
                "flood" => (0..1000).for_each(|_| self.rooms.post(out, "r", &[b'x'; 1000])),
                "send" => out.send(b"0123456789"),
                "pause" => flow = Flow::PauseInput,
                "more" => flow = Flow::WhenWritable,
                "close" => flow = Flow::Close,
                _ => (),
            }
        }
        Ok(flow)
    }
    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        let RoomEvent::Post { post, .. } = event else {
            return Ok(Flow::Continue);
        };
        self.record("post event");
        out.send(&post.bytes[..post.bytes.len().min(4)]);
        let pauses = post.bytes == b"pause again";
        Ok(if pauses {
            Flow::PauseInput
        } else {
            Flow::Continue
        })
    }
    fn on_timer(&mut self, _: &mut Outbox) -> Result {
        self.record("timer");
        Ok(Flow::Continue)
    }
    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        self.record("writable");
        out.send(b"more");
        Ok(Flow::Continue)
    }
    fn on_eof(&mut self, _: &mut Outbox) -> Result {
        self.record("eof");
        Ok(Flow::Close)
    }
    fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
        self.record("shutdown");
        Ok(Flow::Continue)
    }
}

/// A connection without a hub.
struct Fixture {
    connection: Connection,
    events: Arc<Mutex<Vec<String>>>,
}

fn puppet() -> Puppet {
    Puppet {
        framing: Framing::Line,
        lossless: true,
        events: Arc::default(),
    }
}

fn limits() -> Limits {
    Limits {
        outbox_bytes: 2000,
        message_bytes: 100,
        ..Limits::default()
    }
}

impl Fixture {
    fn new(puppet: &Puppet, limits: &Limits) -> Self {
        Self::of(puppet, Arc::clone(&puppet.events), limits)
    }

    fn of(puppet: &dyn Service, events: Arc<Mutex<Vec<String>>>, limits: &Limits) -> Self {
        Self {
            connection: Connection::open(puppet, &Peer::stdio(), limits),
            events,
        }
    }

    fn receive(&mut self, input: &str) {
        self.connection.receive(input.as_bytes());
    }

    /// The hub has done all requests so far.
    fn accept(&mut self) {
        let requests = self.connection.take_requests();
        let weight = requests.iter().map(Request::weight).sum();
        self.connection.room_event(&HubMessage::Accepted(weight));
    }

    fn post(&mut self, bytes: &[u8]) {
        self.connection.room_event(&post_event(bytes));
    }

    /// Checks the events since the last check.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        let mut recorded = self.events.lock().expect("no panic while locked");
        assert_eq!(*recorded, expected);
        recorded.clear();
    }
}

/// The message with a post, as the other of two members receives it.
fn post_event(bytes: &[u8]) -> HubMessage {
    let mut hub = Hub::new(|_| RoomKind::lossless());
    let members = [hub.connect(()), hub.connect(())];
    let room = "r".to_owned();
    for member in members {
        let join = Request::Join {
            room: room.clone(),
            name: "m".to_owned(),
            transport: Transport::Stream,
        };
        hub.request(member, join);
    }
    let bytes = bytes.to_owned();
    hub.request(members[0], Request::Post { room, bytes });
    let mut messages = std::iter::from_fn(|| hub.next(members[1]));
    let is_post =
        |message: &HubMessage| matches!(message, HubMessage::Event(RoomEvent::Post { .. }));
    messages.find(is_post).expect("it was posted")
}

#[test]
fn a_paused_session_gets_no_input() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive("pause\na\nb\n");
    assert!(!fixture.connection.wants_input());
    fixture.connection.end_input();
    fixture.check(&["pause"]);
    fixture.post(b"pause again");
    fixture.check(&["post event"]);
    fixture.post(b"go on");
    fixture.check(&["post event", "a", "b", "eof"]);
}

#[test]
fn a_paused_session_gets_timer_and_shutdown() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive("pause\na\n");
    fixture.connection.timer_expired();
    fixture.check(&["pause", "timer", "a"]);
    fixture.receive("pause\nb\n");
    fixture.connection.shut_down();
    fixture.check(&["pause", "shutdown", "b"]);
}

#[test]
fn the_timer_is_delivered_when_there_is_room() {
    let limits = Limits {
        outbox_bytes: 10,
        ..limits()
    };
    let mut fixture = Fixture::new(&puppet(), &limits);
    fixture.receive("send\na\n");
    fixture.connection.timer_expired();
    assert!(!fixture.connection.wants_room_events());
    fixture.check(&["send"]);
    fixture.connection.sent(2);
    assert!(fixture.connection.wants_room_events());
    fixture.check(&["timer", "a"]);
}

#[test]
fn many_pending_requests_stop_delivery() {
    for (request, fits) in [("much", 2), ("list", 31), ("join", 31), ("leave", 31)] {
        let mut fixture = Fixture::new(&puppet(), &limits());
        fixture.receive(&format!("{request}\n").repeat(100));
        assert!(!fixture.connection.wants_input());
        assert!(fixture.connection.wants_room_events());
        fixture.check(&vec![request; fits]);
        fixture.accept();
        fixture.check(&vec![request; fits]);
        while fixture.connection.has_pending_requests() {
            fixture.accept();
        }
        assert!(fixture.connection.wants_input());
        fixture.check(&vec![request; 100 - 2 * fits]);
    }
}

#[test]
fn eof_is_delivered_after_all_posts() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive("post\npost");
    fixture.connection.end_input();
    fixture.check(&["post", "post"]);
    fixture.connection.room_event(&HubMessage::Accepted(64 + 4));
    fixture.check(&[]);
    fixture.connection.room_event(&HubMessage::Accepted(64 + 4));
    fixture.check(&["eof"]);
    assert!(fixture.connection.is_done());
}

#[test]
fn a_closed_session_is_done_after_all_posts() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive("post,close\nnot delivered\n");
    fixture.post(b"not delivered");
    fixture.check(&["post,close"]);
    assert!(fixture.connection.close_reason().is_some() && !fixture.connection.is_done());
    fixture.accept();
    assert!(fixture.connection.is_done());
}

#[test]
fn too_many_posts_fail_the_session() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive("flood\n");
    fixture.check(&["flood"]);
    assert!(matches!(
        fixture.connection.close_reason(),
        Some(CloseReason::Overflow(_))
    ));
    assert!(fixture.connection.take_requests().len() < 1000);
}

#[test]
fn on_writable_comes_before_any_room_event() {
    let mut fixture = Fixture::new(&puppet(), &limits());
    fixture.receive(&format!("{}more\n", "send,".repeat(17)));
    assert_eq!(fixture.connection.output().len(), 17 * 11 + 5);
    fixture.check(&[&format!("{}more", "send,".repeat(17)), "writable"]);
    let limits = Limits {
        outbox_bytes: 10,
        ..limits()
    };
    let mut fixture = Fixture::new(&puppet(), &limits);
    fixture.receive("send,more\n");
    fixture.connection.timer_expired();
    assert!(!fixture.connection.wants_room_events());
    fixture.connection.sent(11);
    fixture.check(&["send,more", "writable", "timer"]);
    assert!(fixture.connection.wants_room_events());
}

#[test]
fn requests_fail_where_the_service_has_no_rooms() {
    for request in ["join", "leave", "post", "list"] {
        let mut fixture = Fixture::of(&Wrapper(puppet()), Arc::default(), &limits());
        fixture.receive(&format!("send,{request}\n"));
        assert!(fixture.connection.take_requests().is_empty());
        assert_eq!(fixture.connection.output(), b"0123456789\n");
        fixture.connection.sent(11);
        assert!(fixture.connection.is_done());
        let reason = "failed: the service has no rooms";
        assert_eq!(fixture.connection.into_close_reason().to_string(), reason);
    }
}

#[test]
fn losing_the_hub_ends_the_session() {
    let text: &[u8] = b"The server lost the room. Goodbye.\n";
    for (framing, text) in [(Framing::Line, text), (Framing::Bytes, b"")] {
        for input in ["join,post\n", "join,post,close\n"] {
            let puppet = Puppet {
                framing,
                ..puppet()
            };
            let mut fixture = Fixture::new(&puppet, &limits());
            let is_line = framing == Framing::Line;
            fixture.receive(if is_line { input } else { input.trim_end() });
            fixture.connection.lose_rooms();
            let is_closed = input.contains("close");
            assert_eq!(
                fixture.connection.output(),
                if is_closed { b"" } else { text }
            );
            fixture.connection.sent(fixture.connection.output().len());
            assert!(fixture.connection.is_done());
            assert!(fixture.connection.take_requests().is_empty());
            let ended = fixture.connection.into_close_reason();
            assert!(is_closed || matches!(ended, CloseReason::HubLost));
        }
    }
}

#[test]
fn a_post_reaches_another_peer() {
    let mut driver = RoomDriver::new(Arc::new(puppet()), limits());
    driver.connect(1);
    driver.send(1, b"join,post\n");
    driver.send(1, b"close\n");
    assert!(driver.close_reason(1).is_none(), "the post has no receiver");
    driver.connect(2);
    driver.send(2, b"join\n");
    assert_eq!(driver.received(2), b"word\n");
    assert_eq!(
        driver
            .close_reason(1)
            .map(CloseReason::to_string)
            .as_deref(),
        Some("closed by the service")
    );
}

#[test]
fn a_receiver_that_stops_reading_blocks_the_sender() {
    let mut driver = RoomDriver::new(Arc::new(puppet()), limits());
    for peer in [1, 2, 3] {
        driver.connect(peer);
        driver.send(peer, b"join\n");
    }
    driver.stop_reading(2);
    let mut count = 0;
    while driver.wants_input(1) {
        driver.send(1, b"much\n");
        count += 1;
        assert!(count < 10_000, "unbounded queue");
    }
    driver.resume_reading(2);
    assert!(driver.wants_input(1));
    assert_eq!(driver.received(2).len(), 5 * count);
    assert_eq!(driver.received(3).len(), 5 * count);
}

#[test]
fn a_driven_peer_ends_a_message_by_silence() {
    let puppet = puppet();
    let events = Arc::clone(&puppet.events);
    let mut driver = RoomDriver::new(Arc::new(puppet), limits());
    driver.connect(1);
    let milliseconds = Duration::from_millis;
    let recorded = || events.lock().expect("no panic while locked").join(" ");
    driver.send(1, b"jo");
    driver.advance(milliseconds(200));
    driver.send(1, b"in"); // the time starts again
    driver.advance(milliseconds(299));
    assert_eq!(recorded(), "");
    driver.advance(milliseconds(1));
    driver.send(1, b"pause");
    driver.advance(milliseconds(300));
    assert_eq!(recorded(), "join pause");
    driver.send(1, b"post"); // it is not delivered while input is paused
    driver.advance(milliseconds(3000));
    assert_eq!(recorded(), "join pause");
    // A second peer posts, which ends the pause.
    driver.connect(2);
    driver.send(2, b"join\npost\n");
    driver.advance(milliseconds(299));
    assert_eq!(recorded(), "join pause join post post event");
    driver.advance(milliseconds(1));
    assert_eq!(
        recorded(),
        "join pause join post post event post post event"
    );
}
