//! The `files` service over TFTP (RFC 1350, 2347 to 2349, 7440): conforming clients and others.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::files::{SharedFolder, content};
use crate::support::{
    DEADLINE, Lan, MODELS, descriptors, installed, program, received_so_far, signal_and_wait,
    temp_dir, wait_until,
};

/// Error codes of RFC 1350.
const NOT_FOUND: u16 = 1;
const ACCESS: u16 = 2;
const FULL: u16 = 3;
const ILLEGAL: u16 = 4;
const UNKNOWN_TRANSFER: u16 = 5;
const EXISTS: u16 = 6;

/// A folder with the file `notes` of 3000 bytes, and its server.
struct Setup {
    shared: SharedFolder,
    notes: Vec<u8>,
}

impl Setup {
    fn start(options: &str) -> Self {
        let shared = SharedFolder::start(&format!("--listen udp://127.0.0.1:0 {options}"));
        let notes = content(3000);
        shared.write("notes", &notes);
        Self { shared, notes }
    }

    /// A client at this address.
    fn client_at(&self, address: &str) -> Client {
        let socket = UdpSocket::bind(address).expect("the port is free");
        let timeout = socket.set_read_timeout(Some(DEADLINE));
        timeout.expect("the deadline is not zero");
        Client {
            socket,
            server: self.shared.server.udp_address(),
            received: HashSet::new(),
        }
    }

    fn client(&self) -> Client {
        self.client_at("127.0.0.1:0")
    }

    /// The DATA packet with this block of `notes`.
    fn notes(&self, block: u16) -> Vec<u8> {
        let bytes = self.notes.chunks(512).nth(usize::from(block) - 1);
        data(block, bytes.unwrap_or_default())
    }
}

/// A client that sends to the address of the last packet it received.
struct Client {
    socket: UdpSocket,
    server: SocketAddr,
    received: HashSet<Vec<u8>>,
}

impl Client {
    fn send(&self, packet: &[u8]) {
        let sent = self.socket.send_to(packet, self.server);
        sent.expect("it can be sent");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 65_535];
        let received = self.socket.recv_from(&mut bytes);
        let (count, from) = received.expect("the server answers");
        self.server = from;
        bytes.truncate(count);
        bytes
    }

    /// The next packet that is no retransmission.
    fn receive_new(&mut self) -> Vec<u8> {
        loop {
            let packet = self.receive();
            if self.received.insert(packet.clone()) {
                return packet;
            }
        }
    }

    /// Sends a packet and returns the next new one.
    fn ask(&mut self, packet: &[u8]) -> Vec<u8> {
        self.send(packet);
        self.receive_new()
    }

    /// Sends a packet and returns the code of the error that answers it.
    #[track_caller]
    fn refused(&mut self, packet: &[u8]) -> u16 {
        self.send(packet);
        loop {
            match self.receive()[..] {
                [0, 5, high, low, ..] => return u16::from_be_bytes([high, low]),
                [0, 4, ..] => (), // a retransmitted ACK
                ref other => panic!("no error: {}", other.escape_ascii()),
            }
        }
    }
}

fn packet(opcode: u16, rest: &[u8]) -> Vec<u8> {
    [&opcode.to_be_bytes(), rest].concat()
}

/// A read request with options, as in `blksize 1428`.
fn get_with(name: &str, options: &str) -> Vec<u8> {
    request(1, name, options)
}

fn get(name: &str) -> Vec<u8> {
    request(1, name, "")
}

fn put(name: &str) -> Vec<u8> {
    request(2, name, "")
}

fn request(opcode: u16, name: &str, options: &str) -> Vec<u8> {
    let fields = [name, "octet"]
        .into_iter()
        .chain(options.split_whitespace());
    let fields: Vec<Vec<u8>> = fields.map(|field| format!("{field}\0").into()).collect();
    packet(opcode, &fields.concat())
}

fn data(block: u16, bytes: &[u8]) -> Vec<u8> {
    packet(3, &[&block.to_be_bytes(), bytes].concat())
}

fn ack(block: u16) -> Vec<u8> {
    packet(4, &block.to_be_bytes())
}

/// An ERROR packet with the code "not defined".
fn error(message: &str) -> Vec<u8> {
    packet(5, format!("\0\0{message}\0").as_bytes())
}

