use std::io;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::session::config::Config;
use crate::session::framing::Framing;
use crate::session::outbox::Outbox;
use crate::session::service::{Error, Flow, Result, Session};
use crate::udp::validation::{BUDGET_KEPT, QUESTION};

/// Sends a greeting unless it is empty, echoes messages, and obeys some commands.
#[derive(Clone, Copy)]
struct TestService {
    framing: Framing,
    greeting: &'static str,
    policy: UdpPolicy,
}

const LINES: TestService = TestService {
    framing: Framing::Line,
    greeting: "hello",
    policy: UdpPolicy::DEFAULT,
};

const ECHO: TestService = TestService {
    framing: Framing::Bytes,
    greeting: "",
    policy: UdpPolicy::DEFAULT,
};

const UNLIMITED: UdpPolicy = UdpPolicy::Limited {
    bytes: u64::MAX,
    factor: 0,
    reason: "a test",
};

struct TestSession {
    greeting: &'static str,
    remaining: u32,
}

impl Service for TestService {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.framing).udp(self.policy)
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        match self.greeting {
            "not you" => Err(Refusal("not you".into())),
            greeting => Ok(Box::new(TestSession {
                greeting,
                remaining: 0,
            })),
        }
    }
}

impl Session for TestSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        if !self.greeting.is_empty() {
            out.send(self.greeting.as_bytes());
        }
        let closes = self.greeting == "the time is noon";
        Ok(if closes { Flow::Close } else { Flow::Continue })
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
                self.remaining = 100;
                return Ok(Flow::WhenWritable);
            }
            b"panic" => panic!("as asked"),
            b"fail" => return Err(Error::Failed("as asked".into())),
            _ => out.send(message),
        }
        Ok(Flow::Continue)
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        while 0 < self.remaining && !out.is_full() {
            out.send(format!("{} left", self.remaining).as_bytes());
            self.remaining -= 1;
        }
        Ok(if 0 < self.remaining {
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

/// Echoes messages, closes after `bye`, and answers `?` by whether the peer is verified. Each session
/// has a port of its own, and is sent at most ten bytes before it sends to that port.
struct DedicatedEcho;

impl Service for DedicatedEcho {
    fn config(&self, _: Transport) -> Config {
        Config::bytes().udp(UdpPolicy::DedicatedPort {
            bytes: 10,
            reason: "a test",
        })
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for DedicatedEcho {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        match message {
            b"?" if out.is_verified() => out.send(b"yes"),
            b"?" => out.send(b"no"),
            message => out.send(message),
        }
        Ok(match message {
            b"bye" => Flow::Close,
            _ => Flow::Continue,
        })
    }
}

/// Runs a program for each datagram.
struct Programs;

impl Service for Programs {
    fn config(&self, _: Transport) -> Config {
        Config::bytes().exec()
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Session for Programs {
    fn on_open(&mut self, _: &mut Outbox) -> Result {
        Ok(Flow::Exec(Box::new(Command::new("true"))))
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        unreachable!("the program replaces the session")
    }
}

/// A peer table with a clock and a supply of ports.
struct TestTable {
    peers: PeerTable,
    ports_left: u16,
    now: Instant,
}

/// A datagram that was sent. Its text has one character per byte.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    from: SocketAddr,
    to: SocketAddr,
    text: String,
}

impl TestTable {
    /// A table that trusts all peers.
    fn new(service: impl Service + 'static, limits: &Limits) -> Self {
        let all = "0.0.0.0/0".parse().expect("a network");
        Self::trusting(vec![all], service, limits)
    }

    /// A table that validates all peers.
    fn validating(service: impl Service + 'static, limits: &Limits) -> Self {
        Self::trusting(Vec::new(), service, limits)
    }

    fn trusting(trusted: Vec<IpNet>, service: impl Service + 'static, limits: &Limits) -> Self {
        let now = Instant::now();
        let admission = Admission::uncounted(limits);
        let filter = Filter::without_interfaces(vec![1212], trusted);
        Self {
            peers: PeerTable::new(Arc::new(service), limits, admission, 0, filter, now),
            ports_left: 0,
            now,
        }
    }

    /// A table of a service with dedicated ports, of which this many can be opened: those below
    /// 50,000 plus this number, in descending order.
    fn with_ports(ports_left: u16) -> Self {
        let limits = Limits {
            datagrams_per_second: NonZeroU32::new(1),
            ..Limits::default()
        };
        Self {
            ports_left,
            ..Self::validating(DedicatedEcho, &limits)
        }
    }

    /// Receives a datagram from peer `number`; returns what is sent to it.
    fn receive(&mut self, number: u8, datagram: impl AsRef<[u8]>) -> Vec<String> {
        self.receive_from(address(&format!("192.0.2.{number}:40000")), datagram)
    }

    fn receive_from(&mut self, remote: SocketAddr, datagram: impl AsRef<[u8]>) -> Vec<String> {
        let sent = self.receive_at("192.0.2.200:1212", remote, datagram);
        assert!(sent.iter().all(|sent| sent.to == remote));
        texts(sent)
    }

    fn receive_at(
        &mut self,
        local: &str,
        remote: SocketAddr,
        datagram: impl AsRef<[u8]>,
    ) -> Vec<Sent> {
        self.push(local, remote, datagram.as_ref());
        self.drain()
    }

    /// Receives a datagram from peer `number` at this port; returns what is sent to it, with the
    /// ports it is sent from.
    fn receive_at_port(
        &mut self,
        port: u16,
        number: u8,
        datagram: impl AsRef<[u8]>,
    ) -> Vec<(u16, String)> {
        let local = format!("198.51.100.1:{port}");
        let remote = address(&format!("192.0.2.{number}:40000"));
        let sent = self.receive_at(&local, remote, datagram);
        assert!(sent.iter().all(|sent| sent.to == remote));
        let sent = sent.into_iter();
        sent.map(|sent| (sent.from.port(), sent.text)).collect()
    }

    fn push(&mut self, local: &str, remote: SocketAddr, bytes: &[u8]) {
        let local = address(local);
        let incoming = Incoming {
            bytes,
            remote,
            local,
            destination: local.ip(),
        };
        let ports_left = &mut self.ports_left;
        let mut open_port = |listener: SocketAddr| {
            *ports_left = ports_left.checked_sub(1).ok_or(io::ErrorKind::AddrInUse)?;
            Ok(SocketAddr::new(listener.ip(), 50_000 + *ports_left))
        };
        self.peers.receive(&incoming, &mut open_port, self.now);
    }

    /// Lets this time pass; returns what is sent.
    fn wait(&mut self, time: Duration) -> Vec<Sent> {
        self.now += time;
        self.peers.tick(self.now);
        self.drain()
    }

    /// Resumes peers until none is ready; returns what is sent.
    fn drain(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        loop {
            let out = &mut self.peers.out;
            all.extend(out.queued().map(|(queued, bytes)| Sent {
                from: queued.from,
                to: queued.to,
                text: bytes.iter().map(|&byte| char::from(byte)).collect(),
            }));
            let count = out.queued().len();
            out.remove(count);
            if !self.peers.is_ready() {
                return all;
            }
            self.peers.resume_ready(usize::MAX, self.now);
        }
    }

    fn dropped(&mut self, reason: Dropped) -> u64 {
        self.peers.out.drops.of(reason)
    }

    fn closed_ports(&mut self) -> Vec<u16> {
        let closed = self.peers.take_closed_ports();
        closed.iter().map(SocketAddr::port).collect()
    }
}

fn address(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn texts(sent: Vec<Sent>) -> Vec<String> {
    sent.into_iter().map(|sent| sent.text).collect()
}

fn from(port: u16, text: &str) -> Vec<(u16, String)> {
    vec![(port, text.to_owned())]
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_peer_has_its_own_session() {
    let mut table = TestTable::new(LINES, &Limits::default());
    assert_eq!(table.receive(1, "\n"), ["hello\n"]);
    assert_eq!(table.receive(2, "\r\n"), ["hello\n"]);
    assert_eq!(table.receive(1, "one\r\n"), ["one\r\n"]);
    assert_eq!(table.receive(2, "two"), ["two\n"]);
    // Another local address makes it another peer, answered from that address.
    let remote = address("192.0.2.1:40000");
    let sent = table.receive_at("192.0.2.201:1212", remote, " ");
    let expected = Sent {
        from: address("192.0.2.201:1212"),
        to: remote,
        text: "hello\n".to_owned(),
    };
    assert_eq!(sent, [expected]);
    assert_eq!(
        table.receive_from(address("192.0.2.1:40001"), ""),
        ["hello\n"]
    );
    assert_eq!(table.peers.peers.len(), 4);
}

#[test]
fn a_blank_first_datagram_is_answered_by_the_greeting() {
    let limits = Limits::default();
    let answer = |datagram: &str| TestTable::new(LINES, &limits).receive(1, datagram);
    assert_eq!(answer("\r\n"), ["hello\n"]);
    assert_eq!(answer("I am sad\n"), ["I am sad\n"]);
    let noon = TestService {
        greeting: "the time is noon",
        ..LINES
    };
    let refusing = TestService {
        greeting: "not you",
        ..ECHO
    };
    for datagram in ["\n", "what?\n"] {
        for (service, text) in [(noon, "the time is noon\n"), (refusing, "not you\n")] {
            let mut table = TestTable::new(service, &limits);
            assert_eq!(table.receive(1, datagram), [text]);
            assert_eq!(table.receive(1, datagram), [text], "a new session");
        }
    }
    // Without a greeting, a blank datagram is a message.
    let mut echo = TestTable::new(ECHO, &limits);
    assert_eq!(echo.receive(1, ""), [""]);
    assert_eq!(echo.receive(2, " \r\n"), [" \r\n"]);
}

#[test]
fn the_end_of_a_session_affects_no_other() {
    let mut table = TestTable::new(LINES, &Limits::default());
    table.receive(2, "here\n");
    for (datagram, answer) in [
        ("bye", vec!["bye bye\n"]),
        ("panic", vec![]),
        ("fail", vec![]),
    ] {
        assert_eq!(table.receive(1, datagram), answer);
        assert_eq!(table.receive(1, "\n"), ["hello\n"], "a new session");
    }
    assert_eq!(table.receive(2, "there\n"), ["there\n"]);
    let too_long = "That line is too long. Goodbye.\n";
    assert_eq!(table.receive(2, vec![b'x'; 8193]), [too_long]);
}

/// The code in a question.
#[track_caller]
fn code(question: &str) -> &str {
    let code = question.strip_prefix(QUESTION);
    code.unwrap_or_else(|| panic!("no question: {question:?}"))
        .trim_end()
}

#[test]
fn a_peer_that_gets_more_than_it_sends_is_asked_once_before() {
    for (first, answer) in [
        ("\r\n", "hello\n".to_owned()),
        ("long\r\n", "x".repeat(500) + "\r\n"),
    ] {
        let mut table = TestTable::validating(LINES, &Limits::default());
        let sent = table.receive(1, first);
        assert_eq!(sent.len(), 1);
        let code = code(&sent[0]);
        assert_eq!(table.receive(1, format!("{code}\r\n")), [answer]);
        let long = "x".repeat(500) + "\n";
        for _ in 0..10 {
            assert_eq!(table.receive(1, "long"), [long.as_str()]);
        }
        // The address stays verified after the end of the session.
        assert_eq!(table.receive(1, "bye"), ["bye bye\n"]);
        assert_eq!(table.receive(1, "long"), [long.as_str()]);
    }
}

#[test]
fn a_peer_that_gets_no_more_than_it_sends_is_not_asked() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    for number in 0..100 {
        let text = number.to_string();
        assert_eq!(table.receive(1, &text), [text + "\n"]);
    }
    let noon = TestService {
        greeting: "the time is noon",
        ..LINES
    };
    let mut table = TestTable::validating(noon, &Limits::default());
    assert_eq!(table.receive(1, ""), ["the time is noon\n"], "all there is");
}

#[test]
fn a_peer_that_does_not_return_its_code_gets_what_the_limit_allows() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    let question = table.receive(1, "\n").remove(0);
    assert_eq!(table.receive(1, "I am sad"), ["hello\n", "I am sad\n"]);
    // A reply over the limit waits. The question is repeated where the limit allows that.
    let long = "x".repeat(500) + "\n";
    let mut questions = 0;
    for number in 10..20 {
        let mut command = "long".to_owned();
        if 10 < number {
            command = number.to_string();
        }
        let sent = table.receive(1, command);
        assert!(sent.is_empty() || sent == [question.as_str()], "{sent:?}");
        questions += sent.len();
    }
    assert_eq!(questions, 1);
    let sent = table.receive(1, code(&question));
    assert_eq!(sent[0], long);
    assert_eq!(
        sent[1..],
        [11, 12, 13, 14, 15, 16, 17, 18, 19].map(|number| format!("{number}\n"))
    );
}

#[test]
fn received_bytes_release_queued_replies_in_order() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    code(&table.receive(1, "long")[0]);
    let message = "-".repeat(60);
    assert_eq!(table.receive(1, &message).len(), 1, "the question again");
    let long = "y".repeat(250);
    let sent = table.receive(1, &long);
    assert_eq!(sent, ["x".repeat(500) + "\n", message + "\n", long + "\n"]);
}

#[test]
fn a_code_verifies_a_peer_that_was_forgotten() {
    let limits = Limits {
        max_clients: 1,
        ..Limits::default()
    };
    let mut table = TestTable::validating(LINES, &limits);
    let question = table.receive(1, "").remove(0);
    assert_eq!(table.receive(2, "x"), ["x\n"]);
    assert_eq!(table.peers.peers.len(), 1);
    assert_eq!(table.receive(1, code(&question)), ["hello\n"]);
    assert_eq!(table.receive(1, "long").concat().len(), 501);
}

#[test]
fn a_new_session_does_not_renew_the_limit() {
    let silent = TestService {
        greeting: "",
        ..LINES
    };
    let mut table = TestTable::validating(silent, &Limits::default());
    let count = 20;
    let sent: usize = (0..count)
        .flat_map(|_| table.receive(1, "bye"))
        .map(|answer| answer.len())
        .sum();
    assert!(sent <= 128 + 3 * 3 * count, "{sent} bytes");
    assert!(100 < sent);
}

#[test]
fn neither_ports_nor_evictions_renew_the_limit_of_a_host() {
    for max_clients in [1, 1000] {
        let limits = Limits {
            max_clients,
            ..Limits::default()
        };
        let mut table = TestTable::validating(LINES, &limits);
        let mut sent = 0;
        for port in 1024..1124 {
            let remote = SocketAddr::from(([192, 0, 2, 1], port));
            sent += table.receive_from(remote, "\n").concat().len();
        }
        assert!(sent <= 128 + 3 * 100, "{sent} bytes");
        // All of a /64 is one host; an IPv4-mapped address is the IPv4 address.
        let mut sent = 0;
        for last in 1..100 {
            let remote = address(&format!("[2001:db8::{last}]:40000"));
            let local = "[2001:db8:1::1]:1212";
            sent += texts(table.receive_at(local, remote, "\n")).concat().len();
            let remote = address("[::ffff:192.0.2.1]:50000");
            table.receive_at("[::ffff:192.0.2.200]:1212", remote, "");
        }
        assert!(sent <= 128 + 3 * 100, "{sent} bytes");
    }
}

#[test]
fn what_verified_peers_were_sent_does_not_count_for_their_host() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    for port in 1024..1124 {
        let remote = SocketAddr::from(([192, 0, 2, 1], port));
        let question = table.receive_from(remote, "").remove(0);
        assert_eq!(table.receive_from(remote, code(&question)), ["hello\n"]);
    }
}

#[test]
fn raw_replies_over_the_limit_are_dropped() {
    let mut table = TestTable::validating(ECHO, &Limits::default());
    assert_eq!(table.receive(1, "long"), [""; 0]);
    assert_eq!(table.dropped(Dropped::AmplificationLimit), 1);
    assert_eq!(table.receive(1, "short"), ["short"]);
}

#[test]
fn peers_that_cannot_be_forged_have_no_limit() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    for number in 1..100 {
        let remote = SocketAddr::from(([127, 0, 0, number], 40_000));
        assert_eq!(table.receive_from(remote, "\n"), ["hello\n"]);
        assert_eq!(table.receive_from(remote, "long").concat().len(), 501);
    }
}

#[test]
fn replies_over_the_rate_are_dropped() {
    let limits = Limits {
        datagrams_per_second: NonZeroU32::new(5),
        ..Limits::default()
    };
    let mut table = TestTable::new(ECHO, &limits);
    let mut sent = |count| (0..count).flat_map(|_| table.receive(1, "x")).count();
    assert_eq!(sent(100), 5);
    assert_eq!(table.receive(2, "x"), ["x"], "other peers are not affected");
    table.wait(SECOND);
    assert_eq!((0..100).flat_map(|_| table.receive(1, "x")).count(), 5);
    assert_eq!(table.dropped(Dropped::RateLimit), 190);
}

/// Passes datagrams between a server at port 2001 and one at port 2002, each after 12 ms, for a minute
/// after one forged datagram; returns how many.
fn loop_between_servers(service: TestService, validates: bool, limits: &Limits) -> usize {
    let servers = [address("192.0.2.1:2001"), address("192.0.2.2:2002")];
    let new = match validates {
        true => TestTable::validating,
        false => TestTable::new,
    };
    let mut tables = [(); 2].map(|()| new(service, limits));
    let mut datagrams = vec!["hello".to_owned()];
    let mut passed = 0;
    for turn in 0..60_000 / 12 {
        passed += datagrams.len();
        let [from, to] = [turn % 2, 1 - turn % 2];
        for table in &mut tables {
            table.now += Duration::from_millis(12);
        }
        let local = servers[to].to_string();
        let answers = std::mem::take(&mut datagrams).into_iter().flat_map(|text| {
            let sent = tables[to].receive_at(&local, servers[from], text);
            texts(sent)
        });
        datagrams = answers.collect();
    }
    passed
}

#[test]
fn a_slow_loop_between_two_servers_ends() {
    let limits = Limits::default();
    let closing = TestService {
        greeting: "the time is noon",
        ..LINES
    };
    for service in [ECHO, LINES, closing] {
        for validates in [true, false] {
            let passed = loop_between_servers(service, validates, &limits);
            assert!((500..=700).contains(&passed), "{passed}");
        }
    }
    let unlimited = Limits {
        datagrams_per_second: None,
        ..limits
    };
    assert_eq!(loop_between_servers(ECHO, true, &unlimited), 5000);
}

#[test]
fn a_client_that_waits_for_each_answer_is_not_taken_for_a_loop() {
    let mut table = TestTable::new(ECHO, &Limits::default());
    for number in 0..1000 {
        table.wait(Duration::from_millis(12));
        let text = number.to_string();
        assert_eq!(table.receive(1, &text), [text]);
    }
}

#[test]
fn a_verified_peer_is_not_taken_for_a_loop() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    let question = table.receive(1, "long\r\n").remove(0);
    table.receive(1, code(&question));
    for _ in 0..5000 {
        table.wait(Duration::from_millis(12));
        assert_eq!(table.receive(1, "hello"), ["hello\n"]);
    }
    assert_eq!(table.dropped(Dropped::Loop), 0);
}

