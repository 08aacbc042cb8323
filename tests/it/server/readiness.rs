//! Notifications of readiness and shutdown: --ready-fd and NOTIFY_SOCKET (sd_notify(3)).

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{DEADLINE, MODELS, Process, Server, program, temp_dir};

/// Starts `serve` with the write end of a pipe as descriptor 5; returns the read end.
fn start_with_pipe(args: &str, socket: &Path) -> (Process, File) {
    let (reading, writing) = std::io::pipe().expect("a pipe can be made");
    let mut command = Command::new("bash");
    command
        .args(["-c", "exec \"$0\" serve \"$@\" 5>&1 >/dev/null"])
        .arg(program())
        .args(args.split_whitespace())
        .arg(format!("--listen=unix:{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(writing)
        .stderr(Stdio::null());
    (
        Process::start(&mut command),
        File::from(OwnedFd::from(reading)),
    )
}

#[test]
fn ready_fd_gets_a_newline_when_the_server_listens() {
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    for model in MODELS {
        let (mut server, mut ready) =
            start_with_pipe(&format!("echo --model {model} --ready-fd 5"), &socket);
        let mut byte = [0];
        ready.read_exact(&mut byte).expect("it becomes ready");
        assert_eq!(byte, *b"\n");
        let client = UnixStream::connect(&socket).expect("the server listens by now");
        // The server sends nothing more and closes it, and the child does not inherit it.
        let mut rest = Vec::new();
        ready.read_to_end(&mut rest).expect("it is a pipe");
        assert_eq!(rest, b"");
        drop(client);
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn a_server_that_cannot_listen_does_not_report_readiness() {
    let nowhere = Path::new("/no/such/folder");
    let (mut server, mut ready) = start_with_pipe("echo --ready-fd 5", nowhere);
    assert_eq!(server.wait().code(), Some(69));
    let mut sent = Vec::new();
    ready.read_to_end(&mut sent).expect("it is a pipe");
    assert_eq!(sent, b"");
}

#[test]
fn a_closed_ready_fd_is_refused() {
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    let mut command = Command::new(program());
    command.args(["serve", "echo", "--ready-fd", "2000"]);
    let output = command
        .arg(format!("--listen=unix:{}", socket.display()))
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let message = "switchboard: cannot write to descriptor 2000 of --ready-fd: ";
    assert!(
        stderr.starts_with(message) && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert!(!socket.exists());
}

/// The server notifies `socket`, whose name is in NOTIFY_SOCKET.
#[track_caller]
fn check_notified(socket: &UnixDatagram, name: &str) {
    socket
        .set_read_timeout(Some(DEADLINE))
        .expect("it can be set");
    let notification = || {
        let mut bytes = [0; 100];
        let count = socket.recv(&mut bytes).expect("the server notifies");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    for model in MODELS {
        let mut command = Command::new(program());
        command.args(["-v", "serve", "eliza", "--listen", "0", "--model", model]);
        let mut server = Server::run(command.env("NOTIFY_SOCKET", name));
        assert_eq!(notification(), "READY=1");
        // STOPPING=1 comes before the last session has ended.
        let mut client = server.connect();
        assert!(client.line().contains("feel"));
        server.signal(Signal::SIGTERM);
        assert_eq!(notification(), "STOPPING=1", "{model}");
        drop(client);
        assert_eq!(server.wait().code(), Some(0));
        socket.set_nonblocking(true).expect("it is a socket");
        assert!(
            socket.recv(&mut [0]).is_err(),
            "{model}: a second notification"
        );
        socket.set_nonblocking(false).expect("it is a socket");
    }
}

#[test]
fn systemd_is_notified_of_readiness_and_shutdown() {
    let folder = temp_dir();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket can be made");
    check_notified(&socket, path.to_str().expect("the path is text"));
    let name = format!("switchboard-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("the name is short");
    let socket = UnixDatagram::bind_addr(&address).expect("the name is free");
    check_notified(&socket, &format!("@{name}"));
    // A missing service manager is no reason not to serve.
    for nowhere in ["/no/such/socket", "@no-such-manager", "", "relative"] {
        let mut command = Command::new(program());
        command.args(["serve", "echo", "--listen", "0"]);
        let server = Server::run(command.env("NOTIFY_SOCKET", nowhere));
        assert_eq!(server.connect().ask("hello"), "hello");
    }
}