#[test]
fn files_are_sent_and_received_under_every_model() {
    for model in MODELS {
        let setup = Setup::start(&format!("--writable --model {model}"));
        let mut client = setup.client();
        let listener = client.server;
        client.send(&get("notes"));
        for block in 1..=6 {
            assert_eq!(client.receive_new(), setup.notes(block), "{model}");
            assert_ne!(client.server.port(), listener.port(), "a port of its own");
            client.send(&ack(block));
        }
        let mut client = setup.client();
        assert_eq!(client.ask(&put("new")), ack(0));
        for block in 1..=6 {
            assert_eq!(client.ask(&setup.notes(block)), ack(block), "{model}");
        }
        // The file exists before the last block is acknowledged.
        assert_eq!(
            setup.shared.read("new").expect("the file exists"),
            setup.notes
        );
    }
}

#[test]
fn a_window_is_repeated_from_the_lost_block() {
    let setup = Setup::start("");
    let mut client = setup.client();
    let accepted = client.ask(&get_with("notes", "tsize 0 windowsize 4"));
    assert_eq!(accepted, b"\0\x06tsize\x003000\0windowsize\x004\0");
    client.send(&ack(0));
    for block in 1..=4 {
        assert_eq!(client.receive_new(), setup.notes(block));
    }
    client.send(&ack(2)); // the third was lost
    let mut received = Vec::new();
    while received.last() != Some(&setup.notes(6)) {
        received.push(client.receive());
    }
    for block in 3..=6 {
        assert!(received.contains(&setup.notes(block)), "{block}");
    }
    client.send(&ack(6));
    setup.shared.server.log("end: closed by the service");
}

#[test]
fn duplicate_packets_have_no_effect() {
    let setup = Setup::start("--model events");
    let mut client = setup.client();
    let listener = client.server;
    // Both requests are in the receive buffer when the server continues.
    setup.shared.server.pause();
    client.send(&get("notes"));
    client.send(&get("notes"));
    setup.shared.server.resume();
    assert_eq!(client.receive_new(), setup.notes(1));
    let transfer = client.server;
    for block in 1..6 {
        for _ in 0..3 {
            client.send(&ack(block));
        }
        assert_eq!(client.receive_new(), setup.notes(block + 1));
        assert_eq!(client.server, transfer, "one transfer, from one port");
    }
    client.send(&ack(6));
    setup.shared.server.log("end: closed by the service");
    // A busy machine may cause some retransmissions, but duplicates must not.
    let rest = received_so_far(&client.socket);
    assert!(rest.len() < 5, "{} more packets", rest.len());
    client.server = listener;
    assert_eq!(client.refused(&get("none")), NOT_FOUND);
}

#[test]
fn a_foreign_peer_gets_an_error_and_the_transfer_continues() {
    let setup = Setup::start("--writable");
    let (mut client, mut foreign) = (setup.client(), setup.client());
    assert_eq!(client.ask(&get("notes")), setup.notes(1));
    foreign.server = client.server;
    for packet in [ack(1), data(1, b"x")] {
        assert_eq!(foreign.refused(&packet), UNKNOWN_TRANSFER);
    }
    foreign.send(&error("give up"));
    for block in 1..6 {
        assert_eq!(client.ask(&ack(block)), setup.notes(block + 1));
    }
    let mut client = setup.client();
    assert_eq!(client.ask(&put("new")), ack(0));
    foreign.server = client.server;
    assert_eq!(foreign.refused(&data(1, b"foreign")), UNKNOWN_TRANSFER);
    assert_eq!(client.ask(&data(1, b"content")), ack(1));
    assert_eq!(
        setup.shared.read("new").expect("the file exists"),
        b"content"
    );
}