#[test]
fn unverified_peers_start_few_programs() {
    let mut table = TestTable::validating(Programs, &Limits::default());
    let peer = |host: u16, port: u16| -> SocketAddr {
        let [high, low] = host.to_be_bytes();
        ([198, 18, high, low], port).into()
    };
    // One host.
    (0..100).for_each(|port| drop(table.receive_from(peer(0, 40_000 + port), "x")));
    assert_eq!(table.peers.jobs.len(), 16);
    // All hosts.
    (0..300).for_each(|host| drop(table.receive_from(peer(1 + host, 40_000), "x")));
    assert_eq!(table.peers.jobs.len(), 64);
    assert_eq!(table.dropped(Dropped::Programs), 400 - 64);
    // A peer is asked for the code, and starts a program when it is verified.
    let asked = table.receive_from(peer(1000, 40_000), "x").remove(0);
    assert_eq!(
        table.receive_from(peer(1000, 40_000), code(&asked)),
        [""; 0]
    );
    for count in 1..=20 {
        table.receive_from(peer(1000, 40_000), "x");
        assert_eq!(table.peers.jobs.len(), 64 + count);
    }
    // So does one that lost its place meanwhile.
    let lost = (peer(1000, 40_000), address("192.0.2.200:1212"));
    table.peers.remove(lost, CloseReason::Evicted);
    assert_eq!(table.receive_from(lost.0, code(&asked)), [""; 0]);
    assert_eq!(table.peers.jobs.len(), 64 + 20);
    table.receive_from(lost.0, "x");
    assert_eq!(table.peers.jobs.len(), 64 + 21);
    // Each that ends makes room for one.
    for job in table.peers.jobs.split_off(1) {
        table.peers.reply(job.key, b"", table.now);
    }
    (0..100).for_each(|port| drop(table.receive_from(peer(2000, 40_000 + port), "x")));
    assert_eq!(table.peers.jobs.len(), 1 + 16);
    table.peers.reply(table.peers.jobs[1].key, b"", table.now);
    table.receive_from(peer(2000, 50_000), "x");
    assert_eq!(table.peers.jobs.len(), 2 + 16);
}

