//! `get` and `put` over TFTP: requests, timeouts, errors.

use std::fs;
use std::net::UdpSocket;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use crate::support::files::{check_run, command_in, names, serve_files};
use crate::support::{DEADLINE, Process, installed, is_root, received_so_far, shell, temp_dir};

/// A UDP socket of the test's own, and its address.
fn udp_socket() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let deadline = Some(DEADLINE);
    socket.set_read_timeout(deadline).expect("it is not zero");
    let address = socket.local_addr().expect("it is bound");
    (socket, format!("udp://{address}"))
}

#[test]
fn a_server_that_never_answers_is_unavailable() {
    let here = temp_dir();
    let (socket, address) = udp_socket();
    let args = ["get", &address, "a", "b", "--timeout", "200ms"];
    let message = format!("no answer from {address}");
    check_run(here.path(), &args, 69, &message);
    // The timeout is shorter than the first retransmission, and the second file is not requested.
    assert_eq!(received_so_far(&socket).len(), 1);
    fs::write(here.path().join("c"), "hello").expect("the disk has room");
    let args = ["put", &address, "c", "--timeout", "200ms"];
    check_run(here.path(), &args, 69, &message);
    assert_eq!(names(here.path()), ["c"]);
}

#[test]
fn a_silent_server_is_given_up_after_the_timeout() {
    let here = temp_dir();
    let (socket, address) = udp_socket();
    let own = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let answering = own.try_clone().expect("a socket can be cloned");
    let server = thread::spawn(move || {
        let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("the client asks");
        let agreed = b"\0\x06blksize\x001428\0";
        answering.send_to(agreed, peer).expect("it can be sent");
    });
    let args = ["get", &address, "a", "--timeout", "500ms"];
    check_run(here.path(), &args, 74, "no answer for too long");
    server.join().expect("the client asks");
    // It repeats its acknowledgement at growing intervals.
    let acknowledged = received_so_far(&own).len();
    assert!((1..10).contains(&acknowledged), "{acknowledged}");
    assert_eq!(names(here.path()), [""; 0]);
}

#[test]
fn a_server_that_disappears_is_an_io_error() {
    let here = temp_dir();
    let (socket, address) = udp_socket();
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("the client asks");
            let own = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let agreed = b"\0\x06blksize\x001428\0";
            own.send_to(agreed, peer).expect("it can be sent");
        }
    });
    let args = ["get", &address, "a", "b"];
    check_run(here.path(), &args, 74, "2 of 2 failed");
    server.join().expect("the client asks");
    assert_eq!(names(here.path()), [""; 0]);
}

#[test]
fn an_interrupted_put_sends_an_error() {
    let here = temp_dir();
    fs::write(here.path().join("a"), "hello").expect("the disk has room");
    let (socket, address) = udp_socket();
    let put = ["put", &address, "a"];
    let mut process = Process::start(command_in(here.path(), &put).stderr(Stdio::null()));
    let mut packet = [0; 1000];
    let (_, peer) = socket.recv_from(&mut packet).expect("the client asks");
    socket.send_to(b"\0\x04\0\0", peer).expect("it can be sent");
    socket.recv(&mut packet).expect("the client sends");
    process.signal(Signal::SIGINT);
    // Skip retransmissions.
    while packet[..2] == *b"\0\x03" {
        socket.recv(&mut packet).expect("the client sends an error");
    }
    assert!(packet.starts_with(b"\0\x05\0\0stopped\0"));
    assert_eq!(process.wait().code(), Some(130));
}

/// Runs `get` with a server that answers the request with `answer` from a port of its own, and then
/// each packet by what `next` returns; returns what it received there.
fn get_from(
    answer: &[u8],
    code: i32,
    message: &str,
    next: impl Fn(&[u8]) -> Option<Vec<u8>> + Sync,
) -> Vec<Vec<u8>> {
    let here = temp_dir();
    let (socket, address) = udp_socket();
    let (own, _) = udp_socket();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut packet = [0; 1000];
            let (_, peer) = socket.recv_from(&mut packet).expect("the client asks");
            own.send_to(answer, peer).expect("it can be sent");
            let mut received = Vec::new();
            loop {
                let length = own.recv(&mut packet).expect("the client answers");
                received.push(packet[..length].to_vec());
                match next(&packet[..length]) {
                    Some(reply) => own.send_to(&reply, peer).expect("it can be sent"),
                    None => return received,
                };
            }
        });
        check_run(here.path(), &["get", &address, "a"], code, message);
        let received = server.join().expect("the client asks");
        assert_eq!(received_so_far(&socket).len(), 0, "one request");
        received
    })
}

#[test]
fn imprecise_option_acknowledgements_are_read() {
    for acked in [
        &b"blksize\x001428\0tsize\x003\0\0\0\0\0"[..],
        b"blksize\x001428\0tsize\x003",
        b"BLKSIZE\0 1428\0\0tsize\x003 \0",
        b"blksize2\x002048\0blksize\x001428\0x\0",
        b"\0\0",
    ] {
        let answer = [b"\0\x06", acked].concat();
        let received = get_from(&answer, 0, "a: 3 bytes", |packet| {
            (packet == b"\0\x04\0\0").then(|| b"\0\x03\0\x01end".to_vec())
        });
        let acks = [b"\0\x04\0\0", b"\0\x04\0\x01"];
        assert_eq!(received, acks, "{}", acked.escape_ascii());
    }
}

