//! Servers and clients that are killed during a transfer, at any byte: afterwards the whole file
//! exists, or nothing.

use std::fs;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::SockRef;
use tempfile::tempdir;

use crate::support::files::{check_run, content, names, put_line, serve_files, stored};
use crate::support::{Client, DEADLINE, MODELS, Process, Server, program, temp_dir};

const ROUNDS: usize = 50;
const LENGTH: usize = 1_000_000;

/// The byte at which to kill in this round: any of `length`, and in one round of five, the end.
fn kill_at(round: usize, length: usize) -> usize {
    match round % 5 {
        4 => length,
        _ => (round + 1).wrapping_mul(0x9e37_79b9) % length,
    }
}

/// `folder` has this file, complete, or nothing; whether it has. The file is removed.
#[track_caller]
fn check(folder: &Path, name: &str, content: &[u8], round: usize) -> bool {
    let mut names = names(folder);
    names.retain(|name| !name.starts_with('.')); // unfinished uploads without O_TMPFILE
    if names.is_empty() {
        return false;
    }
    assert_eq!(names, [name], "round {round}");
    let path = folder.join(name);
    let found = fs::read(&path).expect("it is there");
    assert!(found == content, "round {round}: {} bytes", found.len());
    fs::remove_file(path).expect("it is there");
    true
}

#[test]
fn a_killed_server_leaves_the_whole_file_or_nothing() {
    let folder = temp_dir();
    let content = content(LENGTH);
    let mut port = 0;
    let (mut whole, mut none) = (0, 0);
    for round in 0..ROUNDS {
        let model = MODELS[round % MODELS.len()];
        let mut command = Command::new(program());
        command.args(["-v", "serve", "files", "--writable", "--model", model]);
        command.arg(folder.path());
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        let mut server = Server::run(&mut command); // on the port of the one before
        port = server.address().port();
        let mut client = server.connect();
        client.line();
        client.send(put_line("file", &content));
        client.send(&content[..kill_at(round, LENGTH)]);
        server.signal(Signal::SIGKILL);
        server.wait();
        let answer = rest_of(&mut client);
        let is_whole = check(folder.path(), "file", &content, round);
        let is_kept = answer.contains(&stored(&content));
        assert!(
            is_whole || !is_kept,
            "round {round}: confirmed, but missing"
        );
        *if is_whole { &mut whole } else { &mut none } += 1;
    }
    assert!(0 < none, "{whole} files were whole");
}

/// A process that is killed when it replaces a file may leave a hidden one.
#[test]
fn what_a_killed_process_left_is_removed_at_the_next_start() {
    let (here, there) = (temp_dir(), temp_dir());
    let stale = ".switchboard-0123456789abcdef.part";
    let running = ".switchboard-fedcba9876543210.part";
    let leave = |folder: &Path| {
        fs::write(folder.join(stale), "hello").expect("the disk has room");
        let running = fs::File::create(folder.join(running)).expect("the disk has room");
        running.lock().expect("it is locked by this process");
        running
    };
    fs::create_dir(there.path().join("below")).expect("the disk has room");
    fs::write(there.path().join("below/file"), "hello").expect("the disk has room");
    let mut locked = vec![leave(&there.path().join("below"))];
    let server = serve_files(there.path(), "--writable");
    assert_eq!(names(&there.path().join("below")), [running, "file"]);
    locked.push(leave(here.path()));
    let get = ["get", &server.port(), "below/file"];
    check_run(here.path(), &get, 0, "");
    assert_eq!(names(here.path()), [stale, running, "file"]);
    check_run(here.path(), &[&get[..], &["--overwrite"]].concat(), 0, "");
    assert_eq!(names(here.path()), [running, "file"]);
    fs::write(here.path().join(stale), "hello").expect("the disk has room");
    let received = here.path().join("received");
    let _receiver = Server::start(&format!("receive-file {}", received.display()));
    assert_eq!(names(here.path()), [running, "file"]);
}

/// Everything up to the end of input or a reset, when no process has the socket open any more.
fn rest_of(client: &mut Client) -> String {
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).ok();
    String::from_utf8_lossy(&rest).into_owned()
}

#[test]
fn a_killed_client_leaves_the_whole_file_or_nothing() {
    let (here, there) = (tempdir(), tempdir());
    let (here, there) = (here.expect("a folder"), there.expect("a folder"));
    let shared = temp_dir();
    let content = content(LENGTH);
    fs::write(shared.path().join("file"), &content).expect("the disk has room");
    let receiver = serve_files(there.path(), "--writable");
    let sender = serve_files(shared.path(), "");
    let (mut whole, mut none) = (0, 0);
    for round in 0..ROUNDS {
        let puts = round % 2 == 0;
        let count = kill_at(round / 2, LENGTH + 1000);
        let (to, from) = if puts {
            (&receiver, shared.path())
        } else {
            (&sender, here.path())
        };
        let proxy = Proxy::start(to.address(), count, puts, round % 4 < 2);
        let mut command = Command::new(program());
        command.args([
            "-q",
            if puts { "put" } else { "get" },
            &proxy.address,
            "file",
        ]);
        command.current_dir(from).stdin(Stdio::null());
        let mut client = Process::start(command.stderr(Stdio::null()));
        proxy.wait_until_forwarded();
        client.signal(Signal::SIGKILL);
        client.wait();
        proxy.cut();
        to.log_lines(" end: ", round / 2 + 1);
        let folder = if puts { there.path() } else { here.path() };
        let is_whole = check(folder, "file", &content, round);
        *if is_whole { &mut whole } else { &mut none } += 1;
    }
    assert!(0 < none, "{whole} files were whole");
}

/// A proxy between a client and a server that forwards a limited number of bytes in one direction.
struct Proxy {
    address: String,
    thread: thread::JoinHandle<()>,
    /// Gets a message when the limit is reached.
    forwarded: Receiver<()>,
    /// Takes a message when the client has exited.
    exited: Sender<()>,
}

impl Proxy {
    /// Limits the direction from the client if `puts`, else the one from the server. When the client
    /// has exited, the server sees a reset or the end of input.
    fn start(server: SocketAddr, limit: usize, puts: bool, resets: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (at_limit, forwarded) = mpsc::channel();
        let (exited, has_exited) = mpsc::channel();
        let thread = thread::spawn(move || {
            let client = listener.accept().expect("the client connects").0;
            let server = TcpStream::connect(server).expect("the server listens");
            let (from, to) = if puts {
                (&client, &server)
            } else {
                (&server, &client)
            };
            thread::scope(|scope| {
                scope.spawn(|| {
                    io::copy(&mut &*to, &mut &*from).ok();
                    from.shutdown(Shutdown::Write).ok();
                });
                let copied = io::copy(&mut from.take(limit as u64), &mut &*to);
                copied.expect("both sides stay connected");
                at_limit.send(()).ok();
                has_exited.recv().ok();
                client.shutdown(Shutdown::Both).ok();
                if resets {
                    let linger = SockRef::from(&server).set_linger(Some(Duration::ZERO));
                    linger.expect("it is a socket");
                    server.shutdown(Shutdown::Read).ok(); // ends the other copy
                } else {
                    server.shutdown(Shutdown::Both).ok();
                }
            });
        });
        Self {
            address,
            thread,
            forwarded,
            exited,
        }
    }

    fn wait_until_forwarded(&self) {
        let forwarded = self.forwarded.recv_timeout(DEADLINE);
        forwarded.expect("the bytes arrive");
    }

    /// Closes both connections.
    fn cut(self) {
        self.exited.send(()).expect("the thread waits for it");
        self.thread.join().expect("the thread does not panic");
    }
}