#[test]
fn half_of_the_programs_are_for_verified_peers() {
    for (max_clients, unverified) in [(1, 1), (2, 1), (10, 5)] {
        let limits = Limits {
            max_clients,
            ..Limits::default()
        };
        let mut table = TestTable::validating(Programs, &limits);
        (0..100).for_each(|number| drop(table.receive(number, "x")));
        assert_eq!(table.peers.jobs.len(), unverified);
    }
}

#[test]
fn a_session_with_more_to_send_is_delayed_to_the_rate() {
    let limits = Limits {
        datagrams_per_second: NonZeroU32::new(50),
        outbox_bytes: 100,
        ..Limits::default()
    };
    let unlimited = TestService {
        policy: UNLIMITED,
        ..ECHO
    };
    let mut table = TestTable::new(unlimited, &limits);
    let mut sent = table.receive(1, "more");
    assert_eq!(sent.len(), 50);
    assert_eq!(table.receive(1, "too early"), [""; 0]);
    assert_eq!(table.dropped(Dropped::Busy), 1);
    while sent.len() < 100 {
        let before = sent.len();
        let due = table.peers.deadline().expect("a delayed datagram");
        sent.extend(texts(table.wait(due - table.now)));
        assert!(before < sent.len(), "something is sent at each deadline");
    }
    let all: Vec<_> = (1..=100).rev().map(|left| format!("{left} left")).collect();
    assert_eq!(sent, all);
}

