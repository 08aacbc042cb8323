//! A conversation among others: what its session wants of the hub, and hears from there.

use std::time::Duration;

use crate::hub::message::{Notice, Request};
use crate::session::close_reason::CloseReason;
use crate::session::connection::{Connection, State};
use crate::session::guarded::guarded;

impl Connection {
    /// What the session asks of the hub, in order, each once.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        self.outbox.take_requests()
    }

    /// Whether the hub has not yet done all that the session asked for.
    pub(crate) fn has_pending_requests(&self) -> bool {
        self.outbox.has_asked()
    }

    /// Whether the session may be told what happens in its rooms.
    pub(crate) fn wants_room_events(&self) -> bool {
        !self.more && !self.outbox.is_full()
    }

    /// The hub tells something. What is for a session that is over is nobody's.
    pub(crate) fn room_event(&mut self, notice: &Notice) {
        if let Notice::Accepted(weight) = *notice {
            self.outbox.taken(weight);
        } else if let (State::Talking(session), Some(heard)) = (&mut self.state, notice.heard()) {
            let out = &mut self.outbox;
            let flow = guarded(|| session.on_room_event(&heard, out));
            self.follow(flow);
        }
        self.pump();
    }

    /// The hub is gone, and all rooms with it.
    pub(crate) fn lose_rooms(&mut self) {
        self.outbox.forget_requests();
        self.close(CloseReason::HubLost);
    }

    /// In what time the session asked to be woken, if it has since the last look.
    pub(crate) fn take_timer(&mut self) -> Option<Duration> {
        self.outbox.take_wake()
    }

    /// The time is over.
    pub(crate) fn timer_expired(&mut self) {
        self.woken = true;
        self.pump();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::hub::hub::Hub;
    use crate::hub::types::{RoomEvent, RoomKind};
    use crate::limits::limits::Limits;
    use crate::peer::{Peer, Transport};
    use crate::session::config::Config;
    use crate::session::framing::Framing;
    use crate::session::outbox::Outbox;
    use crate::session::rooms::Rooms;
    use crate::session::service::{Flow, Refusal, Result, RoomService, Service, Session};
    use crate::testing::RoomDriver;

    /// Does what it is told in the words of a line, separated by commas, and says what happens to
    /// it.
    struct Puppet {
        framing: Framing,
        lossless: bool,
        happened: Arc<Mutex<Vec<String>>>,
    }

    struct Strings(Rooms, Arc<Mutex<Vec<String>>>);

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
            Ok(Box::new(Strings(rooms, Arc::clone(&self.happened))))
        }
    }

    /// A service that wraps another and forgets its rooms.
    struct Wrapper(Puppet);

    impl Service for Wrapper {
        fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
            Service::connect(&self.0, peer)
        }
    }

    impl Strings {
        fn note(&self, what: &str) {
            self.1.lock().expect("nobody panics").push(what.to_owned());
        }
    }

    impl Session for Strings {
        fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
            let line = String::from_utf8_lossy(line);
            self.note(&line);
            let mut flow = Flow::Continue;
            for word in line.split(',') {
                match word {
                    "join" => self.0.join(out, "r", "m"),
                    "leave" => self.0.leave(out, "r"),
                    "who" => self.0.list_members(out, "r"),
                    "post" => self.0.post(out, "r", b"word"),
                    "much" => self.0.post(out, "r", &[b'x'; 1000]),
                    "flood" => (0..1000).for_each(|_| self.0.post(out, "r", &[b'x'; 1000])),
                    "send" => out.send(b"0123456789"),
                    "wait" => flow = Flow::PauseInput,
                    "more" => flow = Flow::WhenWritable,
                    "close" => flow = Flow::Close,
                    _ => (),
                }
            }
            Ok(flow)
        }
        fn on_room_event(&mut self, heard: &RoomEvent<'_>, out: &mut Outbox) -> Result {
            let RoomEvent::Post { bytes, .. } = heard else {
                return Ok(Flow::Continue);
            };
            self.note("hear");
            out.send(&bytes[..bytes.len().min(4)]);
            let waits = *bytes == b"wait again";
            Ok(if waits {
                Flow::PauseInput
            } else {
                Flow::Continue
            })
        }
        fn on_timer(&mut self, _: &mut Outbox) -> Result {
            self.note("wake");
            Ok(Flow::Continue)
        }
        fn on_writable(&mut self, out: &mut Outbox) -> Result {
            self.note("resume");
            out.send(b"more");
            Ok(Flow::Continue)
        }
        fn on_eof(&mut self, _: &mut Outbox) -> Result {
            self.note("finish");
            Ok(Flow::Close)
        }
        fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
            self.note("stop");
            Ok(Flow::Continue)
        }
    }

    /// A connection with its puppet, without a hub.
    struct Stage {
        connection: Connection,
        happened: Arc<Mutex<Vec<String>>>,
    }

    fn puppet() -> Puppet {
        Puppet {
            framing: Framing::Line,
            lossless: true,
            happened: Arc::default(),
        }
    }

    fn limits() -> Limits {
        Limits {
            outbox_bytes: 2000,
            message_bytes: 100,
            ..Limits::default()
        }
    }

    impl Stage {
        fn new(puppet: &Puppet, limits: &Limits) -> Self {
            Self::of(puppet, Arc::clone(&puppet.happened), limits)
        }

        fn of(puppet: &dyn Service, happened: Arc<Mutex<Vec<String>>>, limits: &Limits) -> Self {
            Self {
                connection: Connection::open(puppet, &Peer::stdio(), limits),
                happened,
            }
        }

        fn say(&mut self, said: &str) {
            self.connection.receive(said.as_bytes());
        }

        /// All that was asked of the hub so far is done.
        fn take(&mut self) {
            let requests = self.connection.take_requests();
            let weight = requests.iter().map(Request::weight).sum();
            self.connection.room_event(&Notice::Accepted(weight));
        }

        fn hear(&mut self, bytes: &[u8]) {
            self.connection.room_event(&heard(bytes));
        }

        /// This has happened since it was last asked.
        #[track_caller]
        fn check(&mut self, happened: &[&str]) {
            let mut noted = self.happened.lock().expect("nobody panics");
            assert_eq!(*noted, happened);
            noted.clear();
        }
    }

    /// As the hub tells it to the other of two members.
    fn heard(bytes: &[u8]) -> Notice {
        let mut hub = Hub::new(|_| RoomKind::lossless());
        let members = [hub.connect(), hub.connect()];
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
        let mut told = std::iter::from_fn(|| hub.next(members[1]));
        let is_post = |notice: &Notice| matches!(notice, Notice::Post { .. });
        told.find(is_post).expect("it was posted")
    }

    #[test]
    fn who_waits_is_given_nothing_of_its_peer() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say("wait\na\nb\n");
        assert!(!stage.connection.wants_input());
        stage.connection.end_input();
        stage.check(&["wait"]);
        stage.hear(b"wait again");
        stage.check(&["hear"]);
        stage.hear(b"go on");
        stage.check(&["hear", "a", "b", "finish"]);
    }

    #[test]
    fn who_waits_is_woken_and_stopped() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say("wait\na\n");
        stage.connection.timer_expired();
        stage.check(&["wait", "wake", "a"]);
        stage.say("wait\nb\n");
        stage.connection.shut_down();
        stage.check(&["wait", "stop", "b"]);
    }

    #[test]
    fn a_wake_comes_as_soon_as_there_is_room() {
        let limits = Limits {
            outbox_bytes: 10,
            ..limits()
        };
        let mut stage = Stage::new(&puppet(), &limits);
        stage.say("send\na\n");
        stage.connection.timer_expired();
        assert!(!stage.connection.wants_room_events());
        stage.check(&["send"]);
        stage.connection.sent(2);
        assert!(stage.connection.wants_room_events());
        stage.check(&["wake", "a"]);
    }

    #[test]
    fn much_that_is_asked_for_holds_back_what_the_peer_says() {
        for (request, fits) in [("much", 2), ("who", 31), ("join", 31), ("leave", 31)] {
            let mut stage = Stage::new(&puppet(), &limits());
            stage.say(&format!("{request}\n").repeat(100));
            assert!(!stage.connection.wants_input());
            assert!(stage.connection.wants_room_events());
            stage.check(&vec![request; fits]);
            stage.take();
            stage.check(&vec![request; fits]);
            while stage.connection.outbox.has_asked() {
                stage.take();
            }
            assert!(stage.connection.wants_input());
            stage.check(&vec![request; 100 - 2 * fits]);
        }
    }

    #[test]
    fn the_end_comes_after_all_posts() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say("post\npost");
        stage.connection.end_input();
        stage.check(&["post", "post"]);
        stage.connection.room_event(&Notice::Accepted(64 + 4));
        stage.check(&[]);
        stage.connection.room_event(&Notice::Accepted(64 + 4));
        stage.check(&["finish"]);
        assert!(stage.connection.is_done());
    }

    #[test]
    fn who_closes_is_done_after_all_posts() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say("post,close\nnot delivered\n");
        stage.hear(b"to nobody");
        stage.check(&["post,close"]);
        assert!(stage.connection.close_reason().is_some() && !stage.connection.is_done());
        stage.take();
        assert!(stage.connection.is_done());
    }

    #[test]
    fn posts_without_end_fail() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say("flood\n");
        stage.check(&["flood"]);
        assert!(matches!(
            stage.connection.close_reason(),
            Some(CloseReason::Overflow(_))
        ));
        assert!(stage.connection.take_requests().len() < 1000);
    }

    #[test]
    fn who_has_more_hears_nothing_before_it_is_said() {
        let mut stage = Stage::new(&puppet(), &limits());
        stage.say(&format!("{}more\n", "send,".repeat(17)));
        assert_eq!(stage.connection.output().len(), 17 * 11 + 5);
        stage.check(&[&format!("{}more", "send,".repeat(17)), "resume"]);
        let limits = Limits {
            outbox_bytes: 10,
            ..limits()
        };
        let mut stage = Stage::new(&puppet(), &limits);
        stage.say("send,more\n");
        stage.connection.timer_expired();
        assert!(!stage.connection.wants_room_events());
        stage.connection.sent(11);
        stage.check(&["send,more", "resume", "wake"]);
        assert!(stage.connection.wants_room_events());
    }

    #[test]
    fn who_needs_no_rooms_has_none() {
        for request in ["join", "leave", "post", "who"] {
            let mut stage = Stage::of(&Wrapper(puppet()), Arc::default(), &limits());
            stage.say(&format!("send,{request}\n"));
            assert!(stage.connection.take_requests().is_empty());
            assert_eq!(stage.connection.output(), b"0123456789\n");
            stage.connection.sent(11);
            assert!(stage.connection.is_done());
            let words = "failed: the service has no rooms";
            assert_eq!(stage.connection.into_close_reason().to_string(), words);
        }
    }

    #[test]
    fn when_the_hub_is_gone_nothing_is_waited_for() {
        let words: &[u8] = b"The room is gone: the server has lost it. Goodbye.\n";
        for (framing, words) in [(Framing::Line, words), (Framing::Bytes, b"")] {
            for said in ["join,post\n", "join,post,close\n"] {
                let puppet = Puppet {
                    framing,
                    ..puppet()
                };
                let mut stage = Stage::new(&puppet, &limits());
                let is_line = framing == Framing::Line;
                stage.say(if is_line { said } else { said.trim_end() });
                stage.connection.lose_rooms();
                let is_closed = said.contains("close");
                assert_eq!(
                    stage.connection.output(),
                    if is_closed { b"" } else { words }
                );
                stage.connection.sent(stage.connection.output().len());
                assert!(stage.connection.is_done());
                assert!(stage.connection.take_requests().is_empty());
                let ended = stage.connection.into_close_reason();
                assert!(is_closed || matches!(ended, CloseReason::HubLost));
            }
        }
    }

    #[test]
    fn the_whole_way_from_one_peer_to_another() {
        let mut driver = RoomDriver::new(Arc::new(puppet()), limits());
        driver.connect(1);
        driver.send(1, b"join,post\n");
        driver.send(1, b"close\n");
        assert!(driver.close_reason(1).is_none(), "nobody has heard it");
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
    fn who_does_not_listen_holds_back_who_talks() {
        let mut driver = RoomDriver::new(Arc::new(puppet()), limits());
        for who in [1, 2, 3] {
            driver.connect(who);
            driver.send(who, b"join\n");
        }
        driver.stop_reading(2);
        let mut said = 0;
        while driver.wants_input(1) {
            driver.send(1, b"much\n");
            said += 1;
            assert!(said < 10_000, "somebody keeps it all");
        }
        driver.resume_reading(2);
        assert!(driver.wants_input(1));
        assert_eq!(driver.received(2).len(), 5 * said);
        assert_eq!(driver.received(3).len(), 5 * said);
    }
}