#[test]
fn a_silent_peer_gets_one_block_or_a_few_short_packets() {
    let setup = Setup::start("--writable");
    let requests = [
        get("notes"),
        put("new"),
        get_with("notes", "blksize 1428 windowsize 64"),
    ];
    let clients = requests.each_ref().map(|request| {
        let client = setup.client();
        // An attacker with a forged address would repeat the request, or send what the owner of the
        // address would send to the port of the transfer.
        for _ in 0..20 {
            client.send(request);
            client.send(&ack(1));
            client.send(&data(1, b"forged"));
        }
        client
    });
    let server = &setup.shared.server;
    server.log_lines("end: closed by the service", requests.len());
    for (client, count) in clients.iter().zip([1, 3, 3]) {
        let received = received_so_far(&client.socket);
        assert_eq!(received.len(), count);
        let first = &received[0];
        assert!(received.iter().all(|packet| packet == first));
        assert!(first.len() <= if count == 1 { 516 } else { 60 });
    }
    assert_eq!(setup.shared.read("new"), None);
}

/// curl acknowledges a block once, and waits without end if that is lost.
#[test]
fn a_silent_peer_of_a_trusted_network_gets_the_first_block_again() {
    let setup = Setup::start("--trust-network 127.0.0.0/8");
    let mut client = setup.client();
    client.send(&get("notes"));
    for _ in 0..2 {
        assert_eq!(client.receive(), setup.notes(1));
    }
    assert_eq!(client.ask(&ack(1)), setup.notes(2));
}

#[test]
fn another_request_of_a_peer_that_got_no_answer_begins_anew() {
    let setup = Setup::start("");
    setup.shared.write("other", "another");
    let mut client = setup.client();
    let listener = client.server;
    client.send(&get("notes"));
    assert_eq!(client.receive_new(), setup.notes(1));
    // The answer was lost, and the client continues with the next file.
    client.server = listener;
    assert_eq!(client.ask(&get("other")), data(1, b"another"));
}

#[test]
fn a_repeated_acknowledgement_draws_no_endless_stream() {
    let setup = Setup::start("--model events");
    let mut client = setup.client();
    let accepted = client.ask(&get_with("notes", "blksize 8 windowsize 64"));
    assert!(accepted.starts_with(b"\0\x06"));
    client.send(&ack(0));
    assert_eq!(client.receive_new()[..4], *b"\0\x03\0\x01");
    for _ in 0..2000 {
        client.send(&ack(1));
    }
    // The server has processed all of them when it answers another client.
    let mut other = setup.client();
    assert_eq!(other.refused(&get("none")), NOT_FOUND);
    let received = received_so_far(&client.socket);
    assert!(received.len() < 12 * 64, "{} packets", received.len());
}

#[test]
fn the_same_port_of_two_hosts_is_two_peers() {
    let setup = Setup::start("");
    let mut one = setup.client();
    let port = one.socket.local_addr().expect("it is bound").port();
    let mut two = setup.client_at(&format!("127.0.0.2:{port}"));
    assert_eq!(one.ask(&get("notes")), setup.notes(1));
    assert_eq!(two.ask(&get("notes")), setup.notes(1));
    assert_ne!(one.server, two.server);
    for block in 1..6 {
        assert_eq!(one.ask(&ack(block)), setup.notes(block + 1));
        assert_eq!(two.ask(&ack(block)), setup.notes(block + 1));
    }
}

#[test]
fn an_incomplete_upload_is_discarded() {
    for signal in [None, Some(Signal::SIGKILL), Some(Signal::SIGTERM)] {
        let mut setup = Setup::start("--writable --grace 200ms");
        let mut client = setup.client();
        assert_eq!(client.ask(&put("new")), ack(0));
        assert_eq!(client.ask(&setup.notes(1)), ack(1));
        assert_eq!(client.ask(&setup.notes(2)), ack(2));
        match signal {
            None => {
                client.send(&error("no more"));
                setup.shared.server.log("end: closed by the service");
            }
            Some(signal) => {
                setup.shared.server.signal(signal);
                setup.shared.server.wait();
            }
        }
        assert_eq!(setup.shared.count(), 1, "{signal:?}");
    }
}

#[test]
fn shutdown_waits_for_a_transfer() {
    let mut setup = Setup::start("--writable --model events");
    let mut client = setup.client();
    assert_eq!(client.ask(&put("new")), ack(0));
    assert_eq!(client.ask(&setup.notes(1)), ack(1));
    signal_and_wait(setup.shared.server.pid(), Signal::SIGTERM);
    for block in 2..=6 {
        assert_eq!(client.ask(&setup.notes(block)), ack(block));
    }
    assert!(setup.shared.server.wait().success());
    assert_eq!(
        setup.shared.read("new").expect("the file exists"),
        setup.notes
    );
}

