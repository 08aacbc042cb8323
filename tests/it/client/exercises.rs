//! Exercises of network programming, solved with the client.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{
    Client, Lan, Process, Server, enter_network, free_port, installed, is_root, program,
    run_program, shell, temp_dir, wait_until,
};

/// Starts `switchboard connect ARGS`; the other end of its standard input and output.
fn connect(args: &str) -> (Process, Client) {
    let mut command = Command::new(program());
    command.arg("connect").args(args.split_whitespace());
    Client::of_command(&mut command)
}

/// Checks the exit code and the error of `switchboard connect ARGS`, which prints nothing else.
#[track_caller]
fn fails(args: &str, expected: i32, sentence: &str) {
    let (code, output, error) = run_program(&format!("connect {args}"), "hello\n");
    assert_eq!((code, &*output), (expected, ""), "{args}: {error}");
    assert!(error.starts_with("switchboard: "), "{args}: {error}");
    assert!(error.contains(sentence), "{args}: {error}");
    for internal in ["panicked", "os error", "Error {"] {
        assert!(!error.contains(internal), "{args}: {error}");
    }
}

/// A server on the default port, in a network of its own.
#[track_caller]
fn on_default_port(listen: &str) -> Option<Server> {
    if !is_root() || !installed(&["unshare", "ip"]) {
        return None;
    }
    let script = format!("ip link set lo up && exec \"$0\" -v serve echo {listen}");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", &script]).arg(program());
    Some(Server::run(&mut command))
}

#[test]
fn input_and_network_are_served_at_the_same_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = listener.local_addr().expect("it is bound").port();
    let (mut process, mut user) = connect(&format!("127.0.0.1 {port}"));
    let (peer, _) = listener.accept().expect("the client connects");
    let mut peer = Client::new(peer);
    // The input is idle, then the network, then neither.
    peer.send("first\nsecond\n");
    assert_eq!(
        (user.line(), user.line()),
        ("first".into(), "second".into())
    );
    user.send("third\nwithout an end");
    assert_eq!(peer.line(), "third");
    assert_eq!(peer.text(14), "without an end");
    for number in 0..100 {
        user.send(format!("from the user {number}\n"));
        peer.send(format!("from the peer {number}\n"));
        assert_eq!(user.line(), format!("from the peer {number}"));
        assert_eq!(peer.line(), format!("from the user {number}"));
    }
    drop(peer);
    assert_eq!(user.rest(), b"");
    assert!(process.wait().success());
}

#[test]
fn typed_lines_are_answered_one_by_one() {
    // Over UDP the server limits the rate of its answers.
    for (listen, options, lines) in [("", "", 500), ("--listen udp://127.0.0.1:1212", "-u", 50)] {
        let Some(server) = on_default_port(listen) else {
            return;
        };
        let (mut process, mut user) = enter_network(server.pid(), || {
            connect(&format!("{options} 127.0.0.1 1212"))
        });
        for number in 0..lines {
            let line = format!("line {number}");
            assert_eq!(user.ask(&line), line, "{options}");
        }
        user.shutdown_write();
        assert_eq!(user.rest(), b"", "{options}");
        assert!(process.wait().success(), "{options}");
    }
}

#[test]
fn another_machine_is_reached_by_address_and_by_name() {
    let Some(lan) = Lan::new() else { return };
    let folder = temp_dir();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "10.9.0.1 far.example\nfd09::1 far.example\n")
        .expect("the folder is writable");
    let mut server = Command::new(program());
    server.args(["-v", "serve", "uppercase"]);
    server.args(["--listen", ":0", "--listen", "udp://:0"]);
    let server = lan.run(&server);
    let own = "ip addr add fd09::2/64 dev client nodad";
    assert!(lan.enter(|| shell(own, b"")).status.success());
    let (tcp, udp) = (server.address().port(), server.udp_address().port());
    for (options, port) in [("", tcp), ("-u", udp)] {
        for host in [
            "10.9.0.1",
            "fd09::1",
            "far.example",
            "-4 far.example",
            "-6 far.example",
        ] {
            let script = format!(
                "mount --bind {} /etc/hosts && printf hello | $PROGRAM connect {options} {host} {port}",
                hosts.display()
            );
            let output = lan.enter(|| shell(&format!("unshare -m bash -c '{script}'"), b""));
            assert!(output.status.success(), "{script}: {output:?}");
            assert_eq!(output.stdout, b"HELLO", "{script}");
        }
    }
}

