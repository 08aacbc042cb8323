//! UDP: sessions by peer address, loops.

use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::support::{
    MODELS, Server, UdpClient, installed, is_root, services, shell, sockets, stdout_of, wait_until,
};

#[test]
fn the_friend_answers_an_empty_datagram_and_lines() {
    for model in MODELS {
        let server = Server::start_udp(&format!("eliza --seed 1 --model {model}"));
        let client = UdpClient::connect(&server);
        assert!(client.ask("\n").contains("feel"), "{model}");
        assert!(client.ask("I need a holiday\n").contains("holiday"));
        let goodbye = client.ask("quit\r\n");
        assert!(
            goodbye.contains("oodbye") && goodbye.ends_with("\r\n"),
            "{goodbye:?}"
        );
        server.log("end: closed by the service");
        assert!(
            client.ask("I need a holiday\n").contains("holiday"),
            "it begins anew"
        );
        let other = UdpClient::connect(&server);
        assert!(other.ask("I need a boat\n").contains("boat"));
    }
}

#[test]
fn common_clients_are_answered_over_udp() {
    let server = Server::start_udp("uppercase");
    let port = server.udp_address().port();
    let python = format!(
        "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
         s.sendto(b'caf\\xc3\\xa9\\n', ('127.0.0.1', {port})); print(s.recv(100).decode(), end='')\""
    );
    for (name, command) in [
        ("nc", format!("nc -u -w 1 127.0.0.1 {port}")),
        ("socat", format!("socat -t 1 - UDP:127.0.0.1:{port}")),
        ("python3", python),
    ] {
        if installed(&[name]) {
            assert_eq!(stdout_of(&command, "café\n"), "CAFÉ\n", "{name}");
        }
    }
}

#[test]
fn waiting_peers_get_their_own_answers() {
    let server = Server::start_udp("echo --model events");
    let (one, two) = (UdpClient::connect(&server), UdpClient::connect(&server));
    // All datagrams are in the receive buffer when the server continues.
    server.pause();
    for number in 0..20 {
        one.send(format!("one {number}"));
        two.send(format!("two {number}"));
    }
    server.resume();
    for number in 0..20 {
        assert_eq!(one.text(), format!("one {number}"));
        assert_eq!(two.text(), format!("two {number}"));
    }
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    let server = Server::serve("echo --listen udp://:0 -4");
    for asked in ["127.0.0.1", "127.0.0.2", "127.8.8.8"] {
        let client = UdpClient::connect_from("127.0.0.1:0", asked, server.udp_address().port());
        assert_eq!(client.ask("hello"), "hello");
    }
    let server = Server::serve("echo --listen udp://[::]:0");
    let client = UdpClient::connect_from("[::1]:0", "::1", server.udp_address().port());
    assert_eq!(client.ask("hello"), "hello");
}

#[test]
fn the_largest_and_the_empty_datagram_come_back() {
    let server = Server::start_udp("echo");
    let client = UdpClient::connect(&server);
    for size in [65_507, 0, 1] {
        assert_eq!(client.ask("x".repeat(size)).len(), size);
    }
}

#[test]
fn datagrams_that_could_loop_are_dropped() {
    let server = Server::serve("echo --listen udp://:0 -4");
    let client = UdpClient::connect(&server);
    client.0.set_broadcast(true).expect("an option");
    assert_eq!(client.ask("hello"), "hello");
    let broadcast = ("127.255.255.255", server.udp_address().port());
    client.0.connect(broadcast).expect("an address");
    client.send("echo me");
    server.log("dropped: sent to a multicast or broadcast address");
    let server = Server::start_udp("echo");
    let port = server.udp_address().port();
    // From the port of the server, at another local address.
    UdpClient::connect_from(&format!("127.0.0.9:{port}"), "127.0.0.1", port).send("echo me");
    server.log("dropped: from this server, or one like it peer=127.0.0.9");
    if is_root() {
        UdpClient::connect_from("127.0.0.9:7", "127.0.0.1", port).send("echo me");
        server.log("dropped: from the port of a service peer=127.0.0.9:7");
    }
    assert_eq!(UdpClient::connect(&server).ask("hello"), "hello");
}