#[test]
fn busy_peers_take_turns() {
    let limits = Limits {
        datagrams_per_second: None,
        ..Limits::default()
    };
    let unlimited = TestService {
        policy: UNLIMITED,
        ..ECHO
    };
    let mut table = TestTable::new(unlimited, &limits);
    for number in [1, 2] {
        let remote = address(&format!("192.0.2.{number}:40000"));
        table.push("192.0.2.200:1212", remote, b"more");
    }
    let sent = table.drain();
    assert_eq!(sent.len(), 200);
    let first = sent[..64].iter();
    let of_second = first.filter(|sent| sent.to.ip() == address("192.0.2.2:1").ip());
    assert_eq!(of_second.count(), 32);
}

#[test]
fn a_timeout_while_output_is_blocked_waits_for_room() {
    let limits = Limits {
        datagrams_per_second: None,
        session_timeout: Some(10 * SECOND),
        ..Limits::default()
    };
    let unlimited = TestService {
        policy: UNLIMITED,
        ..LINES
    };
    let mut table = TestTable::new(unlimited, &limits);
    table.receive(1, "here");
    while !table.peers.out.is_full() {
        let remote = address("192.0.2.1:40000");
        table.push("192.0.2.200:1212", remote, b"many");
    }
    assert!(table.peers.is_ready());
    table.now += 10 * SECOND;
    table.peers.tick(table.now);
    let sent = texts(table.drain());
    let message = "The session time limit is reached. Goodbye.\n";
    assert_eq!(sent.last().map(String::as_str), Some(message));
}