#[test]
fn versions_of_ip_match_or_the_connection_is_refused() {
    for (listen, reached) in [
        ("127.0.0.1:0", ["-4"].as_slice()),
        ("[::1]:0", &["-6"]),
        (":0", &["-4", "-6"]),
    ] {
        let server = Server::serve(&format!("echo --listen {listen} --listen udp://{listen}"));
        let (tcp, udp) = (server.address().port(), server.udp_address().port());
        for (version, host) in [("-4", "127.0.0.1"), ("-6", "::1")] {
            for (options, port) in [("", tcp), ("-u", udp)] {
                let args = format!("{options} {version} {host} {port}");
                if reached.contains(&version) {
                    let answer = run_program(&format!("connect {args}"), "hello");
                    assert_eq!(answer, (0, "hello".into(), String::new()), "{args}");
                } else {
                    let reason = match options {
                        "" => "connection refused",
                        _ => "unreachable",
                    };
                    fails(&args, 69, reason);
                }
            }
        }
        if reached.len() == 2 {
            server.log("peer=127.0.0.1:");
            server.log("peer=[::1]:");
            assert!(!server.log_so_far().join("\n").contains("ffff"));
        }
    }
}

#[test]
fn failures_are_sentences() {
    let (socket, address) = free_port(); // bound, but it does not listen
    fails(
        &format!("127.0.0.1 {}", address.port()),
        69,
        "connection refused",
    );
    drop(socket);
    let closed = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = closed.local_addr().expect("it is bound").port();
    drop(closed);
    fails(&format!("-u 127.0.0.1 {port}"), 69, "unreachable");
    fails("unix:/nonexistent/socket", 69, "/nonexistent/socket");
    // A port in use, for a server and as the source of a client.
    let server = Server::start("echo");
    let (code, _, error) = run_program(&format!("serve echo --listen {}", server.address()), "");
    assert_eq!(code, 69, "{error}");
    assert!(error.contains("another program uses this port"), "{error}");
    let own = format!("--source {0} {0}", server.address());
    fails(&own, 69, "in use");
    // A client that vanishes leaves the server to the others.
    let args = format!("127.0.0.1 {}", server.port());
    let (mut vanishing, mut user) = connect(&args);
    assert_eq!(user.ask("hello"), "hello");
    let (mut other, mut others) = connect(&args);
    vanishing.signal(Signal::SIGKILL);
    vanishing.wait();
    server.log(" end: ");
    assert_eq!(others.ask("still here"), "still here");
    others.shutdown_write();
    assert!(other.wait().success());
}

#[test]
fn the_first_client_sends_and_the_second_receives() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let own = |port: &str| connect(&format!("localhost {port}"));
    let nc = |port: &str| Client::of_command(Command::new("nc.openbsd").args(["localhost", port]));
    type Start<'a> = &'a dyn Fn(&str) -> (Process, Client);
    let clients: [(Start<'_>, Start<'_>); 3] = [(&own, &own), (&own, &nc), (&nc, &own)];
    for (start_sender, start_receiver) in clients {
        for options in ["", "--listen 0 --role send --role receive"] {
            let server = Server::start(&format!("forward {options}"));
            let addresses = server.addresses();
            let (first, last) = (addresses.first(), addresses.last());
            let port = |address: Option<&std::net::SocketAddr>| match options {
                "" => server.port(),
                _ => address.expect("it listens").port().to_string(),
            };
            let (_sending, mut sender) = start_sender(&port(first));
            assert_eq!(sender.text(1), "1");
            let (_receiving, mut receiver) = start_receiver(&port(last));
            assert_eq!(receiver.text(1), "2");
            sender.send("hello\nwithout an end");
            assert_eq!(receiver.line(), "hello");
            assert_eq!(receiver.text(14), "without an end");
        }
    }
}

