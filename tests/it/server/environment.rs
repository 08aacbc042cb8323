//! The environment of the server: standard error that blocks or fails, ignored signals, signals to
//! the process group, changing limits.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nix::pty::openpty;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::pipe;

use crate::support::{
    DEADLINE, Process, Server, installed, program, shell, signal_and_wait, stdout_of, temp_dir,
    villains, wait_for, wait_for_exit,
};

/// Starts a command that serves at `socket`, without reading its log.
fn start_unread(command: &mut Command, socket: &Path) -> Process {
    let listen = format!("--listen=unix:{}", socket.display());
    let server = Process::start(command.arg(listen));
    wait_for("the socket", || UnixStream::connect(socket).ok());
    server
}

/// Standard error that cannot be written to.
enum Unwritable {
    /// A full disk.
    Full,
    /// A pipe without a reader.
    Broken,
}

impl Unwritable {
    fn stdio(&self) -> Stdio {
        match self {
            Self::Full => fs::File::create("/dev/full").expect("Linux has it").into(),
            Self::Broken => pipe().expect("a pipe can be made").1.into(),
        }
    }
}

#[test]
fn a_server_runs_with_a_full_or_closed_log() {
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    for log in [Unwritable::Full, Unwritable::Broken] {
        for (model, signals) in [("fork", 1), ("sequential", 1), ("fork", 2)] {
            let mut command = Command::new(villains());
            command.args(["-v", "serve", "panic", "--model", model]);
            let mut server = start_unread(command.stderr(log.stdio()), &socket);
            for _ in 0..3 {
                assert_eq!(answer_of(&socket, b"panic!\n"), "ready\n");
            }
            (0..signals).for_each(|_| server.signal(Signal::SIGTERM));
            assert_eq!(server.wait().code(), Some(0));
            assert!(!socket.exists());
        }
    }
    let failed = shell(
        "$PROGRAM serve eliza --script /no/such/file 2>/dev/full",
        b"",
    );
    assert_eq!(failed.status.code(), Some(1));
}

/// Everything that the server at `socket` answers to `message`.
fn answer_of(socket: &Path, message: &[u8]) -> String {
    let mut client = UnixStream::connect(socket).expect("the server listens");
    client
        .set_read_timeout(Some(DEADLINE))
        .expect("a deadline can be set");
    client.write_all(message).expect("the server reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the socket is connected");
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .expect("the server closes without a reset");
    answer
}

#[test]
fn a_log_that_is_not_read_does_not_block_the_server() {
    let (log, writing) = pipe().expect("a pipe can be made");
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    let mut command = Command::new(program());
    command.args(["-v", "serve", "echo"]).stderr(writing);
    let mut server = start_unread(&mut command, &socket);
    drop(command); // and its copy of the pipe
    // This logs far more than a pipe buffers.
    for _ in 0..500 {
        assert_eq!(answer_of(&socket, b"hi\n"), "hi\n");
    }
    let mut log = fs::File::from(log);
    let mut read = vec![0; 32 << 10];
    log.read_exact(&mut read).expect("the pipe is full");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    log.read_to_end(&mut read).expect("the server has exited");
    let read = String::from_utf8_lossy(&read);
    assert!(read.contains("log lines dropped: standard error was not read"));
}