#[test]
fn idle_peers_are_removed_without_a_message() {
    let limits = Limits {
        idle_timeout: Some(10 * SECOND),
        ..Limits::default()
    };
    let mut table = TestTable::new(LINES, &limits);
    table.receive(1, "one");
    table.wait(4 * SECOND);
    table.receive(2, "two");
    table.wait(4 * SECOND);
    table.receive(1, "one");
    assert_eq!(
        table.peers.deadline(),
        Some(table.now + 2 * SECOND),
        "a stale entry expires early"
    );
    assert_eq!(table.wait(2 * SECOND), []);
    assert_eq!(table.peers.peers.len(), 2);
    assert_eq!(table.peers.deadline(), Some(table.now + 4 * SECOND));
    assert_eq!(table.wait(4 * SECOND), []);
    assert_eq!(table.peers.peers.len(), 1, "the second is removed");
    assert_eq!(table.wait(4 * SECOND), []);
    assert!(table.peers.peers.is_empty() && table.peers.by_activity.len() == 0);
    assert_eq!(table.peers.deadline(), None);
    assert_eq!(table.receive(1, ""), ["hello\n"]);
}

#[test]
fn the_least_active_peer_is_evicted() {
    let limits = Limits {
        max_clients: 3,
        session_timeout: Some(1000 * SECOND),
        ..Limits::default()
    };
    let mut table = TestTable::new(LINES, &limits);
    for number in [1, 2, 3, 1, 2] {
        table.receive(number, "here");
        table.wait(SECOND);
    }
    table.receive(4, "here");
    table.receive(5, "here");
    let mut remotes: Vec<_> = table
        .peers
        .peers
        .keys()
        .map(|key| key.0.to_string())
        .collect();
    remotes.sort();
    assert_eq!(
        remotes,
        ["192.0.2.2:40000", "192.0.2.4:40000", "192.0.2.5:40000"]
    );
    assert_eq!(table.peers.by_activity.len(), 3);
    assert_eq!(table.peers.schedule.due.len(), 3);
}

