//! The `forward` service: what one client sends goes to another, or to all.

use std::fs;
use std::io::Write;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::support::{
    CONCURRENT_MODELS, Client, Scene, Server, installed, is_root, pid_in, stdout_of, temp_dir,
    wait_until_idle,
};

/// Plays a script at a server with these options, under each concurrent model.
#[track_caller]
fn check(options: &str, script: &str) {
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("forward --model {model} {options}"));
        Scene::at(&server, &[]).play(script);
    }
}

const NO_RECEIVER: &str = "No receiver is connected; your next bytes wait for one.";

/// Two clients, and a third that is refused.
const LINE: &str = "
    +1
    1= 1
    +2
    2= 2
    +3
    3< There is a sender and a receiver already. Try again later.
    -3
    3.
    1> hello
    2< hello
    2> this is discarded
    1: and again
    2= and again
    -1
    1.
    2.
";

#[test]
fn the_first_client_sends_to_the_second() {
    check("", LINE);
    // The line is free when both have left.
    check("", &LINE.repeat(2));
}

#[test]
fn the_first_client_sends_to_the_second_by_nc() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("forward --model {model}"));
        let (port, mut processes) = (server.port(), Vec::new());
        let connect = |_: &str| Client::nc(&port, &mut processes);
        // `nc -N` exits at the end of its input.
        let script = LINE.replace("2.", "-2\n2.");
        Scene::new(&[], connect).play(&script);
    }
}

/// Reads its role, then sends standard input, or prints what it receives.
const CLIENT: &str = r#"
import os, socket, sys
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
role = line.recv(1)
if role == b"1":
    print("sending", flush=True)
    while piece := os.read(0, 4096):
        line.sendall(piece)
elif role == b"2":
    print("receiving", flush=True)
    while piece := line.recv(4096):
        os.write(1, piece)
"#;

#[test]
fn a_client_learns_its_role() {
    if !installed(&["python3"]) {
        return;
    }
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("forward --model {model}"));
        let port = server.port();
        let client = || Client::of_command(Command::new("python3").args(["-c", CLIENT, &port]));
        let (mut one, mut sender) = client();
        assert_eq!(sender.line(), "sending", "{model}");
        sender.send("early\n");
        let (mut two, mut receiver) = client();
        assert_eq!(receiver.line(), "receiving", "{model}");
        assert_eq!(receiver.line(), "early");
        sender.send("late\n");
        assert_eq!(receiver.line(), "late");
        sender.shutdown_write();
        assert_eq!(receiver.rest(), b"");
        assert!(one.wait().success() && two.wait().success());
    }
}

#[test]
fn broadcasts_reach_all_other_clients() {
    check(
        "--to all",
        "+1
        1= 1
        +2
        2= 2
        +3
        3= 2
        1> hello
        2< hello
        3< hello
        !2
        1> to the last one
        3< to the last one
        +4
        4= 2
        1> and one more
        3< and one more
        4< and one more
        -1
        1.
        3.
        4.",
    );
    check(
        "--to others",
        "+1
        1> one waits
        +2
        2< one waits
        2> two
        1< two
        +3
        3> three
        1< three
        2< three
        1> again
        2< again
        3< again
        -1
        1.
        2> without you
        3< without you
        -2
        2.
        +4
        4> is anybody here?
        3< is anybody here?
        3> still here
        4< still here",
    );
}

#[test]
fn roles_follow_the_order_of_accept() {
    for model in CONCURRENT_MODELS {
        for _ in 0..10 {
            let server = Server::start(&format!("forward --to all --model {model}"));
            let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
            let roles: Vec<String> = clients.iter_mut().map(|client| client.text(1)).collect();
            assert_eq!(roles.concat(), "12222", "{model}");
        }
    }
}

#[test]
fn data_waits_for_the_first_receiver() {
    check(
        "",
        "+1
        1= 1
        1> early
        1> and early still
        -1
        +2
        2= 2
        2< early
        2< and early still
        2.
        1.",
    );
}

#[test]
fn the_sender_is_notified_or_closed_without_receivers() {
    let two = "
        +1
        1= 1
        +2
        2= 2
        1> hello
        2< hello
        !2";
    let notified = "
        1< No receiver is connected; your next bytes wait for one.
        1> next?
        +3
        3= 2
        3< next?
        -1
        3.";
    check("", &(two.to_owned() + notified));
    check("--on-leave close", &(two.to_owned() + "\n1."));
    check("--on-leave close --to all", &(two.to_owned() + "\n1."));
}

