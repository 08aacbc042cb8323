//! Sockets inherited from the parent process, among them those of systemd.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::{
    Client, DEADLINE, MODELS, Process, Server, descriptors, free_port, installed, program,
    temp_dir, wait_for,
};

/// A command that serves with these arguments. Its standard output becomes descriptor 3.
fn with_descriptor_3(args: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", "exec \"$0\" -v serve \"$@\" 3>&1 >/dev/null"])
        .arg(program())
        .args(args.split_whitespace());
    command
}

#[test]
fn a_listening_socket_is_served() {
    for model in MODELS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        // A client in the backlog before the server runs is served as well.
        let mut early = Client::connect(address);
        early.send("early\n");
        let mut command = with_descriptor_3(&format!("echo --model {model} --listen fd:3"));
        let server = Server::run_with_output(&mut command, OwnedFd::from(listener).into());
        assert_eq!(server.address(), address);
        assert_eq!(early.line(), "early");
        drop(early);
        assert_eq!(server.connect().ask("hello"), "hello");
        drop(server);
        drop(command); // and its copy of the socket
        TcpStream::connect(address).expect_err("no process has the socket any more");
    }
}

#[test]
fn a_listening_unix_socket_is_served_and_its_file_kept() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let listener = UnixListener::bind(&path).expect("a socket can be made");
        let mut command = with_descriptor_3(&format!("echo --model {model} --listen fd:3"));
        let mut server = Server::run_with_output(&mut command, OwnedFd::from(listener).into());
        server.log(&format!("listens on unix:{}", path.display()));
        assert_eq!(echoed(&path), "hello\n");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        assert!(path.exists(), "the socket file belongs to the parent");
    }
}

/// What the server at this Unix socket answers to `hello`.
fn echoed(path: &Path) -> String {
    let client = wait_for("the Unix socket", || UnixStream::connect(path).ok());
    client
        .set_read_timeout(Some(DEADLINE))
        .expect("a deadline can be set");
    (&client).write_all(b"hello\n").expect("the server reads");
    let mut line = String::new();
    let read = BufReader::new(&client).read_line(&mut line);
    read.expect("it answers");
    line
}

#[test]
fn a_connected_socket_is_served_as_the_only_peer() {
    for model in MODELS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let mut client = Client::connect(listener.local_addr().expect("it is bound"));
        let (accepted, peer) = listener.accept().expect("a client has connected");
        let (there, here) = UnixStream::pair().expect("a pair can be made");
        let log = tempfile::tempfile().expect("a file can be made");
        for (passed, is_tcp) in [(OwnedFd::from(accepted), true), (there.into(), false)] {
            let mut command = with_descriptor_3(&format!("echo --model {model} --listen fd:3"));
            command.stdin(Stdio::null()).stdout(passed);
            let log = log.try_clone().expect("a descriptor can be copied");
            let mut server = Process::start(command.stderr(log));
            drop(command);
            if is_tcp {
                assert_eq!(client.ask("hello"), "hello");
                client.shutdown_write();
                assert_eq!(client.rest(), b"");
            } else {
                (&here).write_all(b"hello\n").expect("the server reads");
                here.shutdown(std::net::Shutdown::Write)
                    .expect("the socket is connected");
                let mut answer = String::new();
                (&here)
                    .read_to_string(&mut answer)
                    .expect("the server closes without a reset");
                assert_eq!(answer, "hello\n");
            }
            assert_eq!(server.wait().code(), Some(0), "no other peer can connect");
        }
        let mut lines = String::new();
        std::io::Seek::rewind(&mut &log).expect("it is a file");
        (&log).read_to_string(&mut lines).expect("it is text");
        assert!(lines.contains(&format!(" accept peer={peer} ")), "{lines}");
        assert!(!lines.contains("listens on"), "{lines}");
    }
}

