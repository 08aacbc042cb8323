//! Conversations by datagrams, through the whole program.

use std::net::UdpSocket;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::server::{
    DEADLINE, MODELS, Server, are_root, have, heard, program, shell, villains,
};

/// Serves with these words at a port of 127.0.0.1.
pub(crate) fn start(words: &str) -> Server {
    start_at("udp://127.0.0.1:0", words)
}

fn start_at(listen: &str, words: &str) -> Server {
    let words = format!("-v serve {words} --listen {listen}");
    Server::run(Command::new(program()).args(words.split_whitespace()))
}

/// Serves one of the villains in the same way.
fn villain(words: &str) -> Server {
    let words = format!("-v serve {words} --listen udp://127.0.0.1:0");
    Server::run(Command::new(villains()).args(words.split_whitespace()))
}

fn port(server: &Server) -> u16 {
    server.udp_address().port()
}

/// Somebody who speaks from `own`, and hears what comes from where it speaks to.
pub(crate) struct Caller(pub(crate) UdpSocket);

impl Caller {
    pub(crate) fn to(server: &Server) -> Self {
        Self::from("127.0.0.1:0", "127.0.0.1", port(server))
    }

    fn from(own: &str, asked: &str, port: u16) -> Self {
        let socket = UdpSocket::bind(own).expect("a free port");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        socket.connect((asked, port)).expect("an address");
        Self(socket)
    }

    pub(crate) fn say(&self, words: impl AsRef<[u8]>) {
        self.0.send(words.as_ref()).expect("a datagram can be sent");
    }

    pub(crate) fn hear(&self) -> String {
        let mut bytes = vec![0; 65_535];
        let count = self.0.recv(&mut bytes).expect("the server answers");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    pub(crate) fn ask(&self, words: impl AsRef<[u8]>) -> String {
        self.say(words);
        self.hear()
    }

    /// All that has come, when no more can come.
    fn rest(&self) -> Vec<Vec<u8>> {
        self.0.set_nonblocking(true).expect("a mode can be set");
        let mut bytes = vec![0; 65_535];
        let next = || {
            self.0
                .recv(&mut bytes)
                .ok()
                .map(|count| bytes[..count].to_vec())
        };
        std::iter::from_fn(next).collect()
    }
}

#[test]
fn the_friend_answers_a_knock_and_anything_else() {
    for model in MODELS {
        let server = start(&format!("eliza --seed 1 --model {model}"));
        let caller = Caller::to(&server);
        assert!(caller.ask("\n").contains("feel"), "{model}");
        assert!(caller.ask("I need a holiday\n").contains("holiday"));
        let goodbye = caller.ask("quit\r\n");
        assert!(
            goodbye.contains("oodbye") && goodbye.ends_with("\r\n"),
            "{goodbye:?}"
        );
        server.log("end: closed by the service");
        assert!(
            caller.ask("I need a holiday\n").contains("holiday"),
            "it begins anew"
        );
        let other = Caller::to(&server);
        assert!(other.ask("I need a boat\n").contains("boat"));
    }
}

#[test]
fn everybody_s_programs_are_answered() {
    let server = start("uppercase");
    let port = port(&server);
    let python = format!(
        "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
         s.sendto(b'caf\\xc3\\xa9\\n', ('127.0.0.1', {port})); print(s.recv(100).decode(), end='')\""
    );
    for (name, command) in [
        ("nc", format!("nc -u -w 1 127.0.0.1 {port}")),
        ("socat", format!("socat -t 1 - UDP:127.0.0.1:{port}")),
        ("python3", python),
    ] {
        if have(&[name]) {
            assert_eq!(heard(&command, "café\n"), "CAFÉ\n", "{name}");
        }
    }
}

#[test]
fn each_of_those_who_wait_has_its_own_answer() {
    let server = start("echo --model events");
    let (one, two) = (Caller::to(&server), Caller::to(&server));
    // All is there before the server looks.
    server.signal(Signal::SIGSTOP);
    server.state_until('T');
    for number in 0..20 {
        one.say(format!("one {number}"));
        two.say(format!("two {number}"));
    }
    server.signal(Signal::SIGCONT);
    for number in 0..20 {
        assert_eq!(one.hear(), format!("one {number}"));
        assert_eq!(two.hear(), format!("two {number}"));
    }
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    let server = start_at("udp://:0 -4", "echo");
    for asked in ["127.0.0.1", "127.0.0.2", "127.8.8.8"] {
        let caller = Caller::from("127.0.0.1:0", asked, port(&server));
        assert_eq!(caller.ask("hello"), "hello");
    }
    let server = start_at("udp://[::]:0", "echo");
    let caller = Caller::from("[::1]:0", "::1", port(&server));
    assert_eq!(caller.ask("hello"), "hello");
}

#[test]
fn the_largest_datagram_comes_back_and_the_empty_one() {
    let server = start("echo");
    let caller = Caller::to(&server);
    for size in [65_507, 0, 1] {
        assert_eq!(caller.ask("x".repeat(size)).len(), size);
    }
}

#[test]
fn what_would_be_a_loop_is_not_answered() {
    let server = start_at("udp://:0 -4", "echo");
    let caller = Caller::to(&server);
    caller.0.set_broadcast(true).expect("an option");
    assert_eq!(caller.ask("hello"), "hello");
    let everybody = ("127.255.255.255", port(&server));
    caller.0.connect(everybody).expect("an address");
    caller.say("echo me, everybody");
    server.log("dropped: sent to many");
    let server = start("echo");
    let port = port(&server);
    // From our own port, at another of our addresses.
    Caller::from(&format!("127.0.0.9:{port}"), "127.0.0.1", port).say("echo me");
    server.log("dropped: from this server, or one like it peer=127.0.0.9");
    if are_root() {
        Caller::from("127.0.0.9:7", "127.0.0.1", port).say("echo me");
        server.log("dropped: from the port of a service peer=127.0.0.9:7");
    }
    assert_eq!(Caller::to(&server).ask("hello"), "hello");
}

#[test]
fn two_servers_do_not_talk_for_ever() {
    if !are_root() || !have(&["python3", "unshare", "ip"]) {
        return;
    }
    // One forged datagram, as if one server had sent it to the other. In a network of its own.
    let script = r#"
        ip link set lo up
        cd "$(mktemp -d)"
        for port in 2001 2002; do
            "$PROGRAM" -v serve echo --listen udp://127.0.0.1:$port 2> $port &
        done
        until grep -q listens 2001 && grep -q listens 2002; do :; done
        python3 -c '
import socket, struct
said = b"x" * 100
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
here = socket.inet_aton("127.0.0.1")
udp = struct.pack("!HHHH", 2001, 2002, 8 + len(said), 0) + said
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, here, here)
raw.sendto(ip + udp, ("127.0.0.1", 0))'
        until grep -q "dropped: the answer is over the rate" 2001 2002; do :; done
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
    // What the bucket lets through at once, and what falls into it meanwhile.
    assert!(
        sent.iter().all(|sent| (100..=100 * 400).contains(sent)),
        "{ends}"
    );
}