#[test]
fn two_servers_do_not_answer_each_other_forever() {
    if !is_root() || !installed(&["python3", "unshare", "ip"]) {
        return;
    }
    // In a network namespace, one forged datagram, as if one server had sent it to the other.
    let script = r#"
        ip link set lo up
        cd "$(mktemp -d)"
        for port in 2001 2002; do
            "$PROGRAM" -v serve echo --listen udp://127.0.0.1:$port 2> $port &
        done
        until grep -q listens 2001 && grep -q listens 2002; do sleep 0.02; done
        python3 -c '
import socket, struct
data = b"x" * 100
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
here = socket.inet_aton("127.0.0.1")
udp = struct.pack("!HHHH", 2001, 2002, 8 + len(data), 0) + data
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, here, here)
raw.sendto(ip + udp, ("127.0.0.1", 0))'
        until grep -q "dropped: the reply exceeds the rate limit" 2001 2002; do sleep 0.02; done
        kill %1 %2
        wait
        grep -h "end: " 2001 2002
        rm -r "$PWD"
    "#;
    let script = format!("unshare -n bash -c '{}'", script.replace('\'', r"'\''"));
    let output = shell(&script, b"");
    let ends = String::from_utf8_lossy(&output.stdout).into_owned();
    let sent = ends.lines().filter_map(|line| {
        let (_, count) = line.rsplit_once("sent=")?;
        count.trim().parse::<u64>().ok()
    });
    let sent: Vec<u64> = sent.collect();
    assert_eq!(sent.len(), 2, "{output:?}");
    // The burst of the token bucket, and what is added to it meanwhile.
    assert!(
        sent.iter().all(|sent| (100..=100 * 400).contains(sent)),
        "{ends}"
    );
}

/// A socket at a port below those of clients.
fn at_server_port() -> Arc<UdpSocket> {
    let mut ports = 20_000..32_768;
    let socket = ports.find_map(|port| UdpSocket::bind(("127.0.0.1", port)).ok());
    let socket = socket.expect("a port is free");
    let timeout = Some(Duration::from_secs(3)); // far longer than the datagrams are under way
    socket.set_read_timeout(timeout).expect("it is a socket");
    Arc::new(socket)
}

/// Passes what arrives at `from` on through `to`, each after 3 ms, until nothing arrives any more or
/// 5000 datagrams have passed; returns how many.
fn relay(from: Arc<UdpSocket>, to: Arc<UdpSocket>) -> thread::JoinHandle<u32> {
    thread::spawn(move || {
        let mut bytes = [0; 1000];
        for passed in 0..5000 {
            let Ok(count) = from.recv(&mut bytes) else {
                return passed;
            };
            thread::sleep(Duration::from_millis(3));
            to.send(&bytes[..count]).expect("it can be sent");
        }
        5000
    })
}

#[test]
fn two_distant_servers_do_not_answer_each_other_forever() {
    for (one, other) in [("echo", "uppercase"), ("eliza", "echo")] {
        let servers = [one, other].map(Server::start_udp);
        // Each server has the other as its peer, at the port of a server.
        let sockets = [at_server_port(), at_server_port()];
        for (socket, server) in sockets.iter().zip(&servers) {
            let address = server.udp_address();
            socket.connect(address).expect("an address");
        }
        let [first, second] = sockets;
        let relays = [
            relay(Arc::clone(&first), Arc::clone(&second)),
            relay(Arc::clone(&second), Arc::clone(&first)),
        ];
        first.send(b"hello").expect("it can be sent");
        let passed = relays.map(|relay| relay.join().expect("it does not panic"));
        assert!(passed.iter().all(|passed| *passed < 5000), "{passed:?}");
        let log = servers.iter().flat_map(Server::log_so_far);
        let warnings = log.filter(|line| line.contains("it may be a server that answers this one"));
        assert_ne!(warnings.count(), 0, "{passed:?}");
    }
}

