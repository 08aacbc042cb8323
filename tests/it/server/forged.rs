//! Source addresses that may be forged: the amplification limit, the question for a code, and places
//! for verified peers.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use super::udp::NOT_OVER_UDP;
use crate::support::files::content;
use crate::support::{
    DEADLINE, Lan, MODELS, Server, UdpClient, enter_network, installed, program, received_so_far,
    services, stdout_of, temp_dir, villains, wait_for,
};

const QUESTION: &str = "UDP addresses can be forged. To show that this one is yours, send: ";

/// The code in a question.
#[track_caller]
fn code(question: &str) -> &str {
    let code = question.strip_prefix(QUESTION);
    code.unwrap_or_else(|| panic!("no question: {question:?}"))
        .trim_end()
}

/// An unverified host gets at most 128 bytes plus three times what it sent from all its ports.
#[test]
fn the_amplification_limit_is_that_of_the_host() {
    let services = services().into_iter().map(|(service, _)| service);
    let without = [&NOT_OVER_UDP[..], &["discard", "display", "forward"]].concat();
    for service in services.filter(|service| !without.contains(&&**service)) {
        for message in ["", "\n", "I need a holiday\n"] {
            for max_clients in [1, 1000] {
                let Some(lan) = Lan::new() else {
                    return;
                };
                let mut server = lan.start_udp(&format!("{service} --max-clients {max_clients}"));
                let clients = [(); 10].map(|()| lan.connect("10.1.0.1:0", &server));
                for client in clients.iter().cycle().take(100) {
                    client.send(message);
                }
                // The server handles datagrams in order: then it has handled those before.
                lan.connect("10.1.0.2:0", &server).ask("?\n");
                server.signal(Signal::SIGTERM);
                assert!(server.wait().success());
                let sent = clients.iter().flat_map(UdpClient::rest);
                let sent: usize = sent.map(|datagram| datagram.len()).sum();
                let input = 100 * message.len();
                let limit = 128 + 3 * input;
                assert!(sent <= limit, "{service}: {sent} bytes for {message:?}");
                if service == "echo" {
                    assert_eq!(sent, input);
                }
            }
        }
    }
}

#[test]
fn a_talk_with_the_friend_is_not_interrupted() {
    let talk = |client: &UdpClient| {
        for number in 0..30 {
            let answer = client.ask(format!("I need {number} holidays\n"));
            assert!(!answer.contains("forged"), "{answer}");
        }
    };
    for model in MODELS {
        let Some(lan) = Lan::new() else {
            return;
        };
        let server = lan.start_udp(&format!("eliza --seed 1 --model {model}"));
        let client = lan.connect("10.1.0.1:0", &server);
        let question = client.ask("\n");
        assert!(client.ask(code(&question)).contains("feel"), "{model}");
        talk(&client);
        let other = lan.connect("10.1.0.1:0", &server);
        assert_ne!(code(&other.ask("\n")), code(&question), "of another port");
        // On the machine of the server, and in a trusted network, there is no question.
        let port = server.udp_address().port();
        let connect = || UdpClient::connect_from("10.9.0.1:0", "10.9.0.1", port);
        talk(&enter_network(server.pid(), connect));
    }
    let lan = Lan::new().expect("it was possible before");
    let server = lan.start_udp("eliza --trust-network fd00::/8 --trust-network 10.1.0.0/16");
    talk(&lan.connect("10.1.0.1:0", &server));
}

#[test]
fn a_peer_that_ignores_the_question_is_logged_once() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let server = lan.start_udp("eliza");
    let client = lan.connect("10.1.0.1:7777", &server);
    for _ in 0..100 {
        client.send("\n");
    }
    let line = server.log("WARN not sent: ");
    assert!(
        line.contains(
            "to an unverified address (--trust-network 10.1.0.1 allows it) peer=10.1.0.1:7777"
        ),
        "{line}"
    );
    let other = lan.connect("10.1.0.2:0", &server);
    code(&other.ask("\n"));
    let lines = server.log_so_far().into_iter();
    assert_eq!(lines.filter(|line| line.contains("WARN")).count(), 1);
}