#[test]
fn nobody_is_sent_much_more_than_came_from_there() {
    for service in ["eliza", "echo", "uppercase", "display"] {
        for said in [
            "",
            "\n",
            "x",
            "I need a holiday\n",
            "my mother and everybody else\n",
        ] {
            let mut server = start(service);
            let caller = Caller::to(&server);
            for _ in 0..100 {
                caller.say(said);
            }
            server.log("begin");
            server.signal(Signal::SIGTERM);
            assert!(server.wait().success());
            let sent: usize = caller.rest().iter().map(Vec::len).sum();
            assert!(
                sent <= 128 + 3 * 100 * said.len(),
                "{service}: {sent} for {said:?}"
            );
        }
    }
}

#[test]
fn who_says_the_number_is_sent_the_rest() {
    let server = villain("dice");
    let caller = Caller::to(&server);
    let challenge = caller.ask("throw\n");
    let code = challenge
        .strip_prefix("Say ")
        .and_then(|rest| rest.get(..6));
    let code = code.unwrap_or_else(|| panic!("{challenge:?}"));
    let thrown = caller.ask(code);
    assert_eq!(thrown.split_whitespace().count(), 8, "{thrown}");
    assert_eq!(
        caller.ask("throw\n").split_whitespace().count(),
        8,
        "no question any more"
    );
}

#[test]
fn limits_hold_for_datagrams() {
    let server = villain("stubborn --max-per-host 1 --max-line 10");
    let first = Caller::to(&server);
    assert_eq!(first.ask(""), "ready\n");
    let second = Caller::to(&server);
    assert!(
        second
            .ask("")
            .starts_with("Too many conversations with 127.0.0.1")
    );
    assert_eq!(
        first.ask("0123456789a"),
        "That line is too long. Goodbye.\n"
    );
    assert_eq!(second.ask("0123456789\r\n"), "0123456789\r\n");

    let server = start("uppercase --idle 200ms");
    let caller = Caller::to(&server);
    assert_eq!(caller.ask("one"), "ONE");
    server.log("end: idle");
    assert_eq!(caller.rest(), Vec::<Vec<u8>>::new());

    let server = start("uppercase --max-clients 2");
    let callers: Vec<_> = (0..3).map(|_| Caller::to(&server)).collect();
    for caller in &callers {
        assert_eq!(caller.ask("hello"), "HELLO");
    }
    server.log("silent for longest: makes room");
    server.log("end: cut");
}

#[test]
fn at_a_stop_the_friend_says_goodbye() {
    for model in MODELS {
        let mut server = start(&format!("eliza --model {model}"));
        let caller = Caller::to(&server);
        assert!(caller.ask("").contains("feel"));
        server.signal(Signal::SIGTERM);
        assert!(caller.hear().contains("oodbye"), "{model}");
        assert!(server.wait().success());
    }
}
