//! What users of other clients complain of.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::{Client, Process, Server, program, run_program, wait_until};

fn client(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("connect").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A server of the test, and its port.
fn listener(address: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((address, 0)).expect("loopback has free ports");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port.to_string())
}

#[test]
fn the_end_of_input_does_not_cut_a_late_answer() {
    let (server, port) = listener("127.0.0.1");
    let mut process = Process::start(&mut client(&["127.0.0.1", &port]));
    let (mut input, mut output) = process.take_pipes();
    input.write_all(b"question").expect("the client reads");
    drop(input);
    let (mut peer, _) = server.accept().expect("the client connects");
    let mut question = String::new();
    peer.read_to_string(&mut question)
        .expect("the client closes its side");
    assert_eq!(question, "question");
    // Other clients end about half a second after the end of their input.
    let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
    let ended = poll(&mut polled, PollTimeout::from(700_u16));
    assert_eq!(ended, Ok(0), "the client waits for the answer");
    let answer = vec![b'a'; 300_000];
    peer.write_all(&answer).expect("the client reads");
    drop(peer);
    let mut received = Vec::new();
    output
        .read_to_end(&mut received)
        .expect("the client prints");
    assert!(received == answer, "{} bytes", received.len());
    assert!(process.wait().success());
}

#[test]
fn the_client_ends_after_its_peer_although_its_input_stays_open() {
    let server = Server::start("daytime");
    let mut process = Process::start(&mut client(&["localhost", &server.port()]));
    let (input, mut output) = process.take_pipes();
    let mut time = String::new();
    output.read_to_string(&mut time).expect("the client ends");
    assert!(time.ends_with("-UTC\r\n"), "{time}");
    assert!(process.wait().success());
    drop(input);
}

#[test]
fn a_peer_that_only_closed_its_side_gets_the_whole_input() {
    let (server, port) = listener("127.0.0.1");
    let mut process = Process::start(&mut client(&["127.0.0.1", &port, "--peer-eof", "ignore"]));
    let (mut input, mut output) = process.take_pipes();
    let (mut peer, _) = server.accept().expect("the client connects");
    peer.write_all(b"ready").expect("the client reads");
    peer.shutdown(Shutdown::Write).expect("it is connected");
    let mut ready = [0; 5];
    output.read_exact(&mut ready).expect("the client prints");
    for piece in 0..3 {
        input.write_all(b"piece").expect("the client reads");
        let mut received = [0; 5];
        peer.read_exact(&mut received).expect("the client sends");
        assert_eq!(&received, b"piece", "{piece}");
    }
    drop(input);
    assert_eq!(peer.read(&mut [0]).expect("the client closes"), 0);
    assert!(process.wait().success());
}

#[test]
fn both_loopback_addresses_are_tried() {
    for address in ["127.0.0.1", "::1"] {
        let (server, port) = listener(address);
        let mut process = Process::start(&mut client(&[&port]));
        let (input, mut output) = process.take_pipes();
        let (mut peer, _) = server.accept().expect("the client connects");
        peer.write_all(b"welcome").expect("the client reads");
        drop((peer, input));
        let mut received = String::new();
        output
            .read_to_string(&mut received)
            .expect("the client ends");
        assert_eq!(received, "welcome", "{address}");
    }
}

#[test]
fn a_refused_connection_is_a_failure() {
    let (server, port) = listener("127.0.0.1");
    drop(server);
    let (code, output, error) = run_program(&format!("connect 127.0.0.1 {port}"), "hello");
    assert_eq!((code, &*output), (69, ""));
    let expected = format!(
        "switchboard: cannot connect to 127.0.0.1:{port}: connection refused, nothing listens on \
         127.0.0.1:{port}\n"
    );
    assert!(error.starts_with(&expected), "{error}");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = socket.local_addr().expect("it is bound").port();
    drop(socket);
    let (code, output, error) = run_program(&format!("connect -u 127.0.0.1 {port}"), "hello");
    assert_eq!((code, &*output), (69, ""));
    assert!(error.contains("unreachable"), "{error}");
}

#[test]
fn a_broken_connection_is_a_failure() {
    let (server, port) = listener("127.0.0.1");
    let mut process = Process::start(client(&["127.0.0.1", &port]).stderr(Stdio::piped()));
    let (input, mut output) = process.take_pipes();
    let (peer, _) = server.accept().expect("the client connects");
    let mut peer = Client::new(peer);
    peer.send("x");
    assert_eq!(output.read(&mut [0]).expect("the client prints"), 1);
    peer.reset();
    let mut error = String::new();
    let mut errors = process.take_stderr().expect("stderr is a pipe");
    errors.read_to_string(&mut error).expect("the client ends");
    assert_eq!(
        error,
        "switchboard: the connection broke: connection reset by peer\n"
    );
    assert_eq!(process.wait().code(), Some(1));
    assert_eq!(output.read(&mut [0]).expect("nothing is printed"), 0);
    drop(input);
}

#[test]
fn a_silent_connection_ends_if_asked() {
    let (server, port) = listener("127.0.0.1");
    let args = ["127.0.0.1", &port, "--idle-timeout", "100ms"];
    let mut process = Process::start(client(&args).stderr(Stdio::piped()));
    let peer = server.accept().expect("the client connects");
    let mut error = String::new();
    let mut errors = process.take_stderr().expect("stderr is a pipe");
    errors.read_to_string(&mut error).expect("the client ends");
    let expected = "switchboard: nothing was sent or received for 0.1 s\n";
    assert_eq!(error, expected);
    assert_eq!(process.wait().code(), Some(1));
    drop(peer);
}

#[test]
fn slow_output_does_not_stop_what_is_sent() {
    let (server, port) = listener("127.0.0.1");
    let mut process = Process::start(&mut client(&["127.0.0.1", &port]));
    let (mut input, mut output) = process.take_pipes();
    let (mut peer, _) = server.accept().expect("the client connects");
    let flood = vec![b'f'; 16 << 20];
    let written = flood.clone();
    let mut sender = peer.try_clone().expect("a socket can be cloned");
    // The output is not read: the client stops receiving at some time.
    let sender = thread::spawn(move || sender.write_all(&written));
    wait_until("the flood begins", || {
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO) == Ok(1)
    });
    let lines = vec![b'l'; 1 << 20];
    let given = lines.clone();
    let giver = thread::spawn(move || input.write_all(&given).map(|()| input));
    let mut received = vec![0; lines.len()];
    peer.read_exact(&mut received).expect("the client sends");
    assert!(received == lines);
    let input = giver.join().expect("no panic").expect("the client reads");
    let mut printed = vec![0; flood.len()];
    output.read_exact(&mut printed).expect("the client prints");
    assert!(printed == flood);
    sender.join().expect("no panic").expect("the client reads");
    drop((input, peer));
    assert!(process.wait().success());
}