#[test]
fn the_validation_code_lifts_the_limit() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let args = "-v serve dice --listen udp://10.9.0.1:0";
    let server = lan.run(Command::new(villains()).args(args.split_whitespace()));
    let client = lan.connect("10.1.0.1:0", &server);
    // Everything that the service sends is one datagram, after which the session ends. So there is
    // no question in the beginning, but one where the limit is reached.
    let question = client.ask("throw\n");
    let thrown = client.ask(code(&question).to_uppercase() + "\r\n");
    assert_eq!(thrown.split_whitespace().count(), 8, "{thrown}");
    let thrown = client.ask("throw\n");
    assert_eq!(thrown.split_whitespace().count(), 8, "no question any more");
}

#[test]
fn a_restarted_process_gives_other_codes() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let server = lan.start_udp("eliza");
    let client = lan.connect("10.1.0.1:0", &server);
    let question = client.ask("\n");
    let children = server.wait_for_children("its only child", |children| children.len() == 1);
    kill(children[0].0, Signal::SIGKILL).expect("it runs");
    server.log_lines("fork, for UDP", 2);
    let other = client.ask("\n");
    assert_ne!(code(&other), code(&question));
    // The first code is a message now, answered after what waited.
    client.send(code(&question));
    assert!(client.text().contains("feel"));
}

#[test]
fn a_receiver_is_asked_before_others_send() {
    for model in ["fork", "events"] {
        let Some(lan) = Lan::new() else {
            return;
        };
        let server = lan.start_udp(&format!("forward --model {model}"));
        let receiver = lan.connect("10.1.0.1:0", &server);
        let question = receiver.ask("");
        let sender = lan.connect("10.1.0.2:0", &server);
        sender.send("waits for the code");
        server.log_lines(" begin ", 2);
        receiver.send(code(&question));
        assert_eq!(receiver.text(), "waits for the code", "{model}");
        for size in [1000, 10_000, 60_000] {
            let large = "z".repeat(size);
            sender.send(&large);
            assert!(receiver.text() == large, "{model}: {size}");
        }
    }
}

#[test]
fn a_receiver_that_only_receives_gets_everything_on_loopback() {
    for model in MODELS {
        if model == "sequential" {
            continue; // rooms of one member
        }
        let server = Server::start_udp(&format!("forward --model {model}"));
        let receiver = UdpClient::connect(&server);
        receiver.send("");
        server.log(" begin ");
        let sender = UdpClient::connect(&server);
        for number in 0..100 {
            let message = format!("{number}: {}", "x".repeat(500));
            sender.send(&message);
            assert_eq!(receiver.text(), message, "{model}");
        }
    }
}

/// A TFTP server in `lan` with a file, and the folder.
fn tftp_server(lan: &Lan, model: &str, file: &[u8]) -> (Server, TempDir) {
    let folder = temp_dir();
    fs::write(folder.path().join("file"), file).expect("the disk has room");
    let path = folder.path().display();
    let server = lan.start_udp(&format!("files {path} --model {model} --max-clients 100"));
    (server, folder)
}

const READ_REQUEST: &[u8] = b"\0\x01file\0octet\0";

