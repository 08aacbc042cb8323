use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::peer::Peer;
use crate::session::config::{Config, UdpPolicy};
use crate::session::framing::Framing;
use crate::session::outbox::Outbox;
use crate::session::service::{Error, Flow, Refusal, Result, Session};
use crate::udp::dedicated_port::NoPorts;

/// Greets, if it is to; says back what it hears; does what some words ask for.
#[derive(Clone, Copy)]
struct Villain {
    framing: Framing,
    greeting: &'static str,
    policy: UdpPolicy,
}

const FRIEND: Villain = Villain {
    framing: Framing::Line,
    greeting: "hello",
    policy: UdpPolicy::DEFAULT,
};

const ECHO: Villain = Villain {
    framing: Framing::Bytes,
    greeting: "",
    policy: UdpPolicy::DEFAULT,
};

const UNMEASURED: UdpPolicy = UdpPolicy::Limited {
    bytes: u64::MAX,
    factor: 0,
    reason: "a test",
};

struct Talk {
    greeting: &'static str,
    left: u32,
}

impl Service for Villain {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing).udp(self.policy)
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        match self.greeting {
            "not you" => Err(Refusal("not you".into())),
            greeting => Ok(Box::new(Talk { greeting, left: 0 })),
        }
    }
}

impl Session for Talk {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        if !self.greeting.is_empty() {
            out.send(self.greeting.as_bytes());
        }
        let over = self.greeting == "the time is noon";
        Ok(if over { Flow::Close } else { Flow::Continue })
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        match message {
            b"bye" => {
                out.send(b"bye bye");
                return Ok(Flow::Close);
            }
            b"long" => out.send(&[b'x'; 500]),
            b"many" => (0..40).for_each(|_| out.send(b"xxxxx")),
            b"more" => {
                self.left = 100;
                return Ok(Flow::WhenWritable);
            }
            b"panic" => panic!("as asked"),
            b"fail" => return Err(Error::Failed("as asked".into())),
            _ => out.send(message),
        }
        Ok(Flow::Continue)
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        while 0 < self.left && !out.is_full() {
            out.send(format!("{} left", self.left).as_bytes());
            self.left -= 1;
        }
        Ok(if 0 < self.left {
            Flow::WhenWritable
        } else {
            Flow::Continue
        })
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        out.send(b"last words");
        Ok(Flow::Close)
    }
}

/// A correspondence with its clock.
struct Post {
    correspondence: Correspondence,
    now: Instant,
}

impl Post {
    fn new(villain: Villain, limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            correspondence: Correspondence::new(
                Arc::new(villain),
                limits,
                Admission::uncounted(limits),
                Guard::new(vec![1212]),
                now,
            ),
            now,
        }
    }

    /// All that is sent when peer `number` says this, with a character for each byte.
    fn say(&mut self, number: u8, said: impl AsRef<[u8]>) -> Vec<String> {
        self.say_from(address(&format!("192.0.2.{number}:40000")), said)
    }

    fn say_from(&mut self, remote: SocketAddr, said: impl AsRef<[u8]>) -> Vec<String> {
        let heard = self.say_to(remote, "192.0.2.200:1212", said);
        assert!(heard.iter().all(|(to, _)| *to == remote));
        heard.into_iter().map(|(_, words)| words).collect()
    }

    fn say_to(&mut self, remote: SocketAddr, local: &str, said: impl AsRef<[u8]>) -> Heard {
        let local = address(local);
        let arrival = Arrival {
            bytes: said.as_ref(),
            remote,
            local,
            destination: local.ip(),
        };
        let mut out = Departures::default();
        self.correspondence
            .receive(&arrival, &mut NoPorts, &mut out, self.now);
        self.deliver(out)
    }

    /// All that is sent when so much time has passed, or at a stop.
    fn wait(&mut self, time: Duration) -> Heard {
        self.now += time;
        self.correspondence.tick(self.now);
        self.deliver(Departures::default())
    }

    fn deliver(&mut self, mut out: Departures) -> Heard {
        let mut heard = Vec::new();
        loop {
            let texts = out.waiting().map(|(departure, bytes)| {
                let text = bytes.iter().map(|&byte| char::from(byte)).collect();
                (departure.to, text)
            });
            heard.extend(texts);
            let count = out.waiting().len();
            out.left(count);
            if !self.correspondence.is_ready() {
                return heard;
            }
            self.correspondence.go_on(&mut out, self.now);
        }
    }

    fn dropped(&mut self, reason: Dropped) -> u64 {
        self.correspondence.drops().of(reason)
    }
}

type Heard = Vec<(SocketAddr, String)>;