/// A table of 3 places with two verified peers, 1 and 2, and one unverified peer, 3.
fn full_table(service: impl Service + 'static) -> TestTable {
    let limits = Limits {
        max_clients: 3,
        ..Limits::default()
    };
    let trusted = ["192.0.2.1/32", "192.0.2.2/32"].map(str::parse);
    let trusted = trusted.map(|network| network.expect("a network"));
    let mut table = TestTable::trusting(trusted.to_vec(), service, &limits);
    table.ports_left = 10_000;
    for number in 1..=3 {
        assert_eq!(table.receive(number, "x").len(), 1);
        table.wait(SECOND);
    }
    table
}

fn numbers(table: &TestTable) -> Vec<String> {
    let ips = table.peers.peers.keys().map(|key| key.0.ip().to_string());
    let mut numbers: Vec<_> = ips.collect();
    numbers.sort();
    numbers
}

#[test]
fn forged_datagrams_do_not_evict_verified_peers() {
    let mut table = full_table(LINES);
    for number in 0..10_000_u32 {
        let [.., high, low] = number.to_be_bytes();
        table.receive_from(SocketAddr::from(([10, 0, high, low], 40_000)), "x");
        table.wait(SECOND / 1000);
    }
    assert_eq!(numbers(&table), ["10.0.39.15", "192.0.2.1", "192.0.2.2"]);
    assert_eq!(table.peers.by_activity.len(), 3);
}