/// A close looks like the end of input, which a new client may have without leaving.
#[test]
fn a_receiver_that_leaves_at_once_frees_its_place() {
    for model in CONCURRENT_MODELS {
        for reads_role in [true, false] {
            let folder = temp_dir();
            let path = folder.path().join("socket");
            let listen = format!("--listen 127.0.0.1:0 --listen unix:{}", path.display());
            let server = Server::serve(&format!("forward --model {model} {listen}"));
            let connects: [&dyn Fn() -> Client; 2] =
                [&|| server.connect(), &|| Client::connect_unix(&path)];
            let mut ends = 0;
            for connect in connects {
                let mut sender = connect();
                assert_eq!(sender.text(1), "1");
                let mut receiver = connect();
                if reads_role {
                    assert_eq!(receiver.text(1), "2");
                }
                drop(receiver);
                server.log_lines("end: ", ends + 1);
                if reads_role {
                    assert_eq!(sender.line(), NO_RECEIVER, "{model}");
                } // else it may have left before the sender knew of it
                sender.send("next\n");
                let mut receiver = connect();
                receiver.shutdown_write(); // it only receives
                assert_eq!(receiver.line(), "2next", "{model}");
                sender.send("last");
                sender.shutdown_write();
                assert_eq!(receiver.rest(), b"last", "{model}");
                sender.rest();
                ends += 3;
                server.log_lines("end: ", ends);
            }
        }
    }
}

/// Without a role nothing is sent to the receiver, so only its system can report that it has left.
#[test]
fn a_receiver_without_a_role_that_leaves_at_once_is_noticed() {
    if !installed(&["unshare", "ip", "python3"]) || !is_root() {
        return;
    }
    let folder = temp_dir();
    let script = folder.path().join("script.py");
    fs::write(&script, LEAVING_RECEIVERS).expect("the folder is writable");
    let command = format!(
        "unshare --net sh -c 'ip link set lo up
        echo 1 > /proc/sys/net/ipv4/tcp_fin_timeout
        exec python3 {} \"$PROGRAM\" {}'",
        script.display(),
        CONCURRENT_MODELS.join(" ")
    );
    assert_eq!(
        stdout_of(&command, ""),
        "noticed\n".repeat(CONCURRENT_MODELS.len())
    );
}

/// Starts a server of each model, lets a receiver leave each, and awaits the notice of the sender.
const LEAVING_RECEIVERS: &str = r#"
import re, socket, subprocess, sys
program, *models = sys.argv[1:]
lines = []
for model in models:
    command = [program, "serve", "forward", "--no-role", "-m", model, "-l", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    port = re.search(r":(\d+);", process.stderr.readline()).group(1)
    lines.append((process, *(socket.create_connection(("127.0.0.1", port)) for _ in range(2))))
    lines[-1][2].close()
for process, sender, _ in lines:
    sender.settimeout(30)
    notice = sender.recv(100)
    print("noticed" if notice.startswith(b"No receiver") else notice, flush=True)
    process.kill()
"#;

#[test]
fn a_closed_unix_socket_loses_nothing_of_the_sender() {
    for model in CONCURRENT_MODELS {
        let folder = temp_dir();
        let path = folder.path().join("socket");
        let listen = format!("--listen unix:{}", path.display());
        let server = Server::serve(&format!("forward --model {model} --no-role {listen}"));
        let mut sender = Client::connect_unix(&path);
        sender.send("x");
        let mut receiver = Client::connect_unix(&path);
        assert_eq!(receiver.text(1), "x");
        sender.stream.set_nonblocking(true).expect("it is a socket");
        let mut sent = 0;
        while let Ok(count) = sender.stream.write(&[b'x'; 100_000]) {
            sent += count;
            // The receiver does not read, so at some time the server does not either.
            wait_until_idle("the server to be held back", || server.threads());
        }
        drop(sender);
        assert_eq!(receiver.rest().len(), sent, "{model}");
    }
}

#[test]
fn listeners_can_have_roles() {
    for model in CONCURRENT_MODELS {
        let listeners = "--listen 127.0.0.1:0 --listen 127.0.0.1:0";
        let roles = "--role send --role receive";
        let server = Server::serve(&format!("forward --model {model} {roles} {listeners}"));
        let addresses = server.addresses();
        let connect = |role: &str| Client::connect(addresses[usize::from(role == "receives")]);
        Scene::new(&[], connect).play(
            "+2 receives
            +1 sends
            1= 1
            2= 2
            1> hello
            2< hello
            +3 sends
            3< There is a sender and a receiver already. Try again later.
            3.
            +4 receives
            4< There is a sender and a receiver already. Try again later.
            4.
            -1
            1.
            2.",
        );
    }
}

#[test]
fn no_role_sends_no_role() {
    for model in CONCURRENT_MODELS {
        let listeners = "--listen 127.0.0.1:0 --listen 127.0.0.1:0";
        let roles = "--no-role --role receive --role send";
        let server = Server::serve(&format!("forward --model {model} {roles} {listeners}"));
        let addresses = server.addresses();
        let connect = |role: &str| Client::connect(addresses[usize::from(role == "sends")]);
        Scene::new(&[], connect).play(
            "+1 sends
            1> hello
            -1
            +2 receives
            2< hello
            1.
            2.",
        );
    }
}

#[test]
fn a_killed_process_ends_the_line() {
    let server = Server::start("forward");
    let mut scene = Scene::at(&server, &[]);
    scene.play(LINE.split("2> ").next().expect("a split has a first part"));
    let peer = scene.client(1).address();
    let fork = server.log(&format!("fork peer={peer}"));
    kill(pid_in(&fork, "pid="), Signal::SIGKILL).expect("it runs");
    scene.play("2.");
    Scene::at(&server, &[]).play(LINE);
}
