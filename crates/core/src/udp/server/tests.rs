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

/// Echoes messages, sends 70,000 bytes for `huge`, and `goodbye` when the server stops.
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

/// A server without a reactor: the test calls it.
struct Server {
    udp: UdpServer,
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
        let listener = UdpListener {
            socket,
            address_index: 0,
            index: 0,
            ports: vec![port],
            trusted: Vec::new(),
        };
        let udp = UdpServer::new(listener, service, &limits, Stats::uncounted(), None);
        let udp = udp.expect("it can be served");
        Self { udp, port }
    }

    /// Waits for an event and handles it, with all work that is due then.
    fn turn(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let [Some((fd, interest)), None, None] = self.udp.watched() else {
            panic!("one socket is watched")
        };
        let ready = wait(&[(0, fd, interest)], Some(deadline)).expect("poll works");
        let (index, broken) = *ready.first().expect("an event occurs in time");
        let now = Instant::now();
        self.udp.on_ready(index, broken, &mut [], now);
        while self.udp.is_due() {
            self.udp.resume(1, now);
        }
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

/// A client at the address `own` of the address `server`.
fn peer(own: &str, server: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((own, 0)).expect("a free port");
    let timeout = Some(Duration::from_secs(5));
    socket.set_read_timeout(timeout).expect("a timeout");
    socket.connect((server, port)).expect("an address");
    socket
}

/// The next datagram from the address that the client sends to.
fn recv(peer: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 65_535];
    let count = peer.recv(&mut bytes).expect("a reply");
    bytes.truncate(count);
    bytes
}

#[track_caller]
fn check(bound: &str, peers: &[(&str, &str)]) {
    let mut server = Server::bind(bound, Framing::Bytes);
    for (own, server_address) in peers {
        let peer = peer(own, server_address, server.port);
        peer.send(b"hello").expect("a datagram can be sent");
        server.turn();
        // A connected socket receives nothing from another address.
        assert_eq!(recv(&peer), b"hello", "{server_address} at {bound}");
    }
}

#[test]
fn replies_leave_from_the_address_of_the_request() {
    check(
        "0.0.0.0:0",
        &[("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")],
    );
    check("127.0.0.3:0", &[("127.0.0.1", "127.0.0.3")]);
    check("[::]:0", &[("::1", "::1")]);
    check("[::1]:0", &[("::1", "::1")]);
}

#[test]
fn datagrams_queued_before_the_start_are_answered() {
    for (any, loopback) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1")] {
        let socket = bound(any);
        let address = socket.local_addr().expect("it is bound").as_socket();
        let port = address.expect("an Internet address").port();
        let peer = peer(loopback, loopback, port);
        peer.send(b"hello").expect("a datagram can be sent");
        let mut server = Server::serve(socket, Framing::Bytes);
        server.turn();
        assert_eq!(recv(&peer), b"hello");
    }
}

#[test]
fn the_longest_and_the_empty_datagram_pass() {
    for bound in ["0.0.0.0:0", "127.0.0.1:0"] {
        let mut server = Server::bind(bound, Framing::Bytes);
        let peer = peer("127.0.0.1", "127.0.0.1", server.port);
        for size in [65_507, 0, 1, 1472, 1473, 65_507] {
            let sent: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            peer.send(&sent).expect("a datagram can be sent");
            server.turn();
            assert_eq!(recv(&peer), sent);
        }
    }
}

#[test]
fn datagrams_longer_than_a_read_are_truncated() {
    let pieces = Framing::Chunks(NonZeroUsize::new(10).expect("10 is not 0"));
    let mut server = Server::bind("127.0.0.1:0", pieces);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    for (message, reply) in [
        ("0123456789abc", "0123456789"),
        ("0123456789", "0123456789"),
        ("0", "0"),
    ] {
        peer.send(message.as_bytes())
            .expect("a datagram can be sent");
        server.turn();
        assert_eq!(recv(&peer), reply.as_bytes());
    }
}

#[test]
fn interleaved_datagrams_of_many_peers_are_answered() {
    let mut server = Server::bind("0.0.0.0:0", Framing::Line);
    let peers: Vec<_> = (0..100)
        .map(|_| peer("127.0.0.1", "127.0.0.1", server.port))
        .collect();
    for word in ["one", "two"] {
        for (index, peer) in peers.iter().enumerate() {
            let message = format!("{word} from {index}\r\n");
            peer.send(message.as_bytes())
                .expect("a datagram can be sent");
        }
    }
    server.turn();
    for (index, peer) in peers.iter().enumerate() {
        for word in ["one", "two"] {
            let expected = format!("{word} from {index}\r\n");
            assert_eq!(recv(peer), expected.as_bytes());
        }
    }
}

#[test]
fn a_reply_that_cannot_be_sent_is_dropped_alone() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Bytes);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    for message in ["before", "huge", "after"] {
        peer.send(message.as_bytes())
            .expect("a datagram can be sent");
    }
    server.turn();
    assert_eq!(recv(&peer), b"before");
    assert_eq!(recv(&peer), b"after");
    assert_eq!(server.udp.peers.out.drops.of(Dropped::Unsendable), 1);
}

#[test]
fn a_closed_peer_affects_no_other() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Bytes);
    let gone = peer("127.0.0.1", "127.0.0.1", server.port);
    gone.send(b"hello").expect("a datagram can be sent");
    drop(gone);
    server.turn();
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    peer.send(b"hello").expect("a datagram can be sent");
    server.turn();
    assert_eq!(recv(&peer), b"hello");
}

#[test]
fn a_stop_notifies_sessions_before_the_end() {
    let mut server = Server::bind("127.0.0.1:0", Framing::Line);
    let peer = peer("127.0.0.1", "127.0.0.1", server.port);
    peer.send(b"hello\r\n").expect("a datagram can be sent");
    server.turn();
    assert_eq!(recv(&peer), b"hello\r\n");
    assert!(!server.udp.is_done());
    server.udp.stop(Instant::now());
    assert_eq!(recv(&peer), b"goodbye\r\n");
    assert!(server.udp.is_done());
    let udp: Box<dyn EventSource> = Box::new(server.udp);
    assert!(udp.finish().is_none());
}
