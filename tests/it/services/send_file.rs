//! One file that is sent to everybody, and one that is received, with the programs that people have.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use switchboard_files::Digest;
use tempfile::TempDir;

use crate::support::files::{content, wait_for_uploads};
use crate::support::{
    Client, MODELS, Server, installed, is_root, peak_memory_kib, program, shell, temp_dir,
};

/// A folder in which there is or will be a file.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(temp_dir())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn with(content: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        fs::write(place.path(), content).expect("the disk has room");
        place
    }

    fn start(&self, service: &str, words: &str) -> Server {
        Server::start(&format!("{service} {} {words}", self.path().display()))
    }

    fn read(&self) -> Option<Vec<u8>> {
        fs::read(self.path()).ok()
    }

    /// Waits until files are on their way in that have so many bytes each.
    fn until_on_the_way(&self, server: &Server, lengths: &[u64]) {
        wait_for_uploads(server, self.0.path(), lengths);
    }

    /// Nothing is there, and nothing hidden.
    #[track_caller]
    fn check_empty(&self) {
        let entries = fs::read_dir(self.0.path()).expect("it is there");
        let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}

/// What is said of this content when it was received.
fn received(content: &[u8]) -> String {
    let (length, sha256) = (content.len(), Digest::of(content));
    format!("received {length} bytes, SHA-256 {sha256}")
}

#[test]
fn everybody_s_programs_are_sent_the_file() {
    let content = content(3_000_000);
    let place = Place::with(&content);
    for model in MODELS {
        let server = place.start("file", &format!("--model {model}"));
        let port = server.port();
        let python = format!(
            "import socket, sys; s = socket.create_connection(('localhost', {port}))\n\
             sys.stdout.buffer.write(s.makefile('rb').read())"
        );
        for (name, command) in [
            ("nc", format!("nc -N localhost {port} < /dev/null")),
            ("ncat", format!("ncat --recv-only localhost {port}")),
            ("socat", format!("socat -u TCP:localhost:{port} -")),
            ("python3", format!("python3 -c \"{python}\"")),
        ] {
            if installed(&[name]) {
                let output = shell(&command, b"");
                assert!(output.status.success(), "{command}: {output:?}");
                assert!(output.stdout == content, "{command}, {model}");
            }
        }
    }
}

#[test]
fn the_file_is_sent_whatever_is_said_or_not() {
    let content = content(3_000_000);
    let place = Place::with(&content);
    for model in MODELS {
        let server = place.start("file", &format!("--model {model}"));
        let mut silent = server.connect();
        silent.shutdown_write();
        assert!(silent.rest() == content, "{model}");
        let mut talking = server.connect();
        talking.send("GET / HTTP/1.0\r\n\r\n".repeat(1000));
        assert!(talking.rest() == content, "{model}");
    }
}

#[test]
fn everybody_has_the_file_as_it_is_then() {
    let place = Place::with("one");
    let server = place.start("file", "");
    assert_eq!(server.connect().rest(), b"one");
    fs::write(place.path(), "another").expect("the disk has room");
    assert_eq!(server.connect().rest(), b"another");
    fs::write(place.path(), "").expect("the disk has room");
    assert_eq!(server.connect().rest(), b"");
    // What is not there is not an empty file.
    fs::remove_file(place.path()).expect("it is there");
    assert_eq!(end(&server.connect()), ErrorKind::ConnectionReset);
    server.log("failed: ");
    // Nor is a part of it the file.
    fs::write(place.path(), vec![b'x'; 20_000_000]).expect("the disk has room");
    let mut client = server.connect();
    client.text(1000);
    fs::write(place.path(), "").expect("the disk has room");
    assert_eq!(end(&client), ErrorKind::ConnectionReset);
}

/// How the connection breaks.
fn end(client: &Client) -> ErrorKind {
    let mut stream = client.stream.try_clone().expect("a socket can be cloned");
    let mut piece = vec![0; 1 << 16];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => panic!("it ended as if that were all"),
            Ok(_) => (),
            Err(error) => return error.kind(),
        }
    }
}

