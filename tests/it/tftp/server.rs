//! Files by TFTP, through the whole program: what clients do that follow the standards, and others.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use nix::sys::signal::Signal;
use switchboard_files::tftp::{ErrorCode, Mode, Options, Packet, Request, RequestKind};
use tempfile::TempDir;

use crate::support::{DEADLINE, MODELS, Server, signal_and_wait, temp_dir, wait_until};

/// A folder with a file `notes`, that is served.
struct Place {
    folder: TempDir,
    server: Server,
    notes: Vec<u8>,
}

impl Place {
    fn new(words: &str) -> Self {
        let folder = temp_dir();
        let notes: Vec<u8> = (0..3000_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
        fs::write(folder.path().join("notes"), &notes).expect("the disk has room");
        let root = folder.path().display();
        let server = Server::start_udp(&format!("files --root {root} {words}"));
        Self {
            folder,
            server,
            notes,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody at this address.
    fn client(&self, own: &str) -> Client {
        let socket = UdpSocket::bind(own).expect("a free port");
        let timeout = socket.set_read_timeout(Some(DEADLINE));
        timeout.expect("a deadline can be set");
        Client {
            socket,
            to: self.server.udp_address(),
            heard: HashSet::new(),
        }
    }

    fn somebody(&self) -> Client {
        self.client("127.0.0.1:0")
    }

    fn notes(&self, block: u16) -> Vec<u8> {
        let bytes = self.notes.chunks(512).nth(usize::from(block) - 1);
        data(block, bytes.unwrap_or_default())
    }
}

/// Somebody who speaks to where it heard from last.
struct Client {
    socket: UdpSocket,
    to: SocketAddr,
    heard: HashSet<Vec<u8>>,
}

impl Client {
    fn say(&self, packet: &[u8]) {
        self.socket
            .send_to(packet, self.to)
            .expect("a datagram can be sent");
    }

    fn hear(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 65_535];
        let (count, from) = self
            .socket
            .recv_from(&mut bytes)
            .expect("the server answers");
        self.to = from;
        bytes.truncate(count);
        bytes
    }

    /// The next one that did not come before: whoever is slow is told again.
    fn hear_new(&mut self) -> Vec<u8> {
        loop {
            let bytes = self.hear();
            if self.heard.insert(bytes.clone()) {
                return bytes;
            }
        }
    }

    fn ask(&mut self, packet: &[u8]) -> Vec<u8> {
        self.say(packet);
        self.hear_new()
    }

    /// The code of the error that this is answered by.
    fn refused(&mut self, packet: &[u8]) -> u16 {
        self.say(packet);
        loop {
            match Packet::parse(&self.hear()) {
                Ok(Packet::Error { code, .. }) => return code,
                Ok(Packet::Ack(_)) => (), // once more
                other => panic!("{other:?}"),
            }
        }
    }

    /// All that has come, when no more can come.
    fn rest(&self) -> Vec<Vec<u8>> {
        self.socket
            .set_nonblocking(true)
            .expect("a mode can be set");
        let mut bytes = vec![0; 65_535];
        let next = || {
            let count = self.socket.recv(&mut bytes).ok()?;
            Some(bytes[..count].to_vec())
        };
        let rest = std::iter::from_fn(next).collect();
        self.socket
            .set_nonblocking(false)
            .expect("a mode can be set");
        rest
    }
}

fn request(kind: RequestKind, name: &str, options: Options) -> Vec<u8> {
    Packet::Request(Request {
        kind,
        name: name.as_bytes(),
        mode: Mode::Octet,
        options,
    })
    .to_bytes()
}

fn get(name: &str) -> Vec<u8> {
    request(RequestKind::Read, name, Options::default())
}

fn put(name: &str) -> Vec<u8> {
    request(RequestKind::Write, name, Options::default())
}

fn ack(block: u16) -> Vec<u8> {
    Packet::Ack(block).to_bytes()
}

fn data(block: u16, bytes: &[u8]) -> Vec<u8> {
    Packet::Data { block, bytes }.to_bytes()
}

#[test]
fn files_are_sent_and_received_under_every_model() {
    for model in MODELS {
        let place = Place::new(&format!("--writable --model {model}"));
        let mut client = place.somebody();
        let listens = client.to;
        client.say(&get("notes"));
        for block in 1..=6 {
            assert_eq!(client.hear_new(), place.notes(block), "{model}");
            assert_ne!(client.to.port(), listens.port(), "a port of its own");
            client.say(&ack(block));
        }
        let mut client = place.somebody();
        assert_eq!(client.ask(&put("new")), ack(0));
        for block in 1..=6 {
            assert_eq!(client.ask(&place.notes(block)), ack(block), "{model}");
        }
        // It is there as soon as that was said.
        assert_eq!(
            fs::read(place.path("new")).expect("it is there"),
            place.notes
        );
    }
}

#[test]
fn a_window_is_repeated_from_the_lost_block() {
    let place = Place::new("");
    let mut client = place.somebody();
    let options = Options {
        tsize: Some(0),
        windowsize: Some(4),
        ..Options::default()
    };
    let agreed = client.ask(&request(RequestKind::Read, "notes", options));
    assert_eq!(agreed, b"\0\x06tsize\x003000\0windowsize\x004\0");
    client.say(&ack(0));
    for block in 1..=4 {
        assert_eq!(client.hear_new(), place.notes(block));
    }
    client.say(&ack(2)); // the third was lost
    let mut heard = Vec::new();
    while heard.last() != Some(&place.notes(6)) {
        heard.push(client.hear());
    }
    for block in 3..=6 {
        assert!(heard.contains(&place.notes(block)), "{block}");
    }
    client.say(&ack(6));
    place.server.log("end: closed by the service");
}

#[test]
fn duplicate_packets_have_no_effect() {
    let place = Place::new("--model events");
    let mut client = place.somebody();
    let listens = client.to;
    // All of it is there before the server looks.
    place.server.pause();
    client.say(&get("notes"));
    client.say(&get("notes"));
    place.server.resume();
    assert_eq!(client.hear_new(), place.notes(1));
    let transfer = client.to;
    for block in 1..6 {
        for _ in 0..3 {
            client.say(&ack(block));
        }
        assert_eq!(client.hear_new(), place.notes(block + 1));
        assert_eq!(client.to, transfer, "one transfer, from one port");
    }
    client.say(&ack(6));
    place.server.log("end: closed by the service");
    // Whatever was sent again was sent because of the time; nothing was sent for what came twice.
    let rest = client.rest();
    assert!(rest.len() < 5, "{} more", rest.len());
    client.to = listens;
    assert_eq!(client.refused(&get("none")), ErrorCode::NotFound as u16);
}

#[test]
fn a_foreign_peer_gets_an_error_and_the_transfer_continues() {
    let place = Place::new("--writable");
    let (mut client, mut stranger) = (place.somebody(), place.somebody());
    assert_eq!(client.ask(&get("notes")), place.notes(1));
    stranger.to = client.to;
    for said in [ack(1), data(1, b"x")] {
        assert_eq!(stranger.refused(&said), ErrorCode::UnknownTransfer as u16);
    }
    stranger.say(&Packet::error(ErrorCode::Undefined, "give up"));
    for block in 1..6 {
        assert_eq!(client.ask(&ack(block)), place.notes(block + 1));
    }
    let mut client = place.somebody();
    assert_eq!(client.ask(&put("new")), ack(0));
    stranger.to = client.to;
    assert_eq!(
        stranger.refused(&data(1, b"not mine")),
        ErrorCode::UnknownTransfer as u16
    );
    assert_eq!(client.ask(&data(1, b"mine")), ack(1));
    assert_eq!(fs::read(place.path("new")).expect("it is there"), b"mine");
}

#[test]
fn a_silent_peer_gets_one_small_packet_six_times() {
    let place = Place::new("--writable");
    let options = Options {
        blksize: Some(1428),
        windowsize: Some(64),
        ..Options::default()
    };
    let asked = [
        get("notes"),
        put("new"),
        request(RequestKind::Read, "notes", options),
    ];
    let clients: Vec<_> = asked
        .iter()
        .map(|said| {
            let client = place.somebody();
            // Somebody who forges an address would not ask once only.
            (0..20).for_each(|_| client.say(said));
            client
        })
        .collect();
    place
        .server
        .log_lines("end: closed by the service", asked.len());
    for client in clients {
        let heard = client.rest();
        assert_eq!(heard.len(), 6);
        assert!(
            heard
                .iter()
                .all(|packet| packet == &heard[0] && packet.len() <= 516)
        );
    }
    assert!(!place.path("new").exists());
}

#[test]
fn the_same_port_of_two_hosts_is_two_peers() {
    let place = Place::new("");
    let mut one = place.somebody();
    let port = one.socket.local_addr().expect("it is bound").port();
    let mut two = place.client(&format!("127.0.0.2:{port}"));
    assert_eq!(one.ask(&get("notes")), place.notes(1));
    assert_eq!(two.ask(&get("notes")), place.notes(1));
    assert_ne!(one.to, two.to);
    for block in 1..6 {
        assert_eq!(one.ask(&ack(block)), place.notes(block + 1));
        assert_eq!(two.ask(&ack(block)), place.notes(block + 1));
    }
}

#[test]
fn an_incomplete_upload_is_discarded() {
    for signal in [None, Some(Signal::SIGKILL), Some(Signal::SIGTERM)] {
        let mut place = Place::new("--writable --grace 200ms");
        let mut client = place.somebody();
        assert_eq!(client.ask(&put("new")), ack(0));
        assert_eq!(client.ask(&place.notes(1)), ack(1));
        assert_eq!(client.ask(&place.notes(2)), ack(2));
        match signal {
            None => {
                client.say(&Packet::error(ErrorCode::Undefined, "no more"));
                place.server.log("end: closed by the service");
            }
            Some(signal) => {
                place.server.signal(signal);
                place.server.wait();
            }
        }
        let entries = fs::read_dir(place.folder.path()).expect("a folder");
        assert_eq!(entries.count(), 1, "{signal:?}");
    }
}

#[test]
fn shutdown_waits_for_a_transfer() {
    let mut place = Place::new("--writable --model events");
    let mut client = place.somebody();
    assert_eq!(client.ask(&put("new")), ack(0));
    assert_eq!(client.ask(&place.notes(1)), ack(1));
    signal_and_wait(place.server.pid(), Signal::SIGTERM);
    for block in 2..=6 {
        assert_eq!(client.ask(&place.notes(block)), ack(block));
    }
    assert!(place.server.wait().success());
    assert_eq!(
        fs::read(place.path("new")).expect("it is there"),
        place.notes
    );
}

#[test]
fn forbidden_requests_are_refused() {
    let place = Place::new("--writable --max-file 1000");
    std::os::unix::fs::symlink("/etc", place.path("etc")).expect("the disk has room");
    let refused = |said: &[u8], code: ErrorCode| {
        assert_eq!(
            place.somebody().refused(said),
            code as u16,
            "{}",
            said.escape_ascii()
        );
    };
    refused(&put("notes"), ErrorCode::Exists);
    for name in ["../notes", "a/../../etc/passwd", ".."] {
        refused(&get(name), ErrorCode::Access);
    }
    for name in ["none", "/etc/passwd", "etc/passwd", "notes/../notes/", ""] {
        let code = if name.contains("..") {
            ErrorCode::Access
        } else {
            ErrorCode::NotFound
        };
        refused(&get(name), code);
    }
    let large = Options {
        tsize: Some(1001),
        ..Options::default()
    };
    refused(&request(RequestKind::Write, "new", large), ErrorCode::Full);
    refused(b"\0\x01notes\0mail\0", ErrorCode::Illegal);
    refused(&ack(7), ErrorCode::UnknownTransfer);
    let place = Place::new("");
    assert_eq!(
        place.somebody().refused(&put("new")),
        ErrorCode::Access as u16
    );
}

#[test]
fn the_second_upload_of_a_name_is_refused() {
    let place = Place::new("--writable");
    let (mut one, mut two) = (place.somebody(), place.somebody());
    assert_eq!(one.ask(&put("new")), ack(0));
    assert_eq!(two.ask(&put("new")), ack(0));
    assert_eq!(one.ask(&data(1, b"one")), ack(1));
    assert_eq!(two.refused(&data(1, b"two")), ErrorCode::Exists as u16);
    assert_eq!(fs::read(place.path("new")).expect("it is there"), b"one");
}

#[test]
fn transfers_leave_no_descriptor_open() {
    let place = Place::new("--model events");
    let descriptors = || {
        let folder = format!("/proc/{}/fd", place.server.pid());
        fs::read_dir(folder).expect("it runs").count()
    };
    let refused = |client: &mut Client| {
        assert_eq!(client.refused(&get("none")), ErrorCode::NotFound as u16);
    };
    refused(&mut place.somebody()); // so all is open that stays
    let before = descriptors();
    for _ in 0..50 {
        let mut client = place.somebody();
        refused(&mut client);
        client.to = place.server.udp_address();
        assert_eq!(client.ask(&get("notes")), place.notes(1));
        client.say(&Packet::error(ErrorCode::Undefined, "enough"));
    }
    wait_until("all to be closed", || descriptors() <= before);
}
