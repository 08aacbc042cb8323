//! `get` and `put` by TFTP: what is asked for, and how long an answer is waited for.

use std::fs;
use std::net::UdpSocket;
use std::process::Stdio;
use std::thread;

use nix::sys::signal::Signal;

use crate::support::files::{check_run, command_in, names, serve_files};
use crate::support::{DEADLINE, Process, installed, is_root, shell, temp_dir};

/// A port where nobody answers unless somebody does, and its address.
fn port() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let deadline = Some(DEADLINE);
    socket.set_read_timeout(deadline).expect("it is not zero");
    let address = socket.local_addr().expect("it is bound");
    (socket, format!("udp://{address}"))
}

/// How many datagrams came there until now.
fn came(socket: &UdpSocket) -> usize {
    socket.set_nonblocking(true).expect("it is a socket");
    let mut packet = [0; 1000];
    std::iter::from_fn(|| socket.recv(&mut packet).ok()).count()
}

#[test]
fn a_server_that_never_answers_is_unavailable() {
    let here = temp_dir();
    let (socket, address) = port();
    let words = ["get", &address, "a", "b", "--timeout", "200ms"];
    let said = format!("no answer from {address}");
    check_run(here.path(), &words, 69, &said);
    // It asks for the second time later than that, and for the second file not at all.
    assert_eq!(came(&socket), 1);
    fs::write(here.path().join("c"), "hello").expect("the disk has room");
    let words = ["put", &address, "c", "--timeout", "200ms"];
    check_run(here.path(), &words, 69, &said);
    assert_eq!(names(here.path()), ["c"]);
}

#[test]
fn a_silent_server_is_given_up_after_the_timeout() {
    let here = temp_dir();
    let (socket, address) = port();
    let own = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let answering = own.try_clone().expect("a socket can be cloned");
    let server = thread::spawn(move || {
        let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("it asks");
        let agreed = b"\0\x06blksize\x001428\0";
        answering.send_to(agreed, peer).expect("it is there");
    });
    let words = ["get", &address, "a", "--timeout", "500ms"];
    check_run(here.path(), &words, 74, "no answer for too long");
    server.join().expect("it was asked");
    // It acknowledges more often, the longer it waits.
    let acknowledged = came(&own);
    assert!((1..10).contains(&acknowledged), "{acknowledged}");
    assert_eq!(names(here.path()), [""; 0]);
}

#[test]
fn a_server_that_disappears_is_an_io_error() {
    let here = temp_dir();
    let (socket, address) = port();
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("it asks");
            let own = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let agreed = b"\0\x06blksize\x001428\0";
            own.send_to(agreed, peer).expect("it is there");
        }
    });
    let words = ["get", &address, "a", "b"];
    check_run(here.path(), &words, 74, "2 of 2 failed");
    server.join().expect("it was asked");
    assert_eq!(names(here.path()), [""; 0]);
}

#[test]
fn an_interrupted_put_sends_an_error() {
    let here = temp_dir();
    fs::write(here.path().join("a"), "hello").expect("the disk has room");
    let (socket, address) = port();
    let put = ["put", &address, "a"];
    let mut process = Process::start(command_in(here.path(), &put).stderr(Stdio::null()));
    let mut packet = [0; 1000];
    let (_, peer) = socket.recv_from(&mut packet).expect("it asks");
    socket.send_to(b"\0\x04\0\0", peer).expect("it is there");
    socket.recv(&mut packet).expect("it sends");
    process.signal(Signal::SIGINT);
    // What it sends again, until it is over.
    while packet[..2] == *b"\0\x03" {
        socket.recv(&mut packet).expect("it says so");
    }
    assert!(packet.starts_with(b"\0\x05\0\0stopped\0"));
    assert_eq!(process.wait().code(), Some(130));
}