fn address(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn texts(heard: Heard) -> Vec<String> {
    heard.into_iter().map(|(_, text)| text).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_peer_has_a_conversation_of_its_own() {
    let mut post = Post::new(FRIEND, &Limits::default());
    assert_eq!(post.say(1, "\n"), ["hello\n"]);
    assert_eq!(post.say(2, "\r\n"), ["hello\n"]);
    assert_eq!(post.say(1, "one\r\n"), ["one\r\n"]);
    assert_eq!(post.say(2, "two"), ["two\n"]);
    // Who asks at another address is answered from there, and is another peer.
    let remote = address("192.0.2.1:40000");
    let heard = post.say_to(remote, "192.0.2.201:1212", " ");
    assert_eq!(heard, [(remote, "hello\n".to_owned())]);
    assert_eq!(post.say_from(address("192.0.2.1:40001"), ""), ["hello\n"]);
    assert_eq!(post.correspondence.peers.len(), 4);
}

#[test]
fn a_first_datagram_is_a_knock_or_is_answered() {
    let limits = Limits::default();
    let friend = |said: &str| Post::new(FRIEND, &limits).say(1, said);
    assert_eq!(friend("\r\n"), ["hello\n"]);
    assert_eq!(friend("I am sad\n"), ["I am sad\n"]);
    let noon = Villain {
        greeting: "the time is noon",
        ..FRIEND
    };
    let refusing = Villain {
        greeting: "not you",
        ..ECHO
    };
    for said in ["\n", "what?\n"] {
        for (villain, words) in [(noon, "the time is noon\n"), (refusing, "not you\n")] {
            let mut post = Post::new(villain, &limits);
            assert_eq!(post.say(1, said), [words]);
            assert_eq!(post.say(1, said), [words], "the next one begins anew");
        }
    }
    // Who has nothing to say first hears what is blank.
    let mut echo = Post::new(ECHO, &limits);
    assert_eq!(echo.say(1, ""), [""]);
    assert_eq!(echo.say(2, " \r\n"), [" \r\n"]);
}

#[test]
fn what_ends_a_conversation_ends_no_other() {
    let mut post = Post::new(FRIEND, &Limits::default());
    post.say(2, "here\n");
    for (said, answer) in [
        ("bye", vec!["bye bye\n"]),
        ("panic", vec![]),
        ("fail", vec![]),
    ] {
        assert_eq!(post.say(1, said), answer);
        assert_eq!(post.say(1, "\n"), ["hello\n"], "the next one begins anew");
    }
    assert_eq!(post.say(2, "there\n"), ["there\n"]);
    let tired = "That line is too long. Goodbye.\n";
    assert_eq!(post.say(2, vec![b'x'; 8193]), [tired]);
}

#[test]
fn a_reply_over_the_measure_waits_for_a_proof() {
    let mut post = Post::new(FRIEND, &Limits::default());
    let asked = post.say(1, "long\r\n");
    let challenge = asked.first().expect("it is asked").clone();
    assert!(challenge.starts_with("Say ") && challenge.ends_with(" to go on.\r\n"));
    assert_eq!(asked.len(), 1);
    // The challenge said back is no proof; what it brings is not enough for the reply.
    assert_eq!(post.say(1, &challenge), [challenge.as_str()]);
    let code = &challenge[4..10];
    let proven = post.say(1, format!("{code}\r\n"));
    let long = "x".repeat(500);
    assert_eq!(proven, [format!("{long}\r\n"), challenge.clone()]);
    assert_eq!(post.say(1, "long"), [format!("{long}\n")]);
    // It is remembered beyond the end of the conversation.
    assert_eq!(post.say(1, "bye"), ["bye bye\n"]);
    assert_eq!(post.say(1, "long"), [format!("{long}\n")]);
}

#[test]
fn credit_lets_out_what_waits_in_order() {
    let mut post = Post::new(FRIEND, &Limits::default());
    assert_eq!(post.say(1, "long").len(), 1, "the challenge");
    let patience = "-".repeat(120);
    assert!(post.say(1, &patience)[0].starts_with("Say "), "again");
    let heard = post.say(1, &patience);
    let patience = patience + "\n";
    assert_eq!(heard, ["x".repeat(500) + "\n", patience.clone(), patience]);
}

#[test]
fn the_end_of_a_conversation_renews_no_measure() {
    let silent = Villain {
        greeting: "",
        ..FRIEND
    };
    let mut post = Post::new(silent, &Limits::default());
    let said = 20;
    let heard: usize = (0..said)
        .flat_map(|_| post.say(1, "bye"))
        .map(|answer| answer.len())
        .sum();
    assert!(heard <= 128 + 3 * 3 * said, "{heard} bytes");
    assert!(100 < heard);
}

#[test]
fn bytes_over_the_measure_are_dropped() {
    let mut post = Post::new(ECHO, &Limits::default());
    assert_eq!(post.say(1, "long"), [""; 0]);
    assert_eq!(post.dropped(Dropped::OverMeasure), 1);
    assert_eq!(post.say(1, "short"), ["short"]);
}

#[test]
fn what_is_over_the_rate_is_dropped() {
    let limits = Limits {
        datagrams_per_second: NonZeroU32::new(5),
        ..Limits::default()
    };
    let mut post = Post::new(ECHO, &limits);
    let mut sent = |count| (0..count).flat_map(|_| post.say(1, "x")).count();
    assert_eq!(sent(100), 5);
    assert_eq!(post.say(2, "x"), ["x"], "others have theirs");
    post.wait(SECOND);
    assert_eq!((0..100).flat_map(|_| post.say(1, "x")).count(), 5);
    assert_eq!(post.dropped(Dropped::OverRate), 190);
}

#[test]
fn a_session_with_more_is_held_back_to_the_rate() {
    let limits = Limits {
        datagrams_per_second: NonZeroU32::new(50),
        outbox_bytes: 100,
        ..Limits::default()
    };
    let unmeasured = Villain {
        policy: UNMEASURED,
        ..ECHO
    };
    let mut post = Post::new(unmeasured, &limits);
    let mut heard = post.say(1, "more");
    assert_eq!(heard.len(), 50);
    assert_eq!(post.say(1, "too early"), [""; 0]);
    assert_eq!(post.dropped(Dropped::Busy), 1);
    while heard.len() < 100 {
        let before = heard.len();
        let due = post.correspondence.deadline().expect("it waits");
        heard.extend(texts(post.wait(due - post.now)));
        assert!(before < heard.len(), "the deadline was not for nothing");
    }
    let all: Vec<_> = (1..=100).rev().map(|left| format!("{left} left")).collect();
    assert_eq!(heard, all);
}

#[test]
fn nobody_keeps_the_others_from_their_turn() {
    let limits = Limits {
        datagrams_per_second: None,
        ..Limits::default()
    };
    let unmeasured = Villain {
        policy: UNMEASURED,
        ..ECHO
    };
    let mut post = Post::new(unmeasured, &limits);
    let mut out = Departures::default();
    for number in [1, 2] {
        let local = address("192.0.2.200:1212");
        let arrival = Arrival {
            bytes: b"more",
            remote: address(&format!("192.0.2.{number}:40000")),
            local,
            destination: local.ip(),
        };
        post.correspondence
            .receive(&arrival, &mut NoPorts, &mut out, post.now);
    }
    let heard = post.deliver(out);
    assert_eq!(heard.len(), 200);
    let first = heard[..64].iter();
    let of_second = first.filter(|(to, _)| to.ip() == address("192.0.2.2:1").ip());
    assert_eq!(of_second.count(), 32);
}

#[test]
fn who_is_silent_is_forgotten_without_words() {
    let limits = Limits {
        idle: Some(10 * SECOND),
        ..Limits::default()
    };
    let mut post = Post::new(FRIEND, &limits);
    post.say(1, "one");
    post.wait(4 * SECOND);
    post.say(2, "two");
    post.wait(4 * SECOND);
    post.say(1, "one");
    assert_eq!(
        post.correspondence.deadline(),
        Some(post.now + 2 * SECOND),
        "early, and looked up anew"
    );
    assert_eq!(post.wait(2 * SECOND), []);
    assert_eq!(post.correspondence.peers.len(), 2);
    assert_eq!(post.correspondence.deadline(), Some(post.now + 4 * SECOND));
    assert_eq!(post.wait(4 * SECOND), []);
    assert_eq!(post.correspondence.peers.len(), 1, "the second has gone");
    assert_eq!(post.wait(4 * SECOND), []);
    assert!(post.correspondence.peers.is_empty() && post.correspondence.quiet.is_empty());
    assert_eq!(post.correspondence.deadline(), None);
    assert_eq!(post.say(1, ""), ["hello\n"]);
}

#[test]
fn whoever_was_silent_for_longest_makes_room() {
    let limits = Limits {
        clients: 3,
        session: Some(1000 * SECOND),
        ..Limits::default()
    };
    let mut post = Post::new(FRIEND, &limits);
    for number in [1, 2, 3, 1, 2] {
        post.say(number, "here");
        post.wait(SECOND);
    }
    post.say(4, "here");
    post.say(5, "here");
    let mut ports: Vec<_> = post
        .correspondence
        .peers
        .keys()
        .map(|pair| pair.0.to_string())
        .collect();
    ports.sort();
    assert_eq!(
        ports,
        ["192.0.2.2:40000", "192.0.2.4:40000", "192.0.2.5:40000"]
    );
    assert_eq!(post.correspondence.quiet.len(), 3);
    assert_eq!(post.correspondence.due.len(), 3);
}

#[test]
fn the_bookkeeping_is_bounded_by_the_peers() {
    let limits = Limits {
        clients: 10,
        session: Some(1000 * SECOND),
        ..Limits::default()
    };
    let mut post = Post::new(FRIEND, &limits);
    for number in 0..5000_u32 {
        let [.., high, low] = number.to_be_bytes();
        post.say_from(SocketAddr::from(([10, 0, high, low], 40_000)), "long");
    }
    let held = &post.correspondence;
    assert_eq!(
        (
            held.peers.len(),
            held.quiet.len(),
            held.due.len(),
            held.ready.len()
        ),
        (10, 10, 10, 0)
    );
}

#[test]
fn a_host_has_no_more_than_its_share() {
    let limits = Limits {
        clients_per_host: Some(1),
        ..Limits::default()
    };
    let mut post = Post::new(FRIEND, &limits);
    assert_eq!(post.say(1, "one"), ["one\n"]);
    let other = |number: u16| SocketAddr::from(([192, 0, 2, 1], 40_001 + number));
    let words = post.say_from(other(0), "two");
    assert!(words[0].starts_with("Too many conversations with 192.0.2.1"));
    let refusals = (1..100).flat_map(|number| post.say_from(other(number), "two"));
    assert_eq!(refusals.count(), 9, "no more in this second");
    assert_eq!(post.correspondence.peers.len(), 1);
    assert_eq!(post.say(1, "bye"), ["bye bye\n"]);
    assert_eq!(post.say_from(other(0), "two"), ["two\n"]);
}

#[test]
fn the_time_of_a_conversation_ends() {
    let limits = Limits {
        session: Some(10 * SECOND),
        ..Limits::default()
    };
    let mut post = Post::new(FRIEND, &limits);
    let over = "The time for this conversation is over. Goodbye.\n";
    for _ in 0..2 {
        post.say(1, "here");
        post.wait(9 * SECOND);
        assert_eq!(post.say(1, "still here"), ["still here\n"]);
        assert_eq!(texts(post.wait(SECOND)), [over]);
    }
}

#[test]
fn at_a_stop_there_are_last_words_and_nothing_begins() {
    let mut post = Post::new(FRIEND, &Limits::default());
    post.say(1, "here");
    post.say(2, "here");
    post.say(2, "bye");
    post.say(3, "long");
    assert!(!post.correspondence.is_over());
    post.correspondence.stop(post.now);
    // The third may not be sent so much, and is not waited for.
    assert_eq!(
        texts(post.wait(Duration::ZERO)),
        ["last words\n", "last words\n"]
    );
    assert!(post.correspondence.is_over());
    assert_eq!(post.say(4, "here"), [""; 0]);
    assert_eq!(post.dropped(Dropped::Stopping), 1);
}

proptest! {
    #[test]
    fn nothing_panics_and_nobody_is_sent_more_than_the_measure(
        villain in 0..4_usize,
        outbox_bytes in prop::sample::select(vec![1_usize, 30, 10_000]),
        said in prop::collection::vec((0..4_u8, 0..3_u32, prop_oneof![
            any::<Vec<u8>>(),
            prop::sample::select(vec!["", "\n", "bye", "long", "many", "more", "panic", "fail\r\n", "long\n", "000000"])
                .prop_map(|words| words.as_bytes().to_vec()),
        ]), 0..60),
    ) {
        let villain = [
            FRIEND,
            ECHO,
            Villain { framing: Framing::Bytes, ..FRIEND },
            Villain { greeting: "the time is noon", ..FRIEND },
        ][villain];
        let limits = Limits { outbox_bytes, message_bytes: 50, ..Limits::default() };
        let mut post = Post::new(villain, &limits);
        let mut received = [0; 4];
        let mut sent = [0; 4];
        let mut count = |heard: Heard| for (to, text) in heard {
            let std::net::IpAddr::V4(ip) = to.ip() else { panic!("all are IPv4") };
            sent[usize::from(ip.octets()[3])] += text.chars().count();
        };
        for (number, wait, bytes) in said {
            received[usize::from(number)] += bytes.len();
            let remote = address(&format!("192.0.2.{number}:40000"));
            count(post.say_to(remote, "192.0.2.200:1212", &bytes));
            count(post.wait(SECOND * wait));
        }
        post.correspondence.stop(post.now);
        count(post.wait(Duration::ZERO));
        for (received, sent) in received.into_iter().zip(sent) {
            prop_assert!(sent <= 128 + 3 * received, "{sent} for {received}");
        }
    }
}
