//! What one peer of datagrams sends goes to another, through the whole program.

use std::process::Command;
use std::time::Duration;

use crate::support::{Client, Server, UdpClient, installed, stdout_of, wait_for};

const TOLD: &str = "Nobody receives any more; what you send waits for the next one.\n";

/// A server with these options, and peers who come to it in this order, by one datagram each.
fn start<const COUNT: usize>(
    model: &str,
    options: &str,
    knocks: [&str; COUNT],
) -> (Server, [UdpClient; COUNT]) {
    let listen = "--listen udp://127.0.0.1:0";
    let server = Server::serve(&format!("forward --model {model} {options} {listen}"));
    let peers = knocks.map(|knock| {
        let peer = UdpClient::connect(&server);
        peer.send(knock);
        peer
    });
    (server, peers)
}

#[test]
fn an_empty_first_datagram_receives_and_others_send() {
    for model in ["fork", "events"] {
        for blank in ["", "\n", "\r\n"] {
            let (_server, [receives, sends]) = start(model, "", [blank, "hello"]);
            assert_eq!(receives.text(), "hello", "{model}");
            sends.send("a datagram is one message");
            assert_eq!(receives.text(), "a datagram is one message");
            receives.send("nobody hears this");
            sends.send("again");
            assert_eq!(receives.text(), "again");
        }
        // Who sends may be there first, and what it sent waits.
        let (server, [sends, receives]) = start(model, "", ["early", ""]);
        assert_eq!(receives.text(), "early", "{model}");
        sends.send("late");
        assert_eq!(receives.text(), "late");
        for (another, knock) in [UdpClient::connect(&server), UdpClient::connect(&server)]
            .iter()
            .zip(["", "x"])
        {
            assert_eq!(another.ask(knock), "The line is taken. Try again later.\n");
        }
    }
}

#[test]
fn udp_listeners_can_have_roles() {
    for model in ["fork", "events"] {
        let places = "--listen 127.0.0.1:0 --listen udp://127.0.0.1:0";
        let server = Server::serve(&format!(
            "forward --model {model} --role send --role receive {places}"
        ));
        let receives = UdpClient::connect(&server);
        // Elsewhere it would send that, and the first one to come to the other place would not.
        receives.send("hello?");
        let mut sends = server.connect();
        assert_eq!(sends.text(1), "1", "{model}");
        sends.send("hello");
        assert_eq!(receives.text(), "hello", "{model}");
    }
}

#[test]
fn broadcasts_reach_all_other_udp_clients() {
    for model in ["fork", "events"] {
        let (_server, [one, two, sends]) = start(model, "--to all", ["", "", "hello"]);
        assert_eq!((one.text(), two.text()), ("hello".into(), "hello".into()));
        sends.send("again");
        assert_eq!((one.text(), two.text()), ("again".into(), "again".into()));
        let (_server, all) = start(model, "--to others", ["", "", ""]);
        for (number, says) in all.iter().enumerate() {
            let words = format!("from {number}");
            says.send(&words);
            for (other, hears) in all.iter().enumerate() {
                if other != number {
                    assert_eq!(hears.text(), words, "{model}");
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
        // As a person would: an empty line, to receive.
        let mut nc = Command::new("nc.openbsd");
        let (_nc, mut receives) =
            Client::of_command(nc.args(["-u", "127.0.0.1", &port.to_string()]));
        receives.send("\n");
        server.log(" begin ");
        let script = "import socket, sys; \
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
            [s.sendto(line.encode(), ('127.0.0.1', int(sys.argv[1]))) for line in sys.stdin]";
        let send = format!("python3 -c \"{script}\" {port}");
        stdout_of(&send, "one\ntwo\n");
        assert_eq!(receives.line(), "one", "{model}");
        assert_eq!(receives.line(), "two");
        let script = "import socket, sys; \
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
            s.sendto(b'', ('127.0.0.1', int(sys.argv[1]))); print(s.recv(100))";
        let (server, [sends]) = start(model, "", ["to a program"]);
        let port = server.udp_address().port();
        let receive = format!("python3 -c \"{script}\" {port}");
        assert_eq!(stdout_of(&receive, ""), "b'to a program'\n");
        drop(sends);
    }
}

#[test]
fn an_eot_datagram_ends_a_session() {
    for model in ["fork", "events"] {
        let (server, [receives, sends]) = start(model, "", ["", "hello"]);
        assert_eq!(receives.text(), "hello", "{model}");
        receives.send("\x04");
        assert_eq!(sends.text(), TOLD);
        receives.send("");
        sends.send("who is it now?");
        assert_eq!(receives.text(), "who is it now?");
        // The sender leaves, and the line is over for who receives.
        sends.send("\x04");
        server.log_lines(" end: ", 3);
        sends.send("");
        receives.send("now the other way");
        assert_eq!(sends.text(), "now the other way");
        let (server, [receives, sends]) = start(model, "--on-leave close", ["", "hello"]);
        assert_eq!(receives.text(), "hello");
        receives.send("\x04");
        server.log_lines(" end: closed by the service", 2);
        sends.send("");
        receives.send("the other way");
        assert_eq!(sends.text(), "the other way");
    }
}

#[test]
fn an_idle_receiver_has_left() {
    for model in ["fork", "events"] {
        let (_server, [receives, sends]) = start(model, "--idle 1", ["", "hello"]);
        assert_eq!(receives.text(), "hello", "{model}");
        // It does not take part any more. Who sends says now and then that it is there.
        let often = Some(Duration::from_millis(50));
        sends
            .0
            .set_read_timeout(often)
            .expect("a deadline can be set");
        let mut told = [0; 100];
        let count = wait_for("the sender to be told", || {
            sends.send("");
            sends.0.recv(&mut told).ok()
        });
        assert_eq!(&told[..count], TOLD.as_bytes());
    }
}

#[test]
fn a_receiver_validates_its_address() {
    for model in ["fork", "events"] {
        let hello = "x".repeat(100);
        let (_server, [receives, sends]) = start(model, "", ["", &hello]);
        assert_eq!(receives.text(), hello, "{model}");
        // More than may be sent to an address that anybody may have written.
        sends.send("y".repeat(100));
        let asked = receives.text();
        let code = asked
            .strip_prefix("Say ")
            .and_then(|rest| rest.strip_suffix(" to go on.\n"));
        receives.send(code.unwrap_or_else(|| panic!("{asked:?}")));
        for size in [1000, 10_000, 60_000] {
            let much = "z".repeat(size);
            sends.send(&much);
            assert!(receives.text() == much, "{model}: {size}");
        }
    }
}