#[test]
fn a_terminal_that_is_not_read_does_not_block_the_server() {
    let folder = temp_dir();
    for model in ["fork", "sequential"] {
        let socket = folder.path().join(model);
        let terminal = openpty(None, None).expect("a terminal can be made");
        let mut command = Command::new(program());
        command.args(["-v", "serve", "echo", "--model", model]);
        let mut server = start_unread(command.stderr(terminal.slave), &socket);
        for _ in 0..200 {
            assert_eq!(answer_of(&socket, b"hi\n"), "hi\n");
        }
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn inherited_ignored_signals_are_handled() {
    let mut server = Server::run(Command::new("bash").args([
        "-c",
        "trap '' CHLD TERM INT; exec \"$0\" -v serve echo --max-clients 1 --listen 0",
        program().to_str().expect("the path is text"),
    ]));
    for _ in 0..3 {
        assert_eq!(server.connect().ask("hello"), "hello");
    }
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_signal_to_the_process_group_counts_once() {
    let mut server = Server::run(
        Command::new(villains())
            .args(["-v", "serve", "stubborn", "--grace", "1m", "--listen", "0"])
            .process_group(0),
    );
    let mut client = server.connect();
    assert_eq!(client.line(), "ready");
    killpg(server.pid(), Signal::SIGTERM).expect("it runs");
    server.log("stop sessions=1");
    for _ in 0..3 {
        assert_eq!(client.ask("still here"), "still here");
    }
    drop(client);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn blocked_children_of_a_killed_server_die() {
    for service in ["stuck", "stubborn"] {
        let mut server = Server::villain(service);
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("go\n");
        let child = server.children()[0].0;
        server.signal(Signal::SIGKILL);
        server.wait();
        wait_for_exit(child);
    }
}

#[test]
fn a_blocked_session_does_not_prevent_shutdown() {
    for (options, signals) in [("--grace 100ms", 1), ("--grace 1m", 2)] {
        let mut server = Server::villain(&format!("stuck --model sequential {options}"));
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("go\n");
        for _ in 0..signals {
            server.signal(Signal::SIGTERM);
            server.log("stop sessions=1");
        }
        assert_eq!(server.wait().code(), Some(0));
    }
    // The same for a session that prints to a full pipe.
    let (unread, full): (OwnedFd, OwnedFd) = pipe().expect("a pipe can be made");
    for model in ["fork", "sequential"] {
        let mut command = Command::new(program());
        command.args(["-v", "serve", "display", "--raw", "--listen", "0"]);
        let mut server = Server::run_with_output(
            command.args(["--model", model, "--grace", "100ms"]),
            full.try_clone().expect("a descriptor can be copied").into(),
        );
        let client = server.connect();
        let mut stream = client.stream.try_clone().expect("a socket can be cloned");
        let writer = thread::spawn(move || {
            stream.write_all(&vec![b'x'; 32 << 20]).ok();
        });
        wait_for("the pipe to be full", || {
            let mut polled = [nix::poll::PollFd::new(
                full.as_fd(),
                nix::poll::PollFlags::POLLOUT,
            )];
            let writable = nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO);
            (writable == Ok(0)).then_some(())
        });
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        drop(client);
        writer.join().expect("the writer does not panic");
    }
    drop(unread);
}

#[test]
fn a_lowered_descriptor_limit_does_not_end_the_server() {
    if !installed(&["prlimit"]) {
        return;
    }
    let folder = temp_dir();
    let listeners =
        (0..30).map(|name| format!(" --listen unix:{}/{name}", folder.path().display()));
    let server = Server::start(&format!("echo{}", listeners.collect::<String>()));
    stdout_of(&format!("prlimit --pid {} --nofile=8:", server.pid()), "");
    // When the second signal is taken, the server has polled under the new limit.
    signal_and_wait(server.pid(), Signal::SIGCHLD);
    signal_and_wait(server.pid(), Signal::SIGCHLD);
    stdout_of(&format!("prlimit --pid {} --nofile=100:", server.pid()), "");
    assert_eq!(server.connect().ask("hello"), "hello");
    server.log("reap: exit code 0");
}

#[test]
fn a_unix_socket_with_a_full_backlog_is_not_replaced() {
    let folder = temp_dir();
    let path = folder.path().join("busy");
    let _busy = UnixListener::bind(&path).expect("a socket can be made");
    // Without accept, the backlog fills up.
    let address = socket2::SockAddr::unix(&path).expect("the path is short");
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)
            .expect("a socket can be made");
        socket.set_nonblocking(true).expect("it is a socket");
        if socket.connect(&address).is_err() {
            break;
        }
        waiting.push(socket);
    }
    let refused = shell(
        &format!("$PROGRAM serve echo --listen unix:{}", path.display()),
        b"",
    );
    assert_eq!(refused.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another server listens there"));
}
