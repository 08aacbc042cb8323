//! One transcript, every server: the same words get the same bytes, whoever holds the conversation.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use socket2::Socket;

use crate::harness::{DEADLINE, MODELS, Server, program};

/// A conversation: the first line has the words after `serve`, then `> ` was said and `< `
/// answered. Escapes stand for bytes, and a line ends with LF unless it says otherwise.
struct Transcript {
    serve: String,
    turns: Vec<(bool, Vec<u8>)>,
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
        }
    }

    /// Plays it: says what was said, and hears exactly what was answered, to the end.
    fn play(&self, peer: impl Into<OwnedFd>, how: &str) {
        let mut peer = Socket::from(peer.into());
        peer.set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        for (said, bytes) in &self.turns {
            if *said {
                peer.write_all(bytes).expect("the server reads");
                continue;
            }
            let mut answered = vec![0; bytes.len()];
            peer.read_exact(&mut answered)
                .unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(
                answered.escape_ascii().to_string(),
                bytes.escape_ascii().to_string(),
                "{how}"
            );
        }
        peer.shutdown(Shutdown::Write).expect("it stands");
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest)
            .expect("the server closes politely");
        assert_eq!(rest.escape_ascii().to_string(), "", "{how}");
    }
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

#[test]
fn every_transcript_is_the_same_over_every_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(root.join("data/transcripts"))
        .expect("there are transcripts")
        .flatten();
    let paths = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut played = 0;
    for path in paths {
        let transcript = Transcript::read(&path);
        for model in MODELS {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let socket = folder.path().join("socket");
            let server = Server::run(
                Command::new(program())
                    .current_dir(root)
                    .args(["-v", "serve"])
                    .args(transcript.serve.split_whitespace())
                    .args(["--model", model, "--listen", "0", "--listen"])
                    .arg(format!("unix:{}", socket.display())),
            );
            let address = server.address();
            for place in [address, ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into()] {
                let peer = TcpStream::connect(place).expect("somebody listens");
                let how = format!("{} over {model} at {place}", path.display());
                transcript.play(peer, &how);
            }
            let peer = UnixStream::connect(&socket).expect("somebody listens");
            let how = format!("{} over {model} at a Unix socket", path.display());
            transcript.play(peer, &how);
            played += 1;
        }
    }
    assert!(
        8 <= played,
        "a transcript for each service, over each model"
    );
}