#[test]
fn a_senseless_option_acknowledgement_ends_the_transfer_at_once() {
    for acked in [
        &b"blksize\x001429\0"[..],
        b"blksize\x007\0",
        b"blksize\0many\0",
        b"blksize\0",
        b"blksize\x001428\0blksize\x00512\0",
        b"windowsize\x0017\0",
        b"timeout\x003\0",
    ] {
        let answer = [b"\0\x06", acked].concat();
        let message = "the option acknowledgement is invalid";
        let received = get_from(&answer, 76, message, |_| None);
        let shown = acked.escape_ascii();
        assert!(received[0].starts_with(b"\0\x05\0\x08"), "{shown}");
    }
}

#[test]
fn a_cut_error_packet_ends_the_transfer_at_once() {
    for (packet, message) in [
        (&b"\0\x05"[..], "error 0: the transfer failed"),
        (b"\0\x05\0", "error 0: the transfer failed"),
        (b"\0\x05\0\x01", "error 1: no such file"),
        (b"\0\x05\0\x01go", "error 1: go"),
    ] {
        let (socket, address) = udp_socket();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("the client asks");
                socket.send_to(packet, peer).expect("it can be sent");
            });
            check_run(temp_dir().path(), &["get", &address, "a"], 1, message);
        });
        assert_eq!(received_so_far(&socket).len(), 0, "one request");
    }
}

/// Whatever arrives without end, the client repeats what is unanswered and gives up.
#[test]
fn a_stream_of_foreign_or_malformed_packets_does_not_stop_the_timers() {
    let (foreign, _) = udp_socket();
    for (answers, is_foreign, code, message) in [
        (false, true, 69, "no answer from"),
        (true, false, 74, "no answer for too long"),
        (true, true, 74, "no answer for too long"),
    ] {
        let (socket, address) = udp_socket();
        let (own, _) = udp_socket();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (_, peer) = socket.recv_from(&mut [0; 1000]).expect("the client asks");
                if answers {
                    let agreed = b"\0\x06blksize\x001428\0";
                    own.send_to(agreed, peer).expect("it can be sent");
                    own.recv(&mut [0; 1000]).expect("the client answers");
                }
                let from = if is_foreign { &foreign } else { &own };
                while !is_done.load(Ordering::Relaxed) {
                    from.send_to(b"hello", peer).ok(); // refused once the client has ended
                    thread::yield_now();
                }
            });
            let args = ["get", &address, "a", "--timeout", "2s"];
            check_run(temp_dir().path(), &args, code, message);
            is_done.store(true, Ordering::Relaxed);
        });
        let repeated = received_so_far(if answers { &own } else { &socket });
        assert!(!repeated.is_empty(), "{code}: it is repeated");
        let refused = received_so_far(&foreign);
        assert!(refused.len() <= 8, "{} errors", refused.len());
        assert_eq!(refused.is_empty(), !is_foreign);
        assert!(
            refused
                .iter()
                .all(|packet| packet.starts_with(b"\0\x05\0\x05"))
        );
    }
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
        let (socket, address) = udp_socket();
        let server = thread::spawn(move || {
            let mut packet = [0; 1000];
            let (length, peer) = socket.recv_from(&mut packet).expect("the client asks");
            socket
                .send_to(b"\0\x05\0\x01no\0", peer)
                .expect("it can be sent");
            packet[..length].to_vec()
        });
        let mut args = vec!["get", &address, "a"];
        args.extend(options.split_whitespace());
        check_run(temp_dir().path(), &args, 1, "error 1: no");
        let request = server.join().expect("the client asks");
        assert_eq!(request, expected, "{}", request.escape_ascii());
    }
}

#[test]
fn invalid_tftp_options_are_refused() {
    let here = temp_dir();
    let here = here.path();
    for options in ["--block-size 512", "--window 1", "--netascii"] {
        let options: Vec<_> = options.split(' ').collect();
        let get = [&["get", "1", "a"], &*options].concat();
        check_run(here, &get, 2, "for TFTP");
        let put = [&["put", "unix:a", "a"], &*options].concat();
        check_run(here, &put, 2, "for TFTP");
    }
    for options in [
        "--block-size 7",
        "--block-size 65465",
        "--window 0",
        "--window 65",
    ] {
        let options: Vec<_> = options.split(' ').collect();
        let get = [&["get", "-u", "1", "a"], &*options].concat();
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
    let message = format!("a: {} bytes", TEXT.len());
    let put = [&["put", "-u", port, "a"], &small[..]].concat();
    check_run(here.path(), &put, 0, &message);
    assert_eq!(
        fs::read_to_string(there.path().join("a")).expect("text"),
        TEXT
    );
    let get = [&["get", "-u", port, "a", "--overwrite"], &small[..]].concat();
    check_run(here.path(), &get, 0, &message);
    assert_eq!(
        fs::read_to_string(here.path().join("a")).expect("text"),
        TEXT
    );
}

/// An ICMP error concerns one datagram, not the transfer.
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
         $PROGRAM serve files {} --writable --listen udp://127.0.0.1:0 --ready-fd 5 \
             5>ready >log 2>&1 & read <ready
         server=$(grep -o \"udp://127.0.0.1:[0-9]*\" log | head -n 1)
         timeout 20 $PROGRAM put $server a; echo $?; kill %1",
        here.path().display(),
        there.path().display()
    );
    let output = shell(&format!("unshare -n bash -c '{script}'"), b"");
    assert_eq!(output.stdout, b"0\n", "{output:?}");
    let put = fs::read(there.path().join("a")).expect("it can be sent");
    assert!(put == [b'x'; 300_000]);
}
