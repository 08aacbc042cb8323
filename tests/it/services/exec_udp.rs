//! Programs that answer datagrams, and what becomes of the process that serves them.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::support::server::{DEADLINE, MODELS, Server, program, until};

fn exec(options: &str, command: &[&str]) -> Server {
    Server::run(
        Command::new(program())
            .args(["-v", "serve", "exec", "--listen", "udp://127.0.0.1:0"])
            .args(options.split_whitespace())
            .arg("--")
            .args(command),
    )
}

fn call(server: &Server) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket
        .set_read_timeout(Some(DEADLINE))
        .expect("a deadline can be set");
    socket
        .connect(server.udp_address())
        .expect("it is an address");
    socket
}

fn hear(socket: &UdpSocket) -> String {
    let mut datagram = [0; 1024];
    let count = socket.recv(&mut datagram).expect("the server answers");
    String::from_utf8_lossy(&datagram[..count]).into_owned()
}

#[test]
fn a_program_runs_once_for_each_datagram() {
    let words = "echo $PROTO $UDPREMOTEIP $REMOTE_ADDR; echo oops >&2; tr a-z A-Z";
    for model in MODELS {
        let server = exec(&format!("--model {model}"), &["sh", "-c", words]);
        let (one, two) = (call(&server), call(&server));
        for (socket, word) in [(&one, "hello"), (&two, "there"), (&one, "again")] {
            socket.send(word.as_bytes()).expect("it can be sent");
            let answer = format!("UDP 127.0.0.1 127.0.0.1\n{}", word.to_uppercase());
            assert_eq!(hear(socket), answer, "{model}");
        }
        let own = one.local_addr().expect("it is bound");
        server.log(&format!("program: oops peer={own}"));
        server.log_times("end: the program ended: exit status: 0", 3);
    }
}

#[test]
fn a_program_that_prints_without_end_is_ended() {
    for model in MODELS {
        let words = format!("--model {model} --idle none --max-clients 1");
        let server = exec(&words, &["yes"]);
        for times in 1..3 {
            call(&server).send(b"go").expect("it can be sent");
            server.log_times("the rest is cut off", times);
            server.log_times("end: the program ended: signal: 15", times);
        }
    }
}

#[test]
fn who_is_waited_for_is_not_forgotten_for_another() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for model in MODELS {
        let go = folder.path().join(model);
        let words = format!("while ! [ -e {} ]; do sleep 0.01; done; cat", go.display());
        let server = exec(
            &format!("--model {model} --max-clients 1"),
            &["sh", "-c", &words],
        );
        let (first, second) = (call(&server), call(&server));
        first.send(b"first").expect("it can be sent");
        server.log(" program peer=");
        second.send(b"second").expect("it can be sent");
        server.log("dropped: the one before is still being answered");
        fs::write(&go, "").expect("it can be written");
        assert_eq!(hear(&first), "first", "{model}");
        server.log("end: the program ended");
        second.send(b"again").expect("it can be sent");
        assert_eq!(hear(&second), "again", "{model}");
    }
}

#[test]
fn a_killed_server_of_datagrams_is_started_anew() {
    let words = ["-v", "serve", "echo", "--listen", "udp://127.0.0.1:0"];
    let mut server = Server::run(Command::new(program()).args(words));
    for times in 1..3 {
        server.log_times("fork, to serve datagrams", times);
        let caller = call(&server);
        caller.send(b"hello").expect("it can be sent");
        assert_eq!(hear(&caller), "hello");
        let children = server.children_until("its only child", |children| children.len() == 1);
        kill(children[0].0, Signal::SIGKILL).expect("it runs");
        server.log_times("starting it again", times);
    }
    server.log_times("fork, to serve datagrams", 3);
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
}

#[test]
fn conversations_by_datagrams_count_as_live() {
    for model in MODELS {
        let words = ["-v", "serve", "uppercase", "--model", model];
        let mut command = Command::new(program());
        command
            .args(words)
            .args(["--listen", "udp://127.0.0.1:0", "--listen", "0"]);
        let server = Server::run(&mut command);
        let caller = call(&server);
        caller.send(b"hello").expect("it can be sent");
        assert_eq!(hear(&caller), "HELLO");
        let mut other = server.connect();
        assert_eq!(other.ask("hello"), "HELLO");
        let mut times = 0;
        until("both to be told", || {
            times += 1;
            server.signal(Signal::SIGUSR1);
            let told = server.log_times("counters ", times);
            told[times - 1].contains("live=2 accepted=2 ").then_some(())
        });
    }
}
