//! The `exec` service over UDP, and the process that serves UDP under `fork`.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::proc::children_of;
use crate::support::{
    KillOnDrop, Lan, MODELS, Server, UdpClient, program, temp_dir, wait_for, wait_for_exit,
    wait_until,
};

#[test]
fn a_program_runs_once_per_datagram() {
    let script = "echo $PROTO $UDPREMOTEIP $REMOTE_ADDR; echo oops >&2; tr a-z A-Z";
    for model in MODELS {
        let server = Server::exec_udp(&format!("--model {model}"), &["sh", "-c", script]);
        let (one, two) = (UdpClient::connect(&server), UdpClient::connect(&server));
        for (socket, word) in [(&one, "hello"), (&two, "there"), (&one, "again")] {
            socket.send(word.as_bytes());
            let answer = format!("UDP 127.0.0.1 127.0.0.1\n{}", word.to_uppercase());
            assert_eq!(socket.text(), answer, "{model}");
        }
        let peer = one.0.local_addr().expect("it is bound");
        server.log(&format!("program: oops peer={peer}"));
        server.log_lines("end: the program ended: exit status: 0", 3);
    }
}

#[test]
fn a_daemon_of_a_program_ends_with_it() {
    let script =
        "(setsid sh -c 'echo $$; exec sleep 1000 </dev/null >/dev/null 2>&1' &); sleep 0.1";
    for model in MODELS {
        let server = Server::exec_udp(&format!("--model {model}"), &["sh", "-c", script]);
        let client = UdpClient::connect(&server);
        for _ in 0..2 {
            let daemon = client.ask(b"go");
            let daemon = daemon.trim().parse().expect("a pid");
            let daemon = KillOnDrop(Pid::from_raw(daemon));
            wait_for_exit(daemon.0);
        }
        for (process, _) in server.children() {
            wait_until("every process to be reaped", || {
                children_of(process).is_empty()
            });
        }
    }
}

#[test]
fn a_program_with_endless_output_is_ended() {
    for model in MODELS {
        let options = format!("--model {model} --idle-timeout none --max-clients 1");
        let server = Server::exec_udp(&options, &["yes"]);
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
        let script = format!("while ! [ -e {} ]; do sleep 0.01; done; cat", go.display());
        let server = Server::exec_udp(
            &format!("--model {model} --max-clients 1"),
            &["sh", "-c", &script],
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
fn forged_datagrams_start_few_programs() {
    let Some(lan) = Lan::new() else {
        return;
    };
    let mut command = Command::new(program());
    command.args(["-v", "serve", "exec", "--listen", "udp://10.9.0.1:0"]);
    let server = lan.run(command.args(["--", "sleep", "600"]));
    for batch in 1..=15 {
        lan.enter(|| {
            for host in 0..100 {
                let own = format!("10.1.{batch}.{host}:40000");
                let port = server.udp_address().port();
                UdpClient::connect_from(&own, "10.9.0.1", port).send("x");
            }
        });
        wait_until("the datagrams to be handled", || {
            let log = server.log_so_far();
            let handled = log.iter().filter(|line| {
                line.contains(" program peer=") || line.contains("dropped: too many programs")
            });
            100 * batch <= handled.count()
        });
    }
    let log = server.log_so_far();
    let programs = log.iter().filter(|line| line.contains(" program peer="));
    assert_eq!(programs.count(), 64);
}

#[test]
fn a_killed_udp_process_is_restarted() {
    let mut server = Server::start_udp("echo");
    for times in 1..3 {
        server.log_lines("fork, for UDP", times);
        let client = UdpClient::connect(&server);
        client.send(b"hello");
        assert_eq!(client.text(), "hello");
        let children = server.wait_for_children("its only child", |children| children.len() == 1);
        kill(children[0].0, Signal::SIGKILL).expect("it runs");
        server.log_lines("restarting it", times);
    }
    server.log_lines("fork, for UDP", 3);
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
}

#[test]
fn udp_sessions_are_counted() {
    for model in MODELS {
        let options = format!("--model {model} --listen 0");
        let server = Server::start_udp(&format!("uppercase {options}"));
        let client = UdpClient::connect(&server);
        client.send(b"hello");
        assert_eq!(client.text(), "HELLO");
        let mut other = server.connect();
        assert_eq!(other.ask("hello"), "HELLO");
        let mut times = 0;
        wait_for("both sessions to be counted", || {
            times += 1;
            server.signal(Signal::SIGUSR1);
            let lines = server.log_lines("counters ", times);
            lines[times - 1]
                .contains("live=2 accepted=2 ")
                .then_some(())
        });
    }
}