/// A peer at the address `own` gets the file; `between` is called when it has the second block.
#[track_caller]
fn get(lan: &Lan, own: &str, server: &Server, file: &[u8], between: impl FnOnce()) {
    let socket = lan.enter(|| UdpSocket::bind(own).expect("the port is free"));
    let deadline = socket.set_read_timeout(Some(DEADLINE));
    deadline.expect("the deadline is not zero");
    let mut between = Some(between);
    let mut packet = READ_REQUEST.to_vec();
    let mut to = server.udp_address();
    let blocks: Vec<&[u8]> = file.chunks(512).collect();
    for (number, block) in blocks.iter().enumerate() {
        let number = (number as u16 + 1).to_be_bytes();
        socket.send_to(&packet, to).expect("it can be sent");
        let mut received = [0; 600];
        loop {
            let count;
            (count, to) = socket.recv_from(&mut received).expect("the server answers");
            if received[2..4] == number {
                assert!(received[4..count] == **block, "block {number:?}");
                break;
            } // else a retransmission
        }
        if number == [0, 2]
            && let Some(between) = between.take()
        {
            between();
        }
        packet = [[0, 4], number].concat();
    }
    socket.send_to(&packet, to).expect("it can be sent");
}

#[test]
fn forged_requests_do_not_end_a_running_transfer() {
    let file = content(5000);
    for model in MODELS {
        let Some(lan) = Lan::new() else {
            return;
        };
        let (server, _folder) = tftp_server(&lan, model, &file);
        let port = server.udp_address().port();
        get(&lan, "10.1.0.1:0", &server, &file, || {
            lan.enter(|| {
                for number in 0..10_000_u32 {
                    let [.., high, low] = number.to_be_bytes();
                    let own = format!("10.1.{}.{low}:4000", 1 + high);
                    let forged = UdpClient::connect_from(&own, "10.9.0.1", port);
                    forged.send(READ_REQUEST);
                }
            });
        });
        server.log("end: closed by the service");
    }
}

#[test]
fn a_second_sender_does_not_end_a_running_transfer() {
    let file = content(5000);
    let Some(lan) = Lan::new() else {
        return;
    };
    let (server, _folder) = tftp_server(&lan, "sequential", &file);
    let other = lan.connect("10.1.0.2:0", &server);
    get(&lan, "10.1.0.1:0", &server, &file, || {
        other.send(READ_REQUEST);
        server.log("dropped: all places are taken by verified peers peer=10.1.0.2");
    });
    server.log("end: closed by the service");
    get(&lan, "10.1.0.2:0", &server, &file, || ());
}

#[test]
fn a_host_gets_one_file_after_the_other() {
    let file = content(2000);
    let Some(lan) = Lan::new() else {
        return;
    };
    let (server, _folder) = tftp_server(&lan, "fork", &file);
    for _ in 0..10 {
        get(&lan, "10.1.0.1:0", &server, &file, || ());
    }
}

#[test]
fn an_address_that_comes_up_later_is_trusted() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let server = lan.start_udp("eliza");
    let port = server.udp_address().port();
    code(&lan.connect("10.1.0.1:0", &server).ask("\n"));
    enter_network(server.pid(), || {
        stdout_of("ip addr add 10.9.0.77/24 dev server", "");
        // More answers than an unverified host gets.
        wait_for("the address to be trusted", || {
            let clients = [(); 10].map(|()| {
                let client = UdpClient::connect_from("10.9.0.77:0", "10.9.0.1", port);
                let interval = Some(Duration::from_millis(100));
                client.0.set_read_timeout(interval).expect("it is not zero");
                client.send("\n");
                client
            });
            let mut answer = [0; 200];
            let greeted = clients.iter().all(|client| {
                let count = client.0.recv(&mut answer);
                count.is_ok_and(|count| !answer[..count].starts_with(QUESTION.as_bytes()))
            });
            greeted.then_some(())
        });
    });
}

#[test]
fn an_unanswered_transfer_sends_little() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let file = content(5000);
    let (mut server, _folder) = tftp_server(&lan, "fork", &file);
    let sockets =
        lan.enter(|| [(); 50].map(|()| UdpSocket::bind("10.1.0.1:0").expect("it is free")));
    for socket in &sockets {
        let sent = socket.send_to(READ_REQUEST, server.udp_address());
        sent.expect("it can be sent");
    }
    // One of another host is answered after these.
    get(&lan, "10.1.0.2:0", &server, &file, || ());
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
    let received = sockets.iter().flat_map(received_so_far);
    let received: usize = received.map(|packet| packet.len()).sum();
    let limit = 3 * 516 + 3 * sockets.len() * READ_REQUEST.len(); // the limit of the service
    assert!(
        (516..=limit).contains(&received),
        "{received} of {limit} bytes"
    );
}

