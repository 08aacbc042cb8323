//! Programs that answer datagrams, and what becomes of the process that serves them.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::support::{MODELS, Server, UdpClient, program, temp_dir, wait_for};

#[test]
fn a_program_runs_once_per_datagram() {
    let words = "echo $PROTO $UDPREMOTEIP $REMOTE_ADDR; echo oops >&2; tr a-z A-Z";
    for model in MODELS {
        let server = Server::exec_udp(&format!("--model {model}"), &["sh", "-c", words]);
        let (one, two) = (UdpClient::connect(&server), UdpClient::connect(&server));
        for (socket, word) in [(&one, "hello"), (&two, "there"), (&one, "again")] {
            socket.send(word.as_bytes());
            let answer = format!("UDP 127.0.0.1 127.0.0.1\n{}", word.to_uppercase());
            assert_eq!(socket.text(), answer, "{model}");
        }
        let own = one.0.local_addr().expect("it is bound");
        server.log(&format!("program: oops peer={own}"));
        server.log_lines("end: the program ended: exit status: 0", 3);
    }
}

#[test]
fn a_program_with_endless_output_is_ended() {
    for model in MODELS {
        let words = format!("--model {model} --idle none --max-clients 1");
        let server = Server::exec_udp(&words, &["yes"]);
        for times in 1..3 {
            UdpClient::connect(&server).send(b"go");
            server.log_lines("the rest is cut off", times);
            server.log_lines("end: the program ended: signal: 15", times);
        }
    }
}

#[test]
fn a_running_program_is_not_dropped_for_another_peer() {
    let folder = temp_dir();
    for model in MODELS {
        let go = folder.path().join(model);
        let words = format!("while ! [ -e {} ]; do sleep 0.01; done; cat", go.display());
        let server = Server::exec_udp(
            &format!("--model {model} --max-clients 1"),
            &["sh", "-c", &words],
        );
        let (first, second) = (UdpClient::connect(&server), UdpClient::connect(&server));
        first.send(b"first");
        server.log(" program peer=");
        second.send(b"second");
        server.log("dropped: the previous datagram is still being answered");
        fs::write(&go, "").expect("it can be written");
        assert_eq!(first.text(), "first", "{model}");
        server.log("end: the program ended");
        second.send(b"again");
        assert_eq!(second.text(), "again", "{model}");
    }
}

#[test]
fn a_killed_udp_process_is_restarted() {
    let words = ["-v", "serve", "echo", "--listen", "udp://127.0.0.1:0"];
    let mut server = Server::run(Command::new(program()).args(words));
    for times in 1..3 {
        server.log_lines("fork, to serve datagrams", times);
        let client = UdpClient::connect(&server);
        client.send(b"hello");
        assert_eq!(client.text(), "hello");
        let children = server.wait_for_children("its only child", |children| children.len() == 1);
        kill(children[0].0, Signal::SIGKILL).expect("it runs");
        server.log_lines("starting it again", times);
    }
    server.log_lines("fork, to serve datagrams", 3);
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
}

#[test]
fn udp_sessions_are_counted() {
    for model in MODELS {
        let words = ["-v", "serve", "uppercase", "--model", model];
        let mut command = Command::new(program());
        command
            .args(words)
            .args(["--listen", "udp://127.0.0.1:0", "--listen", "0"]);
        let server = Server::run(&mut command);
        let client = UdpClient::connect(&server);
        client.send(b"hello");
        assert_eq!(client.text(), "HELLO");
        let mut other = server.connect();
        assert_eq!(other.ask("hello"), "HELLO");
        let mut times = 0;
        wait_for("both to be told", || {
            times += 1;
            server.signal(Signal::SIGUSR1);
            let told = server.log_lines("counters ", times);
            told[times - 1].contains("live=2 accepted=2 ").then_some(())
        });
    }
}
