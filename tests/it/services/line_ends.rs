//! Clients that send no line end, that type character by character, or that edit their lines.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    CONCURRENT_MODELS, Client, MODELS, Process, Server, UdpClient, installed, program, temp_dir,
    wait_until,
};

/// Follows the commands on its standard input, and confirms each: `>` sends a text without a line end,
/// `<` waits for a text, and `.` for the end of the connection.
const CLIENT: &str = r#"
import socket, sys
address = sys.argv[1]
if address.startswith("/"):
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
else:
    server = socket.create_connection(("127.0.0.1", int(address)))
received = b""
for line in sys.stdin:
    text = line[1:-1].encode().decode("unicode_escape").encode()
    if line[0] == ">":
        server.send(text)
    elif line[0] == "<":
        while text not in received:
            piece = server.recv(4096)
            assert piece, received
            received += piece
        received = received.split(text, 1)[1]
    else:
        while server.recv(4096):
            pass
    print("done", flush=True)
"#;

/// A client in Python that sends no line end.
struct PythonClient {
    client: Client,
    _process: Process,
}

impl PythonClient {
    fn connect(address: &str) -> Self {
        let mut command = Command::new("python3");
        let (process, client) = Client::of_command(command.args(["-c", CLIENT, address]));
        Self {
            client,
            _process: process,
        }
    }

    #[track_caller]
    fn play(&mut self, turns: &[&str], case: &str) {
        for turn in turns {
            let confirmed = self.client.ask(&turn.escape_default().to_string());
            assert_eq!(confirmed, "done", "{case}: {turn}");
        }
    }
}

/// Plays these turns over TCP and a Unix socket, under every model.
#[track_caller]
fn check(service: &str, turns: &[&str]) {
    if !installed(&["python3"]) {
        return;
    }
    for model in MODELS {
        let folder = temp_dir();
        let socket = folder.path().join("socket");
        let listen = format!("--listen 0 --listen unix:{}", socket.display());
        let server = Server::serve(&format!(
            "{service} --line-timeout 100ms --model {model} {listen}"
        ));
        for address in [server.port(), socket.display().to_string()] {
            let case = format!("{service} over {model} at {address}");
            PythonClient::connect(&address).play(turns, &case);
        }
    }
}

#[test]
fn a_client_without_line_ends_talks_with_the_friend() {
    let parrot = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/transcripts/parrot.toml");
    check(
        &format!("eliza --commands --script {}", parrot.display()),
        &[
            "<How do you feel?\n",
            ">*script",
            "<This is parrot",
            "<\n",
            ">*help",
            "<*help         list the commands\n",
            ">quit",
            "<Goodbye.\n",
            ".",
        ],
    );
}

#[test]
fn a_client_without_line_ends_chats() {
    check(
        "chat",
        &[
            "<What is your name?\n",
            ">anna",
            "<You are in #lobby as anna, alone.\n",
            ">/nick bob",
            "<bob",
            "<\n",
            ">/quit",
            "<Goodbye.\n",
            ".",
        ],
    );
}

#[test]
fn a_client_without_line_ends_gets_files() {
    let folder = temp_dir();
    fs::write(folder.path().join("notes.txt"), "Buy milk\n").expect("it can be written");
    check(
        &format!("files {}", folder.path().display()),
        &[
            "<220 ",
            "<\n",
            ">STAT notes.txt",
            "<notes.txt\n",
            ">GET notes.txt",
            "<226 9\nBuy milk\n",
            ">QUIT",
            "<221 ",
            ".",
        ],
    );
}

#[test]
fn a_client_without_line_ends_plays() {
    check(
        "connect-four",
        &[
            "<Waiting for an opponent.\n",
            ">4",
            "<Waiting for an opponent.\n",
            ">5",
            "<Waiting for an opponent.\n",
            ">/quit",
            "<Goodbye.\n",
            ".",
        ],
    );
}

#[test]
fn a_client_without_line_ends_uses_services_of_bytes() {
    check("uppercase", &[">hello", "<HELLO", ">you", "<YOU"]);
    check(
        "echo --stop-word stop",
        &[">hello", "<hello", ">stop", "<stop", "."],
    );
    check("echo --receive-buffer 3 --stop-word stop", &[">STOP", "."]);
}

#[test]
fn a_message_without_a_line_end_is_displayed() {
    if !installed(&["python3"]) {
        return;
    }
    for options in ["", "--receive-buffer 64"] {
        for model in MODELS {
            let case = format!("display {options} --stop-word stop --model {model}");
            let server = Server::start(&case);
            let mut client = PythonClient::connect(&server.port());
            for (number, message) in ["hello", "how are you"].into_iter().enumerate() {
                client.play(&[&format!(">{message}")], &case);
                let lines = server.output_lines(number + 1);
                assert!(
                    lines[number].ends_with(&format!(": {message}")),
                    "{lines:?}"
                );
            }
            client.play(&[">Stop", "."], &case);
        }
    }
}

/// `display` with one client that sends no line end. When a message of it is displayed, every
/// message that arrived before has been silent for at least as long.
struct Silence {
    server: Server,
    clock: Client,
    displayed: usize,
}

