//! Whoever is killed in the middle of a file, at whatever byte of it: the file is there whole or not
//! at all, and nothing else is there.

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

use crate::support::files::{content, names, put_line, stored};
use crate::support::{Client, DEADLINE, MODELS, Process, Server, program, temp_dir};

const ROUNDS: usize = 50;
const LENGTH: usize = 1_000_000;

/// Where it happens in this round: somewhere within so many bytes, and now and then behind them all.
fn moment(round: usize, bytes: usize) -> usize {
    match round % 5 {
        4 => bytes,
        _ => (round + 1).wrapping_mul(0x9e37_79b9) % bytes,
    }
}

/// In `folder` is this file, whole, or nothing; if there is one, it goes.
#[track_caller]
fn check(folder: &Path, name: &str, content: &[u8], round: usize) -> bool {
    let mut names = names(folder);
    names.retain(|name| !name.starts_with('.')); // a fallback of the server without O_TMPFILE
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
        command.arg("--root").arg(folder.path());
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        let mut server = Server::run(&mut command); // at once, where the last one was
        port = server.address().port();
        let mut client = server.connect();
        client.line();
        client.send(put_line("file", &content));
        client.send(&content[..moment(round, LENGTH)]);
        server.signal(Signal::SIGKILL);
        server.wait();
        let answer = last_words(&mut client);
        let is_whole = check(folder.path(), "file", &content, round);
        let is_kept = answer.contains(&stored(&content));
        assert!(
            is_whole || !is_kept,
            "round {round}: it was told to be there"
        );
        *if is_whole { &mut whole } else { &mut none } += 1;
    }
    assert!(0 < none, "{whole} files were whole");
}

/// What comes until the connection has ended in any way, and with it all who held it.
fn last_words(client: &mut Client) -> String {
    let mut words = Vec::new();
    client.stream.read_to_end(&mut words).ok(); // a reset is an end as well
    String::from_utf8_lossy(&words).into_owned()
}

#[test]
fn a_killed_client_leaves_the_whole_file_or_nothing() {
    let (here, there) = (tempdir(), tempdir());
    let (here, there) = (here.expect("a folder"), there.expect("a folder"));
    let away = temp_dir();
    let content = content(LENGTH);
    fs::write(away.path().join("file"), &content).expect("the disk has room");
    let root = there.path().display();
    let server = Server::start(&format!("files --writable --root {root}"));
    let shared = Server::start(&format!("files --root {}", away.path().display()));
    let (mut whole, mut none) = (0, 0);
    for round in 0..ROUNDS {
        let puts = round % 2 == 0;
        let count = moment(round / 2, LENGTH + 1000);
        let (to, from) = if puts {
            (&server, away.path())
        } else {
            (&shared, here.path())
        };
        let way = Way::to(to.address(), count, puts, round % 4 < 2);
        let mut command = Command::new(program());
        command.args(["-q", if puts { "put" } else { "get" }, &way.address, "file"]);
        command.current_dir(from).stdin(Stdio::null());
        let mut client = Process::start(command.stderr(Stdio::null()));
        way.until_there();
        client.signal(Signal::SIGKILL);
        client.wait();
        way.cut();
        server_has_ended(to, round / 2 + 1);
        let folder = if puts { there.path() } else { here.path() };
        let is_whole = check(folder, "file", &content, round);
        *if is_whole { &mut whole } else { &mut none } += 1;
    }
    assert!(0 < none, "{whole} files were whole");
}

/// Waits until the server has ended so many conversations.
fn server_has_ended(server: &Server, conversations: usize) {
    server.log_lines(" end: ", conversations);
}

/// The way between a client and a server, which is open for so many bytes in one direction.
struct Way {
    address: String,
    moving: thread::JoinHandle<()>,
    there: Receiver<()>, // the bytes are
    gone: Sender<()>,    // the client is
}

impl Way {
    /// From the client if `puts`, else from the server. When the client has gone, the server sees a
    /// reset, or the end of what comes.
    fn to(server: SocketAddr, count: usize, puts: bool, resets: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (is_there, there) = mpsc::channel();
        let (gone, has_gone) = mpsc::channel();
        let moving = thread::spawn(move || {
            let client = listener.accept().expect("it comes").0;
            let server = TcpStream::connect(server).expect("it listens");
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
                let moved = io::copy(&mut from.take(count as u64), &mut &*to);
                moved.expect("nobody leaves before that");
                is_there.send(()).ok();
                has_gone.recv().ok();
                client.shutdown(Shutdown::Both).ok();
                if resets {
                    let at_once = Some(Duration::ZERO);
                    SockRef::from(&server)
                        .set_linger(at_once)
                        .expect("it is a socket");
                    server.shutdown(Shutdown::Read).ok(); // what reads from it ends
                } else {
                    server.shutdown(Shutdown::Both).ok();
                }
            });
        });
        Self {
            address,
            moving,
            there,
            gone,
        }
    }

    /// Waits until so many bytes have arrived.
    fn until_there(&self) {
        self.there.recv_timeout(DEADLINE).expect("they arrive");
    }

    /// There is no more way.
    fn cut(self) {
        self.gone.send(()).expect("somebody waits for that");
        self.moving.join().expect("no panic");
    }
}