#[test]
fn a_large_file_needs_no_memory() {
    let place = Place::new();
    let file = fs::File::create(place.path()).expect("the disk has room");
    file.set_len(LARGE).expect("holes need no room");
    // The server itself holds the conversation.
    let server = place.start("file", "--model sequential");
    let mut stream = server.connect().stream;
    let sent = std::io::copy(&mut stream, &mut std::io::sink()).expect("it is sent");
    assert_eq!(sent, LARGE);
    let peak = peak_memory_kib(server.pid()).expect("it runs");
    assert!(peak < 16 * 1024, "{peak} KiB");
}

const LARGE: u64 = 300 << 20;

#[test]
fn what_cannot_be_sent_or_received_is_told_at_once() {
    let place = Place::with("here");
    let folder = place.0.path();
    mkfifo(&folder.join("pipe"), Mode::S_IRWXU).expect("the disk has room");
    let serve = |words: &str| {
        let mut command = Command::new("timeout");
        command.args(["30", &program().to_string_lossy(), "serve"]);
        command.args(words.split_whitespace()).current_dir(folder);
        let output = command.output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), words)
    };
    for (words, code, why) in [
        ("file none --listen 0", 1, "none: "),
        ("file . --listen 0", 1, ".: that is no file"),
        ("file pipe --listen 0", 1, "pipe: that is no file"),
        (
            "receive file --listen 0",
            1,
            "file: there is something of this name already",
        ),
        (
            "receive pipe --listen 0 --overwrite",
            1,
            "pipe: that is no file",
        ),
        ("receive . --listen 0", 1, ".: a file needs a name"),
        ("receive none/new --listen 0", 1, "none/new: "),
        ("receive new --max-file 1X --listen 0", 2, "a size is"),
        ("file file --listen udp://127.0.0.1:0", 1, "TFTP"),
        ("receive new --listen udp://127.0.0.1:0", 1, "TFTP"),
    ] {
        let (status, said) = serve(words);
        assert!(
            status == Some(code) && said.contains(why),
            "{words}: {status:?} {said}"
        );
    }
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), 2);
}

#[test]
fn a_file_is_received_from_everybody_s_programs() {
    let content = content(3_000_000);
    let here = Place::with(&content);
    let file = here.path().display().to_string();
    let words = received(&content);
    for model in MODELS {
        let place = Place::new();
        let server = place.start("receive", &format!("--overwrite --model {model}"));
        let port = server.port();
        let python = format!(
            "import socket, sys; s = socket.create_connection(('localhost', {port}))\n\
             s.sendfile(open('{file}', 'rb')); s.shutdown(socket.SHUT_WR)\n\
             print(s.makefile().read(), end='')"
        );
        let mut times = 0;
        for (name, command) in [
            ("nc", format!("nc -N localhost {port} < {file}")),
            ("ncat", format!("ncat localhost {port} < {file}")),
            (
                "socat",
                format!("socat -t 30 - TCP:localhost:{port} < {file}"),
            ),
            ("python3", format!("python3 -c \"{python}\"")),
        ] {
            if installed(&[name]) {
                times += 1;
                let output = shell(&command, b"");
                let said = String::from_utf8_lossy(&output.stdout);
                assert_eq!(said, format!("{words}\n"), "{command}, {model}");
                assert!(
                    place.read().as_ref() == Some(&content),
                    "{command}, {model}"
                );
                fs::remove_file(place.path()).expect("it is there");
                place.check_empty();
                let printed = server.output_lines(times);
                assert!(
                    printed[times - 1].ends_with(&format!(": {words}")),
                    "{printed:?}"
                );
            }
        }
    }
}