impl Silence {
    fn start(model: &str) -> Self {
        Self::of(Server::start(&format!("display {TIMEOUT} --model {model}")))
    }

    fn of(server: Server) -> Self {
        Self {
            clock: server.connect(),
            server,
            displayed: 0,
        }
    }

    fn pass(&mut self) {
        self.clock.send("silence");
        let clock = self.clock.address();
        self.check(&format!("{clock}: silence"));
    }

    /// Checks which line is displayed next.
    #[track_caller]
    fn check(&mut self, line: &str) {
        self.displayed += 1;
        let lines = self.server.output_lines(self.displayed);
        assert_eq!(lines[self.displayed - 1], line, "{lines:?}");
    }

    /// Sends bytes, and waits until the server has read all that `client` sent.
    #[track_caller]
    fn send(&self, client: &mut Client, bytes: &str, total: usize) {
        client.send(bytes);
        let session = format!("session peer={} ", client.address());
        let received = format!(" received={total} ");
        wait_until("the server to read it", || {
            self.server.signal(Signal::SIGUSR1);
            let log = self.server.log_so_far();
            log.iter()
                .any(|line| line.starts_with(&session) && line.contains(&received))
        });
    }
}

const TIMEOUT: &str = "--line-timeout 500ms";

#[test]
fn silence_does_not_split_what_is_typed_character_by_character() {
    for model in CONCURRENT_MODELS {
        let mut silence = Silence::start(model);
        let mut typist = silence.server.connect();
        silence.send(&mut typist, "h", 1);
        silence.send(&mut typist, "i", 2);
        silence.pass();
        typist.send("\r\n");
        silence.check(&format!("{}: hi", typist.address()));
    }
}

#[test]
fn silence_does_not_split_a_line_of_a_client_that_sends_line_ends() {
    for model in CONCURRENT_MODELS {
        let mut silence = Silence::start(model);
        let mut client = silence.server.connect();
        silence.send(&mut client, "one\ntw", 6);
        silence.check(&format!("{}: one", client.address()));
        silence.pass();
        client.send("o\n");
        silence.check(&format!("{}: two", client.address()));
    }
}

#[test]
fn silence_does_not_split_the_line_of_a_slow_pipe() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = Command::new(program());
    command.args([
        "serve", "display", "--model", "events", "--listen", "stdio:",
    ]);
    command.args(["--listen", "127.0.0.1:0"]);
    command.args(TIMEOUT.split(' '));
    let server = Server::run_with_input(&mut command, OwnedFd::from(reader).into());
    let mut silence = Silence::of(server);
    silence.pass(); // the server reads
    writer.write_all(b"slow").expect("the server reads");
    silence.pass();
    writer.write_all(b"ly\n").expect("the server reads");
    silence.check("stdio:: slowly");
}

#[test]
fn silence_does_not_split_a_line_that_a_busy_server_has_not_read() {
    let server = Server::start("display --model events --line-timeout 1s");
    let silence = Silence::of(server);
    let server = &silence.server;
    let mut others: Vec<Client> = (0..70).map(|_| server.connect()).collect();
    let mut client = server.connect();
    silence.send(&mut client, "hel", 3);
    let begin = Instant::now();
    server.pause();
    // More clients are ready than one wait returns, and this one is the last.
    others.iter_mut().for_each(|other| other.send("other\n"));
    client.send("lo\n");
    wait_until("the time to expire", || {
        Duration::from_secs(1) < begin.elapsed()
    });
    server.resume();
    let lines = server.output_lines(others.len() + 1);
    let line = format!("{}: hello", client.address());
    assert!(lines.contains(&line), "{lines:?}");
}

#[test]
fn without_a_line_timeout_silence_ends_no_message() {
    let server = Server::start("display --line-timeout none");
    let mut clients = [server.connect(), server.connect()];
    clients[0].send("one");
    clients[1].send("two\n");
    assert!(server.output_lines(1)[0].ends_with(": two"));
    clients[0].send(" line\n");
    assert!(server.output_lines(2)[1].ends_with(": one line"));
}

#[test]
fn a_line_is_edited_as_on_a_terminal() {
    let server = Server::serve("display --listen 0 --listen udp://127.0.0.1:0");
    let mut client = server.connect();
    for (number, (typed, line)) in [
        (&b"\xef\xbb\xbfhello\r\n"[..], "hello"),
        (b"helk\x08lo\r\n", "hello"),
        (b"gr\xc3\xbc\x7fu\n", "gru"),
        (b"ab\xff\xf7c\n", "ac"),
        (b"wrong\xff\xf8right\n", "right"),
    ]
    .into_iter()
    .enumerate()
    {
        client.send(typed);
        let lines = server.output_lines(number + 1);
        assert!(lines[number].ends_with(&format!(": {line}")), "{lines:?}");
    }
    let udp = UdpClient::connect(&server);
    udp.send("\u{feff}helk\x08lo\n".as_bytes());
    assert!(server.output_lines(6)[5].ends_with(": hello"));
}