#[test]
fn options_of_the_request_can_be_chosen() {
    const PLAIN: &[u8] = b"\0\x01a\0octet\0tsize\x000\0";
    for (options, expected) in [
        (
            "",
            &b"\0\x01a\0octet\0blksize\x001428\0tsize\x000\0windowsize\x0016\0"[..],
        ),
        ("--block-size 512 --window 1", PLAIN),
        (
            "--block-size 8 --window 64 --netascii",
            b"\0\x01a\0netascii\0blksize\x008\0windowsize\x0064\0",
        ),
    ] {
        let (socket, address) = port();
        let server = thread::spawn(move || {
            let mut packet = [0; 1000];
            let (length, peer) = socket.recv_from(&mut packet).expect("it asks");
            socket
                .send_to(b"\0\x05\0\x01no\0", peer)
                .expect("it is there");
            packet[..length].to_vec()
        });
        let mut words = vec!["get", &address, "a"];
        words.extend(options.split_whitespace());
        check_run(temp_dir().path(), &words, 1, "error 1: no");
        let asked = server.join().expect("it was asked");
        assert_eq!(asked, expected, "{}", asked.escape_ascii());
    }
}

#[test]
fn invalid_tftp_options_are_refused() {
    let here = temp_dir();
    let here = here.path();
    for words in ["--block-size 512", "--window 1", "--netascii"] {
        let words: Vec<_> = words.split(' ').collect();
        let get = [&["get", "1", "a"], &*words].concat();
        check_run(here, &get, 2, "for TFTP");
        let put = [&["put", "unix:a", "a"], &*words].concat();
        check_run(here, &put, 2, "for TFTP");
    }
    for words in [
        "--block-size 7",
        "--block-size 65465",
        "--window 0",
        "--window 65",
    ] {
        let words: Vec<_> = words.split(' ').collect();
        let get = [&["get", "-u", "1", "a"], &*words].concat();
        check_run(here, &get, 2, "invalid value");
    }
}

#[test]
fn netascii_text_comes_back_unchanged() {
    const TEXT: &str = "one\ntwo\r\nthree\r\n\rfour";
    let (here, there) = (temp_dir(), temp_dir());
    let server = serve_files(there.path(), "--writable --listen udp://127.0.0.1:0");
    let port = &*server.udp_address().to_string();
    fs::write(here.path().join("a"), TEXT).expect("the disk has room");
    let small = ["--netascii", "--block-size", "8", "--window", "2"];
    let said = format!("a: {} bytes", TEXT.len());
    let put = [&["put", "-u", port, "a"], &small[..]].concat();
    check_run(here.path(), &put, 0, &said);
    assert_eq!(
        fs::read_to_string(there.path().join("a")).expect("text"),
        TEXT
    );
    let get = [&["get", "-u", port, "a", "--overwrite"], &small[..]].concat();
    check_run(here.path(), &get, 0, &said);
    assert_eq!(
        fs::read_to_string(here.path().join("a")).expect("text"),
        TEXT
    );
}

/// What a router says about one datagram is not true of all.
#[test]
fn a_temporary_icmp_error_does_not_end_a_transfer() {
    if !is_root() || !installed(&["unshare", "ip", "nft"]) {
        return;
    }
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(here.path().join("a"), [b'x'; 300_000]).expect("the disk has room");
    let script = format!(
        "cd {} && mkfifo ready && ip link set lo up && nft add table t && \
         nft \"add chain t c {{ type filter hook input priority 0; }}\" && \
         nft add rule t c udp dport != 0 numgen inc mod 19 == 7 reject with icmp type host-unreachable || exit 1
         $PROGRAM serve files --root {} --writable --listen udp://127.0.0.1:0 --ready-fd 5 \
             5>ready >said 2>&1 & read <ready
         server=$(grep -o \"udp://127.0.0.1:[0-9]*\" said | head -n 1)
         timeout 20 $PROGRAM put $server a; echo $?; kill %1",
        here.path().display(),
        there.path().display()
    );
    let output = shell(&format!("unshare -n bash -c '{script}'"), b"");
    assert_eq!(output.stdout, b"0\n", "{output:?}");
    let put = fs::read(there.path().join("a")).expect("it is there");
    assert!(put == [b'x'; 300_000]);
}
