//! The surroundings it may find: standard error that nobody reads, signals left ignored, signals
//! for everybody, limits that change under it.

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
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::pipe;

use crate::support::{
    DEADLINE, Process, Server, installed, program, shell, signal_and_wait, stdout_of, temp_dir,
    villains, wait_for,
};

/// Starts a command that serves at `socket`; its log is read by nobody here.
fn start_unheard(command: &mut Command, socket: &Path) -> Process {
    let listen = format!("--listen=unix:{}", socket.display());
    let server = Process::start(command.arg(listen));
    wait_for("the socket", || UnixStream::connect(socket).ok());
    server
}

/// Standard error of a server for which nobody reads.
enum Unread {
    Full,   // a disk without room
    Broken, // whoever read it has gone
}

impl Unread {
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
    for unread in [Unread::Full, Unread::Broken] {
        for (model, signals) in [("fork", 1), ("sequential", 1), ("fork", 2)] {
            let mut command = Command::new(villains());
            command.args(["-v", "serve", "panic", "--model", model]);
            let mut server = start_unheard(command.stderr(unread.stdio()), &socket);
            for _ in 0..3 {
                assert_eq!(said_by(&socket, b"panic!\n"), "ready\n");
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

/// All that the server at `socket` answers to `words`.
fn said_by(socket: &Path, words: &[u8]) -> String {
    let mut client = UnixStream::connect(socket).expect("the server listens");
    client
        .set_read_timeout(Some(DEADLINE))
        .expect("a deadline can be set");
    client.write_all(words).expect("the server reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection stands");
    let mut said = String::new();
    client
        .read_to_string(&mut said)
        .expect("it is closed politely");
    said
}

#[test]
fn a_log_that_is_not_read_does_not_block_the_server() {
    let (log, writing) = pipe().expect("a pipe can be made");
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    let mut command = Command::new(program());
    command.args(["-v", "serve", "echo"]).stderr(writing);
    let mut server = start_unheard(&mut command, &socket);
    drop(command); // and with it the test's own end of the pipe
    // Far more than a pipe holds is logged meanwhile.
    for _ in 0..500 {
        assert_eq!(said_by(&socket, b"hi\n"), "hi\n");
    }
    let mut log = fs::File::from(log);
    let mut read = vec![0; 32 << 10];
    log.read_exact(&mut read).expect("the pipe is full");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    log.read_to_end(&mut read).expect("the writer has gone");
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
        let mut server = start_unheard(command.stderr(terminal.slave), &socket);
        for _ in 0..200 {
            assert_eq!(said_by(&socket, b"hi\n"), "hi\n");
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
    server.log("stop conversations=1");
    for _ in 0..3 {
        assert_eq!(client.ask("I go on"), "I go on");
    }
    drop(client);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn blocked_children_of_a_killed_server_die() {
    for deed in ["stuck", "stubborn"] {
        let mut server = Server::villain(deed);
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("go\n");
        let child = server.children()[0].0;
        server.signal(Signal::SIGKILL);
        server.wait();
        wait_for("the orphan to end", || {
            kill(child, None).is_err().then_some(())
        });
    }
}

#[test]
fn a_blocked_session_does_not_prevent_shutdown() {
    for (words, signals) in [("--grace 100ms", 1), ("--grace 1m", 2)] {
        let mut server = Server::villain(&format!("stuck --model sequential {words}"));
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("go\n");
        for _ in 0..signals {
            server.signal(Signal::SIGTERM);
            server.log("stop conversations=1");
        }
        assert_eq!(server.wait().code(), Some(0));
    }
    // Nor can one that prints where nobody reads.
    let (unread, full): (OwnedFd, OwnedFd) = pipe().expect("a pipe can be made");
    for model in ["fork", "sequential"] {
        let mut command = Command::new(program());
        command.args(["-v", "serve", "display", "--raw", "--listen", "0"]);
        let mut server = Server::run_with_output(
            command.args(["--model", model, "--grace", "100ms"]),
            full.try_clone().expect("a descriptor can be copied").into(),
        );
        let client = server.connect();
        let mut flood = client.stream.try_clone().expect("a socket can be cloned");
        let writer = thread::spawn(move || {
            flood.write_all(&vec![b'x'; 32 << 20]).ok();
        });
        wait_for("the pipe to be full", || {
            let mut polled = [nix::poll::PollFd::new(
                full.as_fd(),
                nix::poll::PollFlags::POLLOUT,
            )];
            let room = nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO);
            (room == Ok(0)).then_some(())
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
    let places = (0..30).map(|name| format!(" --listen unix:{}/{name}", folder.path().display()));
    let server = Server::start(&format!("echo{}", places.collect::<String>()));
    stdout_of(&format!("prlimit --pid {} --nofile=8:", server.pid()), "");
    // The second is taken by a server that has waited for them all under the new limit.
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
    // Nobody accepts: its backlog fills up.
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
