//! The `forward` service over UDP.

use std::process::Command;
use std::time::Duration;

use crate::support::{Client, Server, UdpClient, installed, stdout_of, wait_for};

const NO_RECEIVER: &str = "No receiver is connected; your next bytes wait for one.\n";

/// A server with these options, and peers that have sent these datagrams, in this order.
fn start<const COUNT: usize>(
    model: &str,
    options: &str,
    datagrams: [&str; COUNT],
) -> (Server, [UdpClient; COUNT]) {
    let listen = "--listen udp://127.0.0.1:0";
    let server = Server::serve(&format!("forward --model {model} {options} {listen}"));
    let peers = datagrams.map(|datagram| {
        let peer = UdpClient::connect(&server);
        peer.send(datagram);
        peer
    });
    (server, peers)
}

#[test]
fn an_empty_first_datagram_receives_and_others_send() {
    for model in ["fork", "events"] {
        for blank in ["", "\n", "\r\n"] {
            let (_server, [receiver, sender]) = start(model, "", [blank, "hello"]);
            assert_eq!(receiver.text(), "hello", "{model}");
            sender.send("a datagram is one message");
            assert_eq!(receiver.text(), "a datagram is one message");
            receiver.send("this is discarded");
            sender.send("again");
            assert_eq!(receiver.text(), "again");
        }
        // What a sender sends before there is a receiver waits.
        let (server, [sender, receiver]) = start(model, "", ["early", ""]);
        assert_eq!(receiver.text(), "early", "{model}");
        sender.send("late");
        assert_eq!(receiver.text(), "late");
        for (another, datagram) in [UdpClient::connect(&server), UdpClient::connect(&server)]
            .iter()
            .zip(["", "x"])
        {
            assert_eq!(
                another.ask(datagram),
                "There is a sender and a receiver already. Try again later.\n"
            );
        }
    }
}

#[test]
fn udp_listeners_can_have_roles() {
    for model in ["fork", "events"] {
        let listeners = "--listen 127.0.0.1:0 --listen udp://127.0.0.1:0";
        let server = Server::serve(&format!(
            "forward --model {model} --role send --role receive {listeners}"
        ));
        let receiver = UdpClient::connect(&server);
        // Without roles, this peer would be the sender, and the TCP client the receiver.
        receiver.send("hello?");
        let mut sender = server.connect();
        assert_eq!(sender.text(1), "1", "{model}");
        sender.send("hello");
        assert_eq!(receiver.text(), "hello", "{model}");
    }
}

#[test]
fn broadcasts_reach_all_other_udp_clients() {
    for model in ["fork", "events"] {
        let (_server, [one, two, sender]) = start(model, "--to all", ["", "", "hello"]);
        assert_eq!((one.text(), two.text()), ("hello".into(), "hello".into()));
        sender.send("again");
        assert_eq!((one.text(), two.text()), ("again".into(), "again".into()));
        let (_server, all) = start(model, "--to others", ["", "", ""]);
        for (number, sender) in all.iter().enumerate() {
            let message = format!("from {number}");
            sender.send(&message);
            for (other, receiver) in all.iter().enumerate() {
                if other != number {
                    assert_eq!(receiver.text(), message, "{model}");
                }
            }
        }
    }
}

#[test]
fn common_clients_send_and_receive_over_udp() {
    if !installed(&["nc.openbsd", "python3"]) {
        return;
    }
    for model in ["fork", "events"] {
        let (server, []) = start(model, "", []);
        let port = server.udp_address().port();
        // An empty line makes `nc` a receiver.
        let mut nc = Command::new("nc.openbsd");
        let (_nc, mut receiver) =
            Client::of_command(nc.args(["-u", "127.0.0.1", &port.to_string()]));
        receiver.send("\n");
        server.log(" begin ");
        let script = "import socket, sys; \
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
            [s.sendto(line.encode(), ('127.0.0.1', int(sys.argv[1]))) for line in sys.stdin]";
        let send = format!("python3 -c \"{script}\" {port}");
        stdout_of(&send, "one\ntwo\n");
        assert_eq!(receiver.line(), "one", "{model}");
        assert_eq!(receiver.line(), "two");
        let script = "import socket, sys; \
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
            s.sendto(b'', ('127.0.0.1', int(sys.argv[1]))); print(s.recv(100))";
        let (server, [sender]) = start(model, "", ["to a program"]);
        let port = server.udp_address().port();
        let receive = format!("python3 -c \"{script}\" {port}");
        assert_eq!(stdout_of(&receive, ""), "b'to a program'\n");
        drop(sender);
    }
}

#[test]
fn an_eot_datagram_ends_a_session() {
    for model in ["fork", "events"] {
        let (server, [receiver, sender]) = start(model, "", ["", "hello"]);
        assert_eq!(receiver.text(), "hello", "{model}");
        receiver.send("\x04");
        assert_eq!(sender.text(), NO_RECEIVER);
        receiver.send("");
        sender.send("a new receiver");
        assert_eq!(receiver.text(), "a new receiver");
        // When the sender leaves, the sessions of its receivers end too.
        sender.send("\x04");
        server.log_lines(" end: ", 3);
        sender.send("");
        receiver.send("now the other way");
        assert_eq!(sender.text(), "now the other way");
        let (server, [receiver, sender]) = start(model, "--on-leave close", ["", "hello"]);
        assert_eq!(receiver.text(), "hello");
        receiver.send("\x04");
        server.log_lines(" end: closed by the service", 2);
        sender.send("");
        receiver.send("the other way");
        assert_eq!(sender.text(), "the other way");
    }
}

#[test]
fn an_idle_receiver_has_left() {
    for model in ["fork", "events"] {
        let (_server, [receiver, sender]) = start(model, "--idle-timeout 1", ["", "hello"]);
        assert_eq!(receiver.text(), "hello", "{model}");
        // The receiver sends nothing more. The sender keeps its session alive.
        let interval = Some(Duration::from_millis(50));
        sender.0.set_read_timeout(interval).expect("it is not zero");
        let mut notice = [0; 100];
        let count = wait_for("the notice to the sender", || {
            sender.send("");
            sender.0.recv(&mut notice).ok()
        });
        assert_eq!(&notice[..count], NO_RECEIVER.as_bytes());
    }
}
