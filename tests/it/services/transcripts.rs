//! The transcripts of data/transcripts, over every model and every kind of listener: the same input
//! gets the same bytes.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use socket2::Socket;

use crate::support::{DEADLINE, MODELS, Process, Server, UdpClient, program, services, temp_dir};

/// A recorded session. Its first line is `serve` with arguments; then follow `> ` with a line of input
/// and `< ` with a line of output. Lines end with LF unless an escape says otherwise, see [`bytes`].
/// A comment with `over streams` excludes UDP.
struct Transcript {
    serve: String,
    /// Lines, with `true` for input.
    turns: Vec<(bool, Vec<u8>)>,
    over_udp: bool,
}

impl Transcript {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a transcript can be read");
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let serve = lines
            .next()
            .and_then(|line| line.strip_prefix("serve "))
            .expect("the first line is `serve ...`")
            .to_owned();
        let turns = lines.map(|line| match line.split_at(2) {
            ("> ", input) => (true, bytes(input)),
            ("< ", output) => (false, bytes(output)),
            _ => panic!("neither input nor output: {line}"),
        });
        Self {
            serve,
            turns: turns.collect(),
            over_udp: !text.contains("# over streams"),
        }
    }

    /// The command that serves it, with these options.
    fn command(&self, options: &[&str]) -> Command {
        let (name, args) = self.serve.split_once(' ').unwrap_or((&self.serve, ""));
        let mut command = Command::new(program());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["-v", "serve", name])
            .args(options)
            .args(args.split_whitespace());
        command
    }

    /// Plays it on a connected stream: sends the input, and checks the output up to its end.
    #[track_caller]
    fn play(&self, peer: impl Into<OwnedFd>, case: &str) {
        let peer = Socket::from(peer.into());
        peer.set_read_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
        self.play_through(&peer, &peer, case);
        peer.shutdown(Shutdown::Write)
            .expect("the socket is connected");
        check_end(&peer, case);
    }

    #[track_caller]
    fn play_through(&self, mut writer: impl Write, mut reader: impl Read, case: &str) {
        for (is_input, bytes) in &self.turns {
            if *is_input {
                writer.write_all(bytes).expect("the server reads");
                continue;
            }
            let mut output = vec![0; bytes.len()];
            reader
                .read_exact(&mut output)
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            check(&output, bytes, case);
        }
    }

    /// Plays it over UDP: a datagram per line of input, and any number for an answer.
    #[track_caller]
    fn play_udp(&self, server: &Server, case: &str) {
        let client = UdpClient::connect(server);
        for (input, expected) in self.by_lines() {
            client.send(&input);
            let mut output = Vec::new();
            while output.len() < expected.len() {
                output.extend(client.bytes());
            }
            check(&output, &expected, case);
        }
    }

    /// Each line of input with its output. An empty line comes first where the server sends first.
    fn by_lines(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut lines: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (is_input, bytes) in &self.turns {
            match lines.last_mut() {
                Some((_, output)) if !is_input => output.extend_from_slice(bytes),
                Some((line, _)) if !line.ends_with(b"\n") => line.extend_from_slice(bytes),
                _ if *is_input => lines.push((bytes.clone(), Vec::new())),
                _ => lines.push((b"\n".to_vec(), bytes.clone())),
            }
        }
        lines
    }
}

#[track_caller]
fn check(output: &[u8], expected: &[u8], case: &str) {
    let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string();
    assert_eq!(escaped(output), escaped(expected), "{case}");
}

#[track_caller]
fn check_end(mut reader: impl Read, case: &str) {
    let mut rest = Vec::new();
    reader
        .read_to_end(&mut rest)
        .expect("the server closes without a reset");
    check(&rest, b"", case);
}

/// The bytes that a line of a transcript stands for: `\\r` is CR, `\\xHH` a byte, and `\\c` leaves out the
/// line end.
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
            b'c' => return bytes,
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
    for (service, _) in services() {
        let mut served = transcripts.iter().map(|(_, transcript)| &transcript.serve);
        let is_played = served.any(|serve| serve.split(' ').next() == Some(&*service));
        assert_ne!(is_played, UNRECORDED.contains(&&*service), "{service}");
    }
    transcripts
}

/// Services without a transcript: their output depends on the time, has no end, or needs files or a
/// second client. They have tests of their own.
const UNRECORDED: [&str; 5] = ["daytime", "chargen", "forward", "send-file", "receive-file"];

#[test]
fn every_transcript_is_the_same_at_every_listener() {
    for (path, transcript) in transcripts() {
        for model in MODELS {
            let folder = temp_dir();
            let socket = folder.path().join("socket");
            let unix = format!("unix:{}", socket.display());
            // An inherited socket, as from systemd.
            let passed = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let inherited = passed.local_addr().expect("it is bound");
            let mut options = vec!["--model", model];
            for address in ["0", &unix, "fd:0", "udp://127.0.0.1:0"] {
                if transcript.over_udp || !address.starts_with("udp:") {
                    options.extend(["--listen", address]);
                }
            }
            let mut command = transcript.command(&options);
            let server = Server::run_with_input(&mut command, OwnedFd::from(passed).into());
            let case = |address: &str| format!("{} over {model} at {address}", path.display());
            let address = server.address();
            let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port()));
            for address in [address, v6, inherited] {
                let peer = TcpStream::connect(address).expect("the server listens");
                transcript.play(peer, &case(&address.to_string()));
            }
            let peer = UnixStream::connect(&socket).expect("the server listens");
            transcript.play(peer, &case("a Unix socket"));
            if transcript.over_udp {
                transcript.play_udp(&server, &case("UDP"));
            }
        }
    }
}

#[test]
fn every_transcript_is_the_same_on_stdio() {
    for (path, transcript) in transcripts() {
        if transcript.serve.starts_with("display") {
            continue; // its standard output is not only for the peer
        }
        for model in MODELS {
            let options = ["--listen", "stdio:", "--model", model];
            let case = |kind: &str| format!("{} over {model} through {kind}", path.display());
            let (own, other) = UnixStream::pair().expect("a pair can be made");
            let again = other.try_clone().expect("a socket can be cloned");
            let mut command = transcript.command(&options);
            command
                .stdin(OwnedFd::from(other))
                .stdout(OwnedFd::from(again))
                .stderr(Stdio::null());
            let mut server = Process::start(&mut command);
            drop(command); // and its copies of the socket
            transcript.play(own, &case("a socket"));
            assert!(server.wait().success());

            let mut command = transcript.command(&options);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            let mut server = Process::start(&mut command);
            let (stdin, mut stdout) = server.take_pipes();
            transcript.play_through(&stdin, &mut stdout, &case("pipes"));
            drop(stdin);
            check_end(stdout, &case("pipes"));
            assert!(server.wait().success());
        }
    }
}