#[test]
fn unusable_descriptors_are_refused_with_a_reason() {
    let null = || OwnedFd::from(File::open("/dev/null").expect("Linux has it"));
    let socket =
        |domain, kind| OwnedFd::from(Socket::new(domain, kind, None).expect("it can be made"));
    let listener = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    let open = "no such descriptor was inherited (the parent process has to pass it)";
    let twice = "this descriptor is in use already: it is named twice";
    let named = "no socket of this name was inherited (LISTEN_FDNAMES)";
    for (passed, addresses, reason) in [
        (null(), &["fd:3"][..], "fd:3: it is not a socket".to_owned()),
        (null(), &["fd:2000"], format!("fd:2000: {open}")),
        (listener(), &["fd:3", "fd:3"], format!("fd:3: {twice}")),
        (listener(), &["fd:web"], format!("fd:web: {named}")),
        (
            socket(Domain::IPV4, Type::STREAM),
            &["fd:3"],
            "fd:3: the socket neither listens nor is connected".to_owned(),
        ),
        (
            socket(Domain::UNIX, Type::DGRAM),
            &["fd:3"],
            "fd:3: sockets of this type are not supported".to_owned(),
        ),
        (
            socket(Domain::PACKET, Type::DGRAM),
            &["fd:3"],
            "fd:3: it is neither an Internet socket nor a Unix socket".to_owned(),
        ),
    ] {
        let listen: String = addresses
            .iter()
            .map(|address| format!(" --listen {address}"))
            .collect();
        let mut command = with_descriptor_3(&format!("echo{listen}"));
        command.stdout(passed).stderr(Stdio::piped());
        let output = command
            .spawn()
            .and_then(std::process::Child::wait_with_output);
        let output = output.expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let message = format!("switchboard: cannot listen on {reason}\n");
        assert_eq!((output.status.code(), stderr), (Some(69), message));
    }
}

#[test]
fn sockets_for_another_process_are_refused() {
    // The server replaces the shell, so `$$` is its pid.
    for (pid, is_ours) in [("$$", true), ("1", false), ("$$$$", false), ("", false)] {
        let script = format!(
            "LISTEN_PID={pid} LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" serve echo --listen fd:web 3>&1 >/dev/null"
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(program());
        if is_ours {
            let server = Server::run_with_output(&mut command, OwnedFd::from(listener).into());
            assert_eq!(server.connect().ask("hello"), "hello");
            continue;
        }
        let mut server = Process::start(
            command
                .stdout(OwnedFd::from(listener))
                .stderr(Stdio::null()),
        );
        assert_eq!(server.wait().code(), Some(69), "LISTEN_PID={pid}");
    }
}

#[test]
fn systemd_passes_one_socket_or_several() {
    if !installed(&["systemd-socket-activate"]) {
        return;
    }
    let folder = temp_dir();
    let activate = |passed: &[&str], args: &[&str], model| {
        let mut command = Command::new("systemd-socket-activate");
        command.args(passed.iter().flat_map(|&address| ["-l", address]));
        command.args(args).args(["--model", model]);
        Process::start(command.stdin(Stdio::null()).stderr(Stdio::null()))
    };
    let program = program();
    let program = program.to_str().expect("the path is text");
    for model in MODELS {
        let paths = ["one", "two"].map(|name| folder.path().join(format!("{model}-{name}")));
        let [one, two] = paths.each_ref();
        let addresses = paths
            .each_ref()
            .map(|path| path.to_str().expect("the path is text"));
        let (_port, address) = free_port();
        let tcp = address.to_string();
        let check_tcp = || {
            let stream = wait_for("the TCP socket", || TcpStream::connect(address).ok());
            assert_eq!(Client::new(stream).ask("hello"), "hello", "{model}");
        };
        // One socket; several sockets; one of several, by name.
        let server = activate(&[&tcp], &[program, "serve", "echo"], model);
        check_tcp();
        drop(server);
        let server = activate(&[addresses[0], &tcp], &[program, "serve", "echo"], model);
        assert_eq!(echoed(one), "hello\n", "{model}");
        check_tcp();
        drop(server);
        let named = ["--fdname=a:b", program, "serve", "echo", "--listen", "fd:b"];
        let server = activate(&[&tcp, addresses[1]], &named, model);
        assert_eq!(echoed(two), "hello\n", "{model}");
        drop(server);
        // A server process for each peer.
        fs::remove_file(one).expect("it is there");
        let each = [
            "--accept", "--inetd", program, "-v", "serve", "echo", "--listen", "-",
        ];
        let server = activate(&addresses[..1], &each, model);
        assert_eq!(echoed(one), "hello\n", "{model}");
        assert_eq!(echoed(one), "hello\n", "{model}");
        drop(server);
    }
}

#[test]
fn a_program_does_not_inherit_passed_sockets() {
    for model in MODELS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let args = format!("exec --model {model} --listen fd:3 -- cat");
        let mut command = with_descriptor_3(&args);
        let server = Server::run_with_output(&mut command, OwnedFd::from(listener).into());
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        assert_eq!(descriptors(server.programs(1)[0]), [0, 1, 2]);
    }
}