#[test]
fn a_stop_does_not_wait_for_transfers_that_may_be_forged() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let (mut server, _folder) = tftp_server(&lan, "events --grace 1h", &content(5000));
    let socket = lan.enter(|| UdpSocket::bind("10.1.0.1:0").expect("it is free"));
    let sent = socket.send_to(READ_REQUEST, server.udp_address());
    sent.expect("it can be sent");
    let mut packet = [0; 600];
    let length = socket.recv(&mut packet).expect("a block arrives");
    assert_eq!((length, packet[1]), (516, 3));
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
    let last = received_so_far(&socket).pop().expect("an error arrives");
    assert_eq!(last, b"\0\x05\0\0the server stops\0");
}

/// The kernel drops packets from outside that have an IPv4 address of this machine as their source.
/// It does not drop IPv6 packets with an IPv4-mapped source, nor with an IPv6 address of this machine.
#[test]
fn sources_that_look_like_this_machine_are_not_trusted() {
    let Some(lan) = Lan::new() else {
        return;
    };
    if !installed(&["python3"]) {
        return;
    }
    let args = "-v serve eliza --listen udp://:0";
    let server = lan.run(Command::new(program()).args(args.split_whitespace()));
    let port = server.udp_address().port();
    let mac = enter_network(server.pid(), || stdout_of("ip -o link show dev server", ""));
    let (_, mac) = mac
        .split_once("link/ether ")
        .expect("it is an Ethernet link");
    let send = FORGE
        .replace("PORT", &port.to_string())
        .replace("MAC", &mac[..17]);
    let victim = || UdpClient::connect_from("[fd09::1]:4000", "fd09::1", port);
    let victim = enter_network(server.pid(), victim);
    lan.enter(|| stdout_of("python3 -", &send));
    // The only forged packet that arrives and is answered is sent no more than a question.
    code(&victim.text());
    server.log(" begin peer=10.1.0.9:");
    let log = server.log_so_far().into_iter();
    let begins: Vec<_> = log.filter(|line| line.contains(" begin ")).collect();
    assert_eq!(begins.len(), 2, "{begins:#?}");
    server.log_lines("dropped: from an invalid address peer=[::ffff:", 2);
}

/// Sends forged packets, and a genuine one.
const FORGE: &str = r#"
import socket, struct
def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
mac = bytes.fromhex("MAC".replace(":", ""))
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("client", 0))
udp = struct.pack("!HHHH", 4000, PORT, 9, 0) + b"\n"
for source in ["10.9.0.1", "127.0.0.1"]:
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
    ends = socket.inet_aton(source) + socket.inet_aton("10.9.0.1")
    ip = ip[:10] + struct.pack("!H", checksum(ip + ends)) + ends
    link.send(mac + b"\2\0\0\0\0\1\x08\0" + ip + udp)
for source in ["::1", "::ffff:127.0.0.1", "::ffff:10.9.0.1", "fd09::1"]:
    ends = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in [source, "fd09::1"])
    pseudo = ends + struct.pack("!II", len(udp), 17)
    checked = udp[:6] + struct.pack("!H", checksum(pseudo + udp)) + udp[8:]
    ip = struct.pack("!IHBB", 0x60000000, len(udp), 17, 64) + ends
    link.send(mac + b"\2\0\0\0\0\1\x86\xdd" + ip + checked)
genuine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
genuine.bind(("10.1.0.9", 0))
genuine.sendto(b"\n", ("10.9.0.1", PORT))
"#;