#[test]
fn forbidden_requests_are_refused() {
    let setup = Setup::start("--writable --max-file 1000");
    symlink("/etc", setup.shared.folder.path().join("etc")).expect("the disk has room");
    let refused = |packet: &[u8], code: u16| {
        let found = setup.client().refused(packet);
        assert_eq!(found, code, "{}", packet.escape_ascii());
    };
    refused(&put("notes"), EXISTS);
    for name in ["../notes", "a/../../etc/passwd", ".."] {
        refused(&get(name), ACCESS);
    }
    for name in [
        "none",
        "/etc/passwd",
        "etc/passwd",
        "notes/../notes/",
        "",
        "notes/",
    ] {
        let code = if name.contains("..") {
            ACCESS
        } else {
            NOT_FOUND
        };
        refused(&get(name), code);
    }
    refused(&request(2, "new", "tsize 1001"), FULL);
    refused(b"\0\x01notes\0mail\0", ILLEGAL);
    refused(&ack(7), UNKNOWN_TRANSFER);
    let setup = Setup::start("");
    assert_eq!(setup.client().refused(&put("new")), ACCESS);
}

#[test]
fn the_second_upload_of_a_name_is_refused() {
    let setup = Setup::start("--writable");
    let (mut one, mut two) = (setup.client(), setup.client());
    assert_eq!(one.ask(&put("new")), ack(0));
    assert_eq!(two.ask(&put("new")), ack(0));
    assert_eq!(one.ask(&data(1, b"one")), ack(1));
    assert_eq!(two.refused(&data(1, b"two")), EXISTS);
    assert_eq!(setup.shared.read("new").expect("the file exists"), b"one");
}

#[test]
fn transfers_leave_no_descriptor_open() {
    let setup = Setup::start("--model events");
    let server = &setup.shared.server;
    let count = || descriptors(server.pid()).len();
    let refused = |client: &mut Client| {
        assert_eq!(client.refused(&get("none")), NOT_FOUND);
    };
    refused(&mut setup.client()); // opens what stays open
    let before = count();
    for _ in 0..50 {
        let mut client = setup.client();
        refused(&mut client);
        client.server = server.udp_address();
        assert_eq!(client.ask(&get("notes")), setup.notes(1));
        client.send(&error("enough"));
    }
    wait_until("the descriptors to be closed", || count() <= before);
}

#[test]
fn transfers_begin_during_a_flood_of_forged_requests() {
    let Some(lan) = Lan::new().filter(|_| installed(&["prlimit"])) else {
        return;
    };
    let folder = temp_dir();
    let file = content(1_000_000);
    fs::write(folder.path().join("file"), &file).expect("it can be written");
    let mut command = Command::new("prlimit");
    command.arg("--nofile=1024").arg(program());
    command.args(["serve", "files", "--listen", "udp://10.9.0.1:0"]);
    let server = lan.run(command.arg(folder.path()));
    let address = server.udp_address();
    let (sent, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Each request opens a port and a file. This many are more than there are descriptors.
    let enough = || 2000 <= sent.load(Relaxed);
    let flood = || {
        lan.enter(|| {
            while !done.load(Relaxed) {
                let number = sent.fetch_add(1, Relaxed);
                let [.., high, low] = number.to_be_bytes();
                let own = SocketAddr::from(([10, 1, high, low], 40_000));
                let socket = UdpSocket::bind(own).expect("an address");
                let request = b"\0\x01file\0octet\0";
                socket.send_to(request, address).expect("it can be sent");
                if number % 10 == 9 {
                    thread::sleep(Duration::from_millis(10)); // 1000 a second
                }
            }
        });
    };
    thread::scope(|scope| {
        scope.spawn(flood);
        wait_until("the flood to fill the server", enough);
        for copy in ["one", "two", "three"] {
            let copy = folder.path().join(copy);
            let mut get = Command::new(program());
            get.args(["get", "-u", &address.to_string(), "file", "-o"]);
            let output = lan.enter(|| get.arg(&copy).output());
            assert!(fs::read(&copy).is_ok_and(|copy| copy == file), "{output:?}");
        }
        done.store(true, Relaxed);
    });
}