#[test]
fn one_is_received_and_the_others_are_told() {
    let place = Place::new();
    let server = place.start("receive", "");
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send("the first");
    second.send("the second");
    place.until_on_the_way(&server, &[9, 10]);
    second.shutdown_write();
    assert_eq!(second.line(), received(b"the second"));
    first.shutdown_write();
    let there = "not received: there is something of this name already";
    assert_eq!(first.line(), there);
    assert_eq!(server.connect().line(), there);
    assert_eq!(place.read().as_deref(), Some(&b"the second"[..]));
}

#[test]
fn what_breaks_off_is_not_received() {
    for model in MODELS {
        let place = Place::new();
        let server = place.start("receive", &format!("--idle 300ms --model {model}"));
        let mut client = server.connect();
        client.send(content(500_000));
        place.until_on_the_way(&server, &[500_000]);
        client.reset();
        server.log("end: lost");
        let mut silent = server.connect();
        silent.send("and then?");
        server.log("end: idle");
        drop(server.connect());
        server.log("end: the peer left");
        place.check_empty();
        let mut next = server.connect();
        next.send("whole");
        next.shutdown_write();
        assert_eq!(next.line(), received(b"whole"), "{model}");
    }
}

#[test]
fn who_kills_the_server_kills_no_file() {
    for model in MODELS {
        let place = Place::new();
        let mut server = place.start("receive", &format!("--model {model}"));
        let mut client = server.connect();
        client.send(content(500_000));
        place.until_on_the_way(&server, &[500_000]);
        server.signal(Signal::SIGKILL);
        server.wait();
        assert_eq!(client.line(), "", "nobody said that it was received");
        place.check_empty();
        let server = place.start("receive", "");
        let mut client = server.connect();
        client.send("whole");
        client.shutdown_write();
        assert_eq!(client.line(), received(b"whole"), "{model}");
    }
    // Nor does one conversation that is killed.
    let place = Place::new();
    let server = place.start("receive", "");
    let mut client = server.connect();
    client.send("a part");
    place.until_on_the_way(&server, &[6]);
    kill(server.children()[0].0, Signal::SIGKILL).expect("it runs");
    server.wait_until_reaped();
    place.check_empty();
}

#[test]
fn a_stop_lets_it_be_received() {
    for model in MODELS {
        let place = Place::new();
        let mut server = place.start("receive", &format!("--model {model} --grace 30s"));
        let mut client = server.connect();
        client.send("to the ");
        place.until_on_the_way(&server, &[7]);
        server.signal(Signal::SIGTERM);
        server.log("stop conversations=1");
        client.send("end");
        client.shutdown_write();
        assert_eq!(client.line(), received(b"to the end"), "{model}");
        assert!(server.wait().success());
    }
}

#[test]
fn a_full_disk_is_told() {
    if !is_root() || !installed(&["unshare", "mount"]) {
        return;
    }
    let place = Place::new();
    // In a mount namespace of its own, so that nothing stays mounted.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {} && exec {} -v serve receive {} --listen 0",
        place.0.path().display(),
        program().display(),
        place.path().display()
    );
    let server = Server::run(Command::new("unshare").args(["-m", "bash", "-c", &script]));
    let inside = format!("/proc/{}/root{}", server.pid(), place.0.path().display());
    let names = || fs::read_dir(&inside).expect("a folder").count();
    let mut client = server.connect();
    let mut says = client.stream.try_clone().expect("a socket can be cloned");
    // It may be closed before all of it was said.
    let saying = thread::spawn(move || std::io::Write::write_all(&mut says, &content(200_000)));
    assert_eq!(client.line(), "not received: the disk has no room for that");
    saying.join().expect("no panic").ok();
    drop(client);
    server.log("failed: not received: the disk has no room for that");
    assert_eq!(names(), 0);
    let mut client = server.connect();
    let small = content(40_000);
    client.send(&small);
    client.shutdown_write();
    assert_eq!(client.line(), received(&small));
    assert_eq!(names(), 1);
}
