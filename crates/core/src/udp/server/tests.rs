use std::net::UdpSocket;
use std::num::NonZeroUsize;
use std::time::Duration;

use socket2::{Domain, Type};

use super::*;
use crate::peer::Peer;
use crate::reactor::poll::wait;
use crate::session::config::{Config, UdpPolicy};
use crate::session::framing::Framing;
use crate::session::outbox::Outbox;
use crate::session::service::{Flow, Refusal, Result, Session};
use crate::udp::filter::Dropped;

/// Sends each message back, and 70,000 bytes for `huge`; says goodbye at a stop.
struct Echo(Framing);

impl Service for Echo {
    fn config(&self, _: Transport) -> Config {
        Config::framed(self.0).udp(UdpPolicy::Limited {
            bytes: 1 << 20,
            factor: 1,
            reason: "a test",
        })
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self(self.0)))
    }
}

impl Session for Echo {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        match message {
            b"huge" => out.send(&[b'x'; 70_000]),
            _ => out.send(message),
        }
        Ok(Flow::Continue)
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        out.send(b"goodbye");
        Ok(Flow::Close)
    }
}

/// A server that is driven by the test itself.
struct Server {
    task: Datagrams,
    port: u16,
}

impl Server {
    fn bind(address: &str, framing: Framing) -> Self {
        Self::serve(bound(address), framing)
    }

    fn serve(socket: Socket, framing: Framing) -> Self {
        let bound = socket.local_addr().expect("it is bound");
        let port = bound.as_socket().expect("an Internet address").port();
        let limits = Limits {
            datagrams_per_second: None,
            ..Limits::default()
        };
        let service = Arc::new(Echo(framing));
        let inlet = Inlet {
            socket,
            place: 0,
            number: 0,
            ports: vec![port],
        };
        let task = Datagrams::new(inlet, service, &limits, State::uncounted(), None);
        let task = task.expect("it can be served");
        Self { task, port }
    }

    /// Waits for something to happen, and does what it makes possible.
    fn turn(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let [Some((fd, interest)), None, None] = self.task.watched() else {
            panic!("there is one socket")
        };
        let ready = wait(&[(0, fd, interest)], Some(deadline)).expect("poll works");
        let (place, broken) = *ready.first().expect("something happens");
        self.task.attend(place, broken, &mut [], Instant::now());
    }
}

fn bound(address: &str) -> Socket {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None);
    let socket = socket.expect("a socket");
    if address.is_ipv6() {
        socket.set_only_v6(true).expect("an option of IPv6");
    }
    socket.bind(&address.into()).expect("a free port");
    socket
}

/// A peer that speaks from `own` to `server`.
fn peer(own: &str, server: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((own, 0)).expect("a free port");
    let timeout = Some(Duration::from_secs(5));
    socket.set_read_timeout(timeout).expect("a timeout");
    socket.connect((server, port)).expect("an address");
    socket
}

/// The next datagram that comes from where the peer sends to.
fn heard(peer: &UdpSocket) -> Vec<u8> {
    let mut heard = vec![0; 65_535];
    let count = peer.recv(&mut heard).expect("an answer");
    heard.truncate(count);
    heard
}

#[track_caller]
fn check(bound: &str, asked: &[(&str, &str)]) {
    let mut server = Server::bind(bound, Framing::Bytes);
    for (own, asked) in asked {
        let peer = peer(own, asked, server.port);
        peer.send(b"hello").expect("a datagram can be sent");
        server.turn();
        // The system lets nothing through to it from another address.
        assert_eq!(heard(&peer), b"hello", "{asked} at {bound}");
    }
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    check(
        "0.0.0.0:0",
        &[("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")],
    );
    check("127.0.0.3:0", &[("127.0.0.1", "127.0.0.3")]);
    check("[::]:0", &[("::1", "::1")]);
    check("[::1]:0", &[("::1", "::1")]);
}

#[test]
fn who_was_there_before_the_server_is_answered() {
    for (everywhere, here) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1")] {
        let socket = bound(everywhere);
        let address = socket.local_addr().expect("it is bound").as_socket();
        let port = address.expect("an Internet address").port();
        let peer = peer(here, here, port);
        peer.send(b"hello").expect("a datagram can be sent");
        let mut server = Server::serve(socket, Framing::Bytes);
        server.turn();
        assert_eq!(heard(&peer), b"hello");
    }
}

#[test]
fn the_largest_and_the_smallest_pass() {
    for bound in ["0.0.0.0:0", "127.0.0.1:0"] {
        let mut server = Server::bind(bound, Framing::Bytes);
        let peer = peer("127.0.0.1", "127.0.0.1", server.port);
        for size in [65_507, 0, 1, 1472, 1473, 65_507] {
            let said: Vec<u8> = (0..size).map(|place| (place % 251) as u8).collect();
            peer.send(&said).expect("a datagram can be sent");
            server.turn();
            assert_eq!(heard(&peer), said);
        }
    }
}

#[test]
fn what_is_longer_than_a_read_is_cut_off() {
    let pieces = Framing::Pieces(NonZeroUsize::new(10).expect("10 is not 0"));
    let mut server = Server::bind("127.0.0.1:0", pieces);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    for (said, answer) in [
        ("0123456789abc", "0123456789"),
        ("0123456789", "0123456789"),
        ("0", "0"),
    ] {
        peer.send(said.as_bytes()).expect("a datagram can be sent");
        server.turn();
        assert_eq!(heard(&peer), answer.as_bytes());
    }
}

#[test]
fn those_who_come_at_once_are_told_apart() {
    let mut server = Server::bind("0.0.0.0:0", Framing::Line);
    let peers: Vec<_> = (0..100)
        .map(|_| peer("127.0.0.1", "127.0.0.1", server.port))
        .collect();
    for word in ["one", "two"] {
        for (place, peer) in peers.iter().enumerate() {
            let said = format!("{word} from {place}\r\n");
            peer.send(said.as_bytes()).expect("a datagram can be sent");
        }
    }
    server.turn();
    for (place, peer) in peers.iter().enumerate() {
        for word in ["one", "two"] {
            let expected = format!("{word} from {place}\r\n");
            assert_eq!(heard(peer), expected.as_bytes());
        }
    }
}

#[test]
fn what_cannot_be_sent_stops_nothing() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Bytes);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    for said in ["before", "huge", "after"] {
        peer.send(said.as_bytes()).expect("a datagram can be sent");
    }
    server.turn();
    assert_eq!(heard(&peer), b"before");
    assert_eq!(heard(&peer), b"after");
    assert_eq!(
        server.task.correspondence.drops().of(Dropped::Unsendable),
        1
    );
}

#[test]
fn a_peer_that_has_gone_stops_nothing() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Bytes);
    let gone = peer("127.0.0.1", "127.0.0.1", server.port);
    gone.send(b"hello").expect("a datagram can be sent");
    drop(gone);
    server.turn();
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    peer.send(b"hello").expect("a datagram can be sent");
    server.turn();
    assert_eq!(heard(&peer), b"hello");
}

#[test]
fn at_a_stop_everybody_has_the_last_words() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Line);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    peer.send(b"hello\r\n").expect("a datagram can be sent");
    server.turn();
    assert_eq!(heard(&peer), b"hello\r\n");
    assert!(!server.task.is_over());
    server.task.stop(Instant::now());
    assert_eq!(heard(&peer), b"goodbye\r\n");
    assert!(server.task.is_over());
    let task: Box<dyn Task> = Box::new(server.task);
    assert!(task.end().is_none());
}
