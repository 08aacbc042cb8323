//! One transcript, every server: the same words get the same bytes, whoever holds the conversation,
//! and whatever way it goes.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use socket2::Socket;

use crate::support::{DEADLINE, MODELS, Process, Server, program, temp_dir};

/// A conversation: the first line has the words after `serve`, then `> ` was said and `< `
/// answered. Escapes stand for bytes, and a line ends with LF unless it says otherwise. A remark
/// may say that it is one `over streams` alone.
struct Transcript {
    serve: String,
    turns: Vec<(bool, Vec<u8>)>,
    over_datagrams: bool,
}

impl Transcript {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a transcript can be read");
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let serve = lines
            .next()
            .and_then(|line| line.strip_prefix("serve "))
            .expect("it says what is served")
            .to_owned();
        let turns = lines.map(|line| match line.split_at(2) {
            ("> ", said) => (true, bytes(said)),
            ("< ", answered) => (false, bytes(answered)),
            _ => panic!("neither said nor answered: {line}"),
        });
        Self {
            serve,
            turns: turns.collect(),
            over_datagrams: !text.contains("# over streams"),
        }
    }

    /// The program that serves it, with these options.
    fn command(&self, options: &[&str]) -> Command {
        let (name, words) = self.serve.split_once(' ').unwrap_or((&self.serve, ""));
        let mut command = Command::new(program());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["-v", "serve", name])
            .args(options)
            .args(words.split_whitespace());
        command
    }

    /// Plays it: says what was said, and hears exactly what was answered, to the end.
    fn play(&self, peer: impl Into<OwnedFd>, how: &str) {
        let peer = Socket::from(peer.into());
        peer.set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        self.play_through(&peer, &peer, how);
        peer.shutdown(Shutdown::Write).expect("it stands");
        check_end(&peer, how);
    }

    fn play_through(&self, mut says: impl Write, mut hears: impl Read, how: &str) {
        for (said, bytes) in &self.turns {
            if *said {
                says.write_all(bytes).expect("the server reads");
                continue;
            }
            let mut answered = vec![0; bytes.len()];
            hears
                .read_exact(&mut answered)
                .unwrap_or_else(|error| panic!("{how}: {error}"));
            check(&answered, bytes, how);
        }
    }

    /// Plays it by datagrams, each a line that is said; what answers it may be several.
    fn play_datagrams(&self, server: SocketAddr, how: &str) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        socket.connect(server).expect("it is an address");
        for (said, answer) in self.by_lines() {
            socket.send(&said).expect("a datagram can be sent");
            let mut answered = Vec::new();
            while answered.len() < answer.len() {
                let mut datagram = [0; 1024];
                let heard = socket.recv(&mut datagram);
                let count = heard.unwrap_or_else(|error| panic!("{how}: {error}: {answered:?}"));
                answered.extend_from_slice(&datagram[..count]);
            }
            check(&answered, &answer, how);
        }
    }

    /// Each line that was said, with all that was answered; a knock first, if nothing was said.
    fn by_lines(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut lines: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (said, bytes) in &self.turns {
            match lines.last_mut() {
                Some((_, answer)) if !said => answer.extend_from_slice(bytes),
                Some((line, _)) if !line.ends_with(b"\n") => line.extend_from_slice(bytes),
                _ if *said => lines.push((bytes.clone(), Vec::new())),
                _ => lines.push((b"\n".to_vec(), bytes.clone())),
            }
        }
        lines
    }
}

#[track_caller]
fn check(heard: &[u8], expected: &[u8], how: &str) {
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    assert_eq!(shown(heard), shown(expected), "{how}");
}

#[track_caller]
fn check_end(mut hears: impl Read, how: &str) {
    let mut rest = Vec::new();
    hears
        .read_to_end(&mut rest)
        .expect("the server closes politely");
    check(&rest, b"", how);
}

/// The bytes that a line of a transcript stands for.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().expect("an escape has a letter");
        rest = after;
        match kind {
            b'r' => bytes.push(b'\r'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
                rest = &rest[2..];
            }
            b'c' => return bytes, // no line end
            _ => panic!("no such escape: {text}"),
        }
    }
    bytes.push(b'\n');
    bytes
}

fn transcripts() -> Vec<(PathBuf, Transcript)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/transcripts");
    let files = fs::read_dir(folder)
        .expect("there are transcripts")
        .flatten();
    let paths = files.map(|file| file.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let transcripts: Vec<_> = paths
        .map(|path| {
            let transcript = Transcript::read(&path);
            (path, transcript)
        })
        .collect();
    for service in [
        "eliza",
        "echo",
        "uppercase",
        "display",
        "discard",
        "exec",
        "chat",
        "duel",
    ] {
        let mut served = transcripts.iter().map(|(_, transcript)| &transcript.serve);
        assert!(served.any(|serve| serve.split(' ').next() == Some(service)));
    }
    transcripts
}

#[test]
fn every_transcript_is_the_same_at_every_listener() {
    for (path, transcript) in transcripts() {
        for model in MODELS {
            let folder = temp_dir();
            let socket = folder.path().join("socket");
            let unix = format!("unix:{}", socket.display());
            // A socket that is passed on, as by a service manager.
            let passed = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let passed_on = passed.local_addr().expect("it is bound");
            let mut options = vec!["--model", model];
            for place in ["0", &unix, "fd:0", "udp://127.0.0.1:0"] {
                if transcript.over_datagrams || !place.starts_with("udp:") {
                    options.extend(["--listen", place]);
                }
            }
            let mut command = transcript.command(&options);
            let server = Server::run_with_input(&mut command, OwnedFd::from(passed).into());
            let how = |place: &str| format!("{} over {model} at {place}", path.display());
            let address = server.address();
            let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port()));
            for place in [address, v6, passed_on] {
                let peer = TcpStream::connect(place).expect("the server listens");
                transcript.play(peer, &how(&place.to_string()));
            }
            let peer = UnixStream::connect(&socket).expect("the server listens");
            transcript.play(peer, &how("a Unix socket"));
            if transcript.over_datagrams {
                transcript.play_datagrams(server.udp_address(), &how("UDP"));
            }
        }
    }
}

#[test]
fn every_transcript_is_the_same_on_stdio() {
    for (path, transcript) in transcripts() {
        if transcript.serve.starts_with("display") {
            continue; // what it prints is among what it says
        }
        for model in MODELS {
            let options = ["--listen", "stdio:", "--model", model];
            let how = |way: &str| format!("{} over {model} through {way}", path.display());
            let (own, other) = UnixStream::pair().expect("a pair can be made");
            let again = other.try_clone().expect("a socket can be cloned");
            let mut command = transcript.command(&options);
            command
                .stdin(OwnedFd::from(other))
                .stdout(OwnedFd::from(again))
                .stderr(Stdio::null());
            let mut server = Process::start(&mut command);
            drop(command); // its copies of the socket
            transcript.play(own, &how("a socket"));
            assert!(server.wait().success());

            let mut command = transcript.command(&options);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            let mut server = Process::start(&mut command);
            let (says, mut hears) = server.take_pipes();
            transcript.play_through(&says, &mut hears, &how("pipes"));
            drop(says);
            check_end(hears, &how("pipes"));
            assert!(server.wait().success());
        }
    }
}