#[test]
fn limits_apply_to_udp_peers() {
    let server =
        Server::serve_villain("stubborn --max-per-host 1 --max-line 10 --listen udp://127.0.0.1:0");
    let first = UdpClient::connect(&server);
    assert_eq!(first.ask(""), "ready\n");
    let second = UdpClient::connect(&server);
    assert!(
        second
            .ask("")
            .starts_with("Too many sessions from 127.0.0.1")
    );
    assert_eq!(
        first.ask("0123456789a"),
        "That line is too long. Goodbye.\n"
    );
    assert_eq!(second.ask("0123456789\r\n"), "0123456789\r\n");

    let server = Server::start_udp("uppercase --idle-timeout 200ms");
    let client = UdpClient::connect(&server);
    assert_eq!(client.ask("one"), "ONE");
    server.log("end: idle");
    assert_eq!(client.rest(), Vec::<Vec<u8>>::new());

    let server = Server::start_udp("uppercase --max-clients 2");
    let clients: Vec<_> = (0..3).map(|_| UdpClient::connect(&server)).collect();
    for client in &clients {
        assert_eq!(client.ask("hello"), "HELLO");
    }
    server.log("evict: inactive for longest");
    server.log("end: evicted");
}

#[test]
fn shutdown_sends_goodbye_to_udp_peers() {
    for model in MODELS {
        let mut server = Server::start_udp(&format!("eliza --model {model}"));
        let client = UdpClient::connect(&server);
        assert!(client.ask("").contains("feel"));
        server.signal(Signal::SIGTERM);
        assert!(client.text().contains("oodbye"), "{model}");
        assert!(server.wait().success());
    }
}

#[test]
fn a_stop_sends_no_empty_datagram() {
    let services = services().into_iter().map(|(service, _)| service);
    for service in services.filter(|service| !NOT_OVER_UDP.contains(&&**service)) {
        let mut server = Server::start_udp(&service);
        let clients = [(); 3].map(|()| UdpClient::connect(&server));
        for client in &clients {
            client.send("hello\n");
        }
        server.log_lines("begin", clients.len());
        server.signal(Signal::SIGTERM);
        assert!(server.wait().success());
        for client in clients {
            let received = client.rest();
            let empty = received.iter().filter(|datagram| datagram.is_empty());
            assert_eq!(empty.count(), 0, "{service}: {received:?}");
        }
    }
}

#[test]
fn the_process_of_a_udp_socket_has_no_socket_of_another_peer() {
    let options = "--listen 0 --listen udp://127.0.0.1:0 --listen udp://127.0.0.1:0";
    let server = Server::serve_exec(options, &["cat"]);
    let mut client = server.connect();
    assert_eq!(client.ask("hello"), "hello");
    let program = server.programs(1)[0];
    let is_udp = |pid| pid != program;
    let udp: Vec<_> = server.children().into_iter().map(|(pid, _)| pid).collect();
    let udp: Vec<_> = udp.into_iter().filter(|&pid| is_udp(pid)).collect();
    assert_eq!(udp.len(), 2);
    // The first is started again while the program of the client runs.
    kill(udp[0], Signal::SIGKILL).expect("it runs");
    server.log("restarting");
    let children = server.wait_for_children("another process", |children| {
        children.len() == 3 && children.iter().all(|&(pid, _)| pid != udp[0])
    });
    for (pid, _) in children.into_iter().filter(|&(pid, _)| is_udp(pid)) {
        wait_until("its own socket alone", || sockets(pid).len() == 1);
    }
    assert_eq!(client.ask("still here"), "still here");
}

#[test]
fn the_sessions_at_the_stop_are_those_of_peers() {
    for model in MODELS {
        for peers in 0..3 {
            let mut server = Server::start_udp(&format!("echo --model {model}"));
            let clients: Vec<_> = (0..peers).map(|_| UdpClient::connect(&server)).collect();
            for client in &clients {
                assert_eq!(client.ask("hello"), "hello");
            }
            // Under `sequential`, there is one session at a time.
            let sessions = if model == "sequential" {
                peers.min(1)
            } else {
                peers
            };
            server.signal(Signal::SIGTERM);
            let log = server.log(" stop ");
            assert!(log.contains(&format!("stop sessions={sessions} ")), "{log}");
            assert_eq!(server.wait().code(), Some(0));
        }
    }
}

/// Services that refuse UDP, or need arguments.
pub(super) const NOT_OVER_UDP: [&str; 6] = [
    "chargen",
    "connect-four",
    "files",
    "exec",
    "send-file",
    "receive-file",
];