#[test]
fn a_place_of_a_verified_peer_is_for_verified_peers_only() {
    let mut table = full_table(LINES);
    let question = table.receive(3, "long").remove(0);
    assert_eq!(table.receive(3, code(&question)).concat().len(), 501);
    // Now all are verified. A new one is asked before it gets a place.
    for number in 0..50 {
        let remote = SocketAddr::from(([10, 0, 0, number], 40_000));
        code(&table.receive_from(remote, "x")[0]);
    }
    assert_eq!(numbers(&table), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let question = table.receive(4, "x").remove(0);
    assert_eq!(table.receive(4, code(&question)), ["hello\n"]);
    assert_eq!(numbers(&table), ["192.0.2.2", "192.0.2.3", "192.0.2.4"]);
    // It cannot be asked where messages are no lines.
    let mut table = full_table(ECHO);
    table.receive(1, "x");
    table.peers.remove(
        (address("192.0.2.3:40000"), address("192.0.2.200:1212")),
        CloseReason::Evicted,
    );
    let remote = address("192.0.2.1:40001");
    assert_eq!(table.receive_from(remote, "x"), ["x"], "the third place");
    assert_eq!(table.receive(4, "x"), [""; 0]);
    assert_eq!(table.dropped(Dropped::Full), 1);
}

#[test]
fn full_servers_do_not_ask_each_other_without_end() {
    let mut tables = [(); 2].map(|()| {
        let mut table = full_table(LINES);
        let question = table.receive(3, "long").remove(0);
        table.receive(3, code(&question));
        table
    });
    let [one, other] = &mut tables;
    let question = one.receive(4, "x").remove(0);
    assert_eq!(other.receive(4, &question), [""; 0]);
    // Nor are more questions sent than this, whatever the datagrams are.
    let mut ask = |number: u16| {
        let host = 1000 + u32::from(number);
        let remote = SocketAddr::from((std::net::Ipv4Addr::from(host), 40_000));
        one.receive_from(remote, "x").len()
    };
    let asked: usize = (0..1000).map(&mut ask).sum();
    assert_eq!(asked, 99);
}

#[test]
fn no_transfer_ends_for_another_one() {
    let mut table = full_table(DedicatedEcho);
    let port = SocketAddr::from(([192, 0, 2, 200], 50_000 + 9_999));
    assert_eq!(table.closed_ports(), [0_u16; 0]);
    for number in 10..100 {
        table.receive(number, "x");
    }
    assert_eq!(numbers(&table), ["192.0.2.1", "192.0.2.2", "192.0.2.99"]);
    // A trusted peer has no place either once all others are verified.
    let last = table
        .peers
        .peers
        .keys()
        .find(|key| key.0.ip() == address("192.0.2.99:1").ip());
    let &(remote, local) = last.expect("it has a session");
    table.receive_at(&local.to_string(), remote, "x");
    table.receive_from(address("192.0.2.1:40001"), "x");
    table.receive(100, "x");
    assert_eq!(table.dropped(Dropped::Full), 2);
    assert_eq!(numbers(&table), ["192.0.2.1", "192.0.2.2", "192.0.2.99"]);
    let sent = table.receive_at(&port.to_string(), address("192.0.2.1:40000"), "more");
    assert_eq!(texts(sent), ["more"]);
    assert_eq!(table.closed_ports().len(), 92, "those of the others");
}

#[test]
fn all_queues_are_bounded_by_the_number_of_peers() {
    let limits = Limits {
        max_clients: 10,
        session_timeout: Some(1000 * SECOND),
        ..Limits::default()
    };
    for mut table in [
        TestTable::new(LINES, &limits),
        TestTable::validating(LINES, &limits),
    ] {
        for number in 0..5000_u32 {
            let [.., high, low] = number.to_be_bytes();
            table.receive_from(SocketAddr::from(([10, 0, high, low], 40_000)), "long");
        }
        let bounded = &table.peers;
        assert_eq!(
            (
                bounded.peers.len(),
                bounded.by_activity.len(),
                bounded.schedule.due.len(),
                bounded.schedule.ready.len()
            ),
            (10, 10, 10, 0)
        );
    }
}

#[test]
fn sessions_per_host_are_limited() {
    let limits = Limits {
        max_clients_per_host: Some(1),
        ..Limits::default()
    };
    let mut table = TestTable::new(LINES, &limits);
    assert_eq!(table.receive(1, "one"), ["one\n"]);
    let other = |number: u16| SocketAddr::from(([192, 0, 2, 1], 40_001 + number));
    let sent = table.receive_from(other(0), "two");
    assert!(sent[0].starts_with("Too many sessions from 192.0.2.1"));
    let refusals = (1..100).flat_map(|number| table.receive_from(other(number), "two"));
    assert_eq!(refusals.count(), 9, "the rate limit of refusals");
    assert_eq!(table.peers.peers.len(), 1);
    assert_eq!(table.receive(1, "bye"), ["bye bye\n"]);
    assert_eq!(table.receive_from(other(0), "two"), ["two\n"]);
}

#[test]
fn sessions_time_out() {
    let limits = Limits {
        session_timeout: Some(10 * SECOND),
        ..Limits::default()
    };
    let mut table = TestTable::new(LINES, &limits);
    let message = "The session time limit is reached. Goodbye.\n";
    for _ in 0..2 {
        table.receive(1, "here");
        table.wait(9 * SECOND);
        assert_eq!(table.receive(1, "still here"), ["still here\n"]);
        assert_eq!(texts(table.wait(SECOND)), [message]);
    }
}

#[test]
fn a_stop_notifies_sessions_and_opens_no_new_ones() {
    let mut table = TestTable::validating(LINES, &Limits::default());
    table.receive(1, "here");
    table.receive(2, "here");
    table.receive(2, "bye");
    table.receive(3, "long");
    assert!(!table.peers.is_done());
    table.peers.stop(table.now);
    // The reply to the third exceeds its limit, and is dropped.
    assert_eq!(
        texts(table.wait(Duration::ZERO)),
        ["last words\n", "last words\n"]
    );
    assert!(table.peers.is_done());
    assert_eq!(table.receive(4, "here"), [""; 0]);
    assert_eq!(table.dropped(Dropped::Stopping), 1);
}

#[test]
fn each_session_has_its_own_port() {
    let mut table = TestTable::with_ports(9);
    assert_eq!(table.receive_at_port(1212, 1, "one"), from(50_008, "one"));
    assert_eq!(table.receive_at_port(1212, 2, "two"), from(50_007, "two"));
    assert_eq!(
        table.receive_at_port(50_008, 1, "more"),
        from(50_008, "more")
    );
    assert_eq!(
        table.receive_at_port(1212, 1, "again"),
        from(50_008, "again")
    );
    assert_eq!(table.receive_at_port(50_008, 1, "bye"), from(50_008, "bye"));
    assert_eq!(table.closed_ports(), [50_008]);
    assert_eq!(table.receive_at_port(1212, 1, "new"), from(50_006, "new"));
    assert!(table.closed_ports().is_empty());
}

#[test]
fn a_datagram_to_the_dedicated_port_lifts_all_limits() {
    let mut table = TestTable::with_ports(9);
    assert_eq!(table.receive_at_port(1212, 1, "0123456789").len(), 1);
    assert_eq!(
        table.receive_at_port(1212, 1, "x").len(),
        0,
        "over the limit"
    );
    for _ in 0..100 {
        assert_eq!(table.receive_at_port(50_008, 1, [b'x'; 1000]).len(), 1);
    }
}

#[test]
fn a_session_knows_whether_its_peer_is_verified() {
    let mut table = TestTable::with_ports(9);
    for _ in 0..2 {
        assert_eq!(table.receive_at_port(1212, 1, "?"), from(50_008, "no"));
        table.now += SECOND;
    }
    assert_eq!(table.receive_at_port(50_008, 2, "?"), from(50_008, "no"));
    for port in [50_008, 1212] {
        assert_eq!(table.receive_at_port(port, 1, "?"), from(50_008, "yes"));
    }
}

#[test]
fn another_peer_at_a_dedicated_port_has_its_own_session() {
    let mut table = TestTable::with_ports(9);
    table.receive_at_port(1212, 1, "one");
    assert_eq!(table.receive_at_port(50_008, 2, "hm?"), from(50_008, "hm?"));
    assert_eq!(table.receive_at_port(50_008, 2, "longer than ten").len(), 0);
    table.now += 10 * SECOND;
    assert_eq!(table.receive_at_port(50_008, 2, "bye"), from(50_008, "bye"));
    assert!(table.closed_ports().is_empty());
    assert_eq!(
        table.receive_at_port(50_008, 1, "more"),
        from(50_008, "more")
    );
}

#[test]
fn without_a_free_port_there_is_no_session() {
    let mut table = TestTable::with_ports(1);
    assert_eq!(table.receive_at_port(1212, 1, "one"), from(50_000, "one"));
    assert_eq!(table.receive_at_port(1212, 2, "two"), []);
    table.peers.stop(table.now);
    table.peers.resume_ready(usize::MAX, table.now);
    assert_eq!(table.closed_ports(), [50_000], "its session was notified");
}

proptest! {
    #[test]
    fn nothing_panics_and_no_host_is_sent_more_than_its_limit(
        service in 0..5_usize,
        max_clients in prop::sample::select(vec![1_usize, 2, 3, 1000]),
        outbox_bytes in prop::sample::select(vec![1_usize, 30, 10_000]),
        datagrams in prop::collection::vec((0..4_u8, 0..3_u16, 0..3_u32, prop_oneof![
            any::<Vec<u8>>(),
            prop::sample::select(vec!["", "\n", "bye", "long", "many", "more", "panic", "fail\r\n", "long\n", "00000000"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ]), 0..60),
    ) {
        let service = [
            LINES,
            ECHO,
            TestService { framing: Framing::Bytes, ..LINES },
            TestService { greeting: "the time is noon", ..LINES },
            TestService { greeting: "not you", ..LINES },
        ][service];
        let limits = Limits { max_clients, outbox_bytes, message_bytes: 50, ..Limits::default() };
        let mut table = TestTable::validating(service, &limits);
        let start = table.now;
        let mut received = [0; 4];
        let mut sent = [0; 4];
        let mut count = |datagrams: Vec<Sent>| for Sent { to, text, .. } in datagrams {
            let std::net::IpAddr::V4(ip) = to.ip() else { panic!("all are IPv4") };
            sent[usize::from(ip.octets()[3])] += text.chars().count();
        };
        for (number, port, wait, bytes) in datagrams {
            received[usize::from(number)] += bytes.len();
            let remote = address(&format!("192.0.2.{number}:{}", 40_000 + port));
            count(table.receive_at("192.0.2.200:1212", remote, &bytes));
            count(table.wait(SECOND * wait));
        }
        table.peers.stop(table.now);
        count(table.wait(Duration::ZERO));
        let times = 1 + (table.now - start).as_secs() / BUDGET_KEPT.as_secs();
        for (received, sent) in received.into_iter().zip(sent) {
            prop_assert!(sent <= 128 * times as usize + 3 * received, "{sent} for {received}");
        }
    }
}

#[test]
fn a_flood_of_requests_leaves_ports_for_verified_peers() {
    let mut table = TestTable::with_ports(10_000);
    table.peers.limit_descriptors(1024);
    assert_eq!(
        (table.peers.max_peers, table.peers.max_unverified),
        (298, 75)
    );
    let mut ports = Vec::new();
    let local = "198.51.100.1:1212";
    for host in 0..2000_u16 {
        let [high, low] = host.to_be_bytes();
        let forged = ([198, 18, high, low], 40_000).into();
        assert_eq!(table.receive_at(local, forged, "x").len(), 1);
        // A client begins a transfer now and then, and answers at once.
        if host % 10 == 0 && ports.len() < 200 {
            let client: SocketAddr = ([192, 0, 2, 1], 20_000 + host).into();
            let answer = table.receive_at(local, client, "x").remove(0);
            let port = answer.from.to_string();
            assert_eq!(
                table.receive_at(&port, client, "more than ten bytes").len(),
                1
            );
            ports.push((client, port));
        }
        let unverified = table.peers.by_activity.of(false).len();
        assert!(unverified <= 75, "{unverified} unverified peers");
        assert!(table.peers.peers.len() <= 298);
    }
    assert_eq!(table.closed_ports().len(), 2000 - 75);
    // No transfer of a verified peer has ended.
    for (client, port) in ports {
        assert_eq!(
            table.receive_at(&port, client, "more than ten bytes").len(),
            1
        );
    }
}

#[test]
fn an_unverified_peer_ends_when_no_port_is_left() {
    let mut table = TestTable::with_ports(2);
    for number in 1..=2 {
        table.receive_at_port(1212, number, "x");
    }
    assert_eq!(table.receive_at_port(1212, 3, "x"), []);
    assert_eq!(table.closed_ports(), [50_001]);
    table.ports_left = 2;
    assert_eq!(table.receive_at_port(1212, 3, "x"), from(50_001, "x"));
}
