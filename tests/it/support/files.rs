//! Folders, file servers, and the commands that get and put files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use switchboard_files::Digest;
use tempfile::TempDir;

use super::client::Client;
use super::server::{Server, program, with_default_signals};
use super::wait::{DEADLINE, wait_until};

pub(crate) fn temp_dir() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// A copy of the program under test that every user can run, in its folder.
pub(crate) fn public_program() -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a folder can be made");
    let copy = folder.path().join("switchboard");
    fs::copy(program(), &copy).expect("the program can be copied");
    (folder, copy)
}

/// The names of everything in a folder, hidden files included, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder exists").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Pseudo-random bytes, the same ones each time. No two blocks of a transfer are equal.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The line that announces an upload.
pub(crate) fn put_line(name: &str, content: &[u8]) -> String {
    format!("PUT {name} {} {}\n", content.len(), Digest::of(content))
}

/// The answer to a completed upload.
pub(crate) fn stored(content: &[u8]) -> String {
    format!("230 {} {}", content.len(), Digest::of(content))
}

/// Starts the `files` service for a folder, like [`Server::start`].
#[track_caller]
pub(crate) fn serve_files(folder: &Path, options: &str) -> Server {
    Server::start(&format!("files {} {options}", folder.display()))
}

/// Waits until the server has these unfinished uploads in `folder`, by length, in order.
///
/// They have no name yet: they are found among the descriptors of the server and its children.
#[track_caller]
pub(crate) fn wait_for_uploads(server: &Server, folder: &Path, lengths: &[u64]) {
    wait_until("the uploads", || uploads(server, folder) == lengths);
}

fn uploads(server: &Server, folder: &Path) -> Vec<u64> {
    let processes = server.children().into_iter().map(|(pid, _)| pid);
    let open = processes.chain([server.pid()]).flat_map(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        files.into_iter().flatten().flatten()
    });
    let unnamed = open.filter(|file| {
        let path = fs::read_link(file.path()).unwrap_or_default();
        path.starts_with(folder) && path.to_string_lossy().ends_with("(deleted)")
    });
    let lengths = unnamed.filter_map(|file| Some(fs::metadata(file.path()).ok()?.len()));
    let mut lengths: Vec<u64> = lengths.collect();
    lengths.sort_unstable();
    lengths
}

/// A temporary folder and a server of the `files` service for it.
pub(crate) struct SharedFolder {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl SharedFolder {
    #[track_caller]
    pub(crate) fn start(options: &str) -> Self {
        let folder = temp_dir();
        let server = serve_files(folder.path(), options);
        Self { folder, server }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).expect("the disk has room");
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(name)).ok()
    }

    /// How many entries the folder has, hidden ones included.
    pub(crate) fn count(&self) -> usize {
        names(self.folder.path()).len()
    }

    /// Waits until `count` uploads are unfinished.
    #[track_caller]
    pub(crate) fn wait_for_uploads(&self, count: usize) {
        wait_until("the uploads", || {
            uploads(&self.server, self.folder.path()).len() == count
        });
    }

    /// A client that has read the greeting.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        let mut client = self.server.connect();
        let greeting = client.line();
        assert!(greeting.starts_with("220 files"), "{greeting}");
        client
    }
}

/// The path of a file in a temporary folder of its own. The file need not exist.
pub(crate) struct TempFile(TempDir);

impl TempFile {
    pub(crate) fn new() -> Self {
        Self(temp_dir())
    }

    /// A file with this content.
    pub(crate) fn with(content: impl AsRef<[u8]>) -> Self {
        let file = Self::new();
        file.write(content);
        file
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder().join("file")
    }

    pub(crate) fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(self.path(), content).expect("the disk has room");
    }

    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        fs::read(self.path()).ok()
    }

    pub(crate) fn remove(&self) {
        fs::remove_file(self.path()).expect("the file exists");
    }

    /// Starts a service whose argument is the file, like [`Server::start`].
    #[track_caller]
    pub(crate) fn serve(&self, service: &str, options: &str) -> Server {
        Server::start(&format!("{service} {} {options}", self.path().display()))
    }
}

/// The program under test with these arguments, in `folder`.
pub(crate) fn command_in(folder: &Path, args: &[&str]) -> Command {
    let mut command = with_default_signals(program());
    command.args(args).current_dir(folder);
    command
}

/// Runs the program with these arguments in `folder` until it exits.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Output {
    Command::new("timeout")
        .args(["-k", "1", &DEADLINE.as_secs().to_string()])
        .arg(program())
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("timeout is installed")
}

/// Runs the program in `folder`, and checks its exit code and that `message` is on standard error.
#[track_caller]
pub(crate) fn check_run(folder: &Path, args: &[&str], code: i32, message: &str) -> Output {
    let output = run_in(folder, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert!(stderr.contains(message), "{args:?}: {stderr}");
    output
}

/// A server of the test's own that calls `serve` with each connection.
pub(crate) fn fake_server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// A fake server that sends these bytes whatever it receives, and closes after the peer has.
pub(crate) fn fake_server_sending(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    fake_server(move |mut peer| {
        peer.write_all(&bytes).ok();
        peer.read_to_end(&mut Vec::new()).ok();
    })
}

/// A fake server that answers each command with the result of `answer`.
pub(crate) fn fake_server_answering(
    answer: impl Fn(&str) -> String + Send + 'static,
) -> SocketAddr {
    fake_server(move |mut peer| {
        peer.write_all(b"220 files\n").ok();
        let lines = BufReader::new(peer.try_clone().expect("a socket can be cloned")).lines();
        for line in lines.map_while(Result::ok) {
            peer.write_all(answer(&line).as_bytes()).ok();
        }
    })
}

/// A fake server of a file with this content that sends only the first `sent` bytes. Then it passes
/// its socket to the receiver.
pub(crate) fn fake_server_stalling(
    content: &'static [u8],
    sent: usize,
) -> (SocketAddr, Receiver<TcpStream>) {
    let (sender, receiver) = mpsc::channel();
    let address = fake_server(move |mut peer| {
        peer.write_all(b"220 files\n").ok();
        let mut lines = BufReader::new(peer.try_clone().expect("a socket can be cloned"));
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|count| 0 < count) {
            if line.starts_with("GET") {
                let answer = format!("226 {}\n", content.len());
                peer.write_all(answer.as_bytes()).ok();
                peer.write_all(&content[..sent]).ok();
                sender.send(peer).ok();
                return;
            }
            line.clear();
        }
    });
    (address, receiver)
}