#[test]
fn members_join_with_a_datagram_and_leave_with_eot() {
    let server = Server::start_udp("forward");
    let args = format!("-u --eof ignore 127.0.0.1 {}", server.udp_address().port());
    let (_receiving, mut receiver) = connect(&args);
    receiver.send("\n");
    server.log(" begin ");
    let (_sending, mut sender) = connect(&args);
    sender.send("hello\n");
    assert_eq!(receiver.line(), "hello");
    sender.send("again\n");
    assert_eq!(receiver.line(), "again");
    receiver.send("\x04");
    server.log(" end: ");
    assert!(sender.line().starts_with("No receiver is connected"));
    // Silence ends a session, too.
    let server = Server::start_udp("forward --idle-timeout 100ms");
    let port = server.udp_address().port();
    let (_silent, mut silent) = connect(&format!("-u --eof ignore 127.0.0.1 {port}"));
    silent.send("\n");
    server.log(" end: ");
}

#[test]
fn a_file_arrives_as_it_was() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let folder = temp_dir();
    let (sent, received) = (folder.path().join("sent"), folder.path().join("received"));
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&sent, &content).expect("the folder is writable");
    for client in ["$PROGRAM connect", "nc.openbsd -N"] {
        let file = fs::File::create(&received).expect("the folder is writable");
        let mut command = Command::new(program());
        command.args(["-v", "serve", "display", "--raw", "--listen", "0"]);
        let server = Server::run_with_output(&mut command, Stdio::from(file));
        let script = format!("{client} 127.0.0.1 {} < {}", server.port(), sent.display());
        let output = shell(&script, b"");
        assert!(output.status.success(), "{script}: {output:?}");
        wait_until("the file arrives", || {
            fs::read(&received).is_ok_and(|bytes| bytes.len() >= content.len())
        });
        assert!(
            fs::read(&received).expect("it is there") == content,
            "{client}"
        );
    }
    // The receiver is late over UDP, or uses the other transport.
    let (socket, address) = free_port();
    fails(
        &format!("-u {address} < {}", sent.display()),
        69,
        "unreachable",
    );
    drop(socket);
    let server = Server::start_udp("discard");
    let address = server.udp_address();
    fails(
        &format!("{address} < {}", sent.display()),
        69,
        "connection refused",
    );
}

#[test]
fn a_word_is_a_datagram() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = receiver.local_addr().expect("it is bound").port();
    for word in ["word", "word\n", "\u{1f600}", "\0"] {
        let input = word.replace('\n', "\\n").replace('\0', "\\0");
        let script = format!("printf '{input}' | $PROGRAM connect -u --eof close 127.0.0.1 {port}");
        let output = shell(&script, b"");
        assert!(output.status.success(), "{script}: {output:?}");
        let mut buffer = [0; 100];
        let length = receiver.recv(&mut buffer).expect("the client sends");
        assert_eq!(&buffer[..length], word.as_bytes());
    }
}

#[test]
fn only_the_end_of_input_ends_the_client() {
    let (stream, datagrams) = (Server::start("echo"), Server::start_udp("echo"));
    let udp = format!("-u 127.0.0.1 {}", datagrams.udp_address().port());
    for args in [format!("localhost {}", stream.port()), udp] {
        let (mut process, mut user) = connect(&args);
        for word in ["bye", "quit", "exit", "still here"] {
            assert_eq!(user.ask(word), word, "{args}");
        }
        user.shutdown_write();
        assert_eq!(user.rest(), b"", "{args}");
        assert!(process.wait().success(), "{args}");
    }
}
