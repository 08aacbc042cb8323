//! The TFTP clients of others, and our own: each as the commands that get and put one file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::server::{Server, have, program};

/// A client, and how it is told what to do. In the words, SERVER stands for the port of the server,
/// THERE for the name of the file at the server, HERE for that at the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) program: &'static str,
    pub(crate) get: &'static str,
    pub(crate) put: &'static str,
}

/// One that is told by options what it is to do before it is told the way.
macro_rules! client {
    ($program:literal, $options:literal, $get:literal, $put:literal) => {
        Client {
            program: $program,
            get: concat!($program, " ", $options, " ", $get),
            put: concat!($program, " ", $options, " ", $put),
        }
    };
}

macro_rules! curl {
    ($options:literal) => {
        client!(
            "curl",
            $options,
            "-sS -o HERE tftp://127.0.0.1:SERVER/THERE",
            "-sS -T HERE tftp://127.0.0.1:SERVER/THERE"
        )
    };
}

macro_rules! atftp {
    ($options:literal) => {
        client!(
            "atftp",
            $options,
            "-g -r THERE -l HERE 127.0.0.1 SERVER",
            "-p -l HERE -r THERE 127.0.0.1 SERVER"
        )
    };
}

/// It asks for the size and 512 bytes, and can be told not to.
pub(crate) const CURL: Client = curl!("--tftp-no-options");
pub(crate) const CURL_ASKING: Client = curl!("");
pub(crate) const CURL_LARGE: Client = curl!("--tftp-blksize 1428");

/// It knows no options.
pub(crate) const TFTP: Client = client!(
    "tftp",
    "-m binary",
    "127.0.0.1 SERVER -c get THERE HERE",
    "127.0.0.1 SERVER -c put HERE THERE"
);

pub(crate) const ATFTP: Client = atftp!("");
pub(crate) const ATFTP_SMALL: Client = atftp!("--option 'blksize 8'");
pub(crate) const ATFTP_WINDOW: Client = atftp!("--option 'windowsize 16'");
pub(crate) const ATFTP_LARGE: Client = atftp!("--option 'blksize 65464'");
pub(crate) const ATFTP_BEST: Client =
    atftp!("--option 'blksize 1428' --option 'windowsize 16' --option 'tsize enable'");

/// The program itself, with blocks of 1468 bytes and windows of 64.
pub(crate) const OURS: Client = Client {
    program: "bash",
    get: "\"$PROGRAM\" -q get -u 127.0.0.1:SERVER THERE -o HERE",
    put: "\"$PROGRAM\" -q put -u 127.0.0.1:SERVER HERE --as THERE",
};

pub(crate) const ALL: [Client; 10] = [
    OURS,
    CURL,
    CURL_ASKING,
    CURL_LARGE,
    TFTP,
    ATFTP,
    ATFTP_SMALL,
    ATFTP_WINDOW,
    ATFTP_LARGE,
    ATFTP_BEST,
];

/// A server of a folder, with a folder for its clients.
pub(crate) struct Place {
    pub(crate) server: Server,
    folder: TempDir,
    inside: Option<String>, // the process in whose network the clients are
}

impl Place {
    /// With these options of the service, and a network of its own if there is to be `loss`: so many
    /// datagrams of a hundred, in each direction.
    pub(crate) fn with(options: &str, loss: Option<u32>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for name in ["there", "here"] {
            fs::create_dir(folder.path().join(name)).expect("a folder can be made");
        }
        let mut command = match loss {
            None => Command::new(program()),
            Some(percent) => {
                let mut command = Command::new("unshare");
                let rule = format!("udp dport != 0 numgen random mod 100 < {percent} drop");
                let script = format!(
                    "ip link set lo up && nft add table t && \
                     nft 'add chain t c {{ type filter hook input priority 0; }}' && \
                     nft 'add rule t c {rule}' && exec \"$0\" \"$@\""
                );
                command.args(["-n", "bash", "-c", &script]).arg(program());
                command
            }
        };
        command
            .args(["-v", "serve", "files", "--listen", "udp://127.0.0.1:0"])
            .arg("--root")
            .arg(folder.path().join("there"))
            .args(options.split_whitespace());
        let server = Server::run(&mut command);
        let inside = loss.map(|_| server.pid().to_string());
        Self {
            server,
            folder,
            inside,
        }
    }

    pub(crate) fn there(&self, name: &str) -> PathBuf {
        self.folder.path().join("there").join(name)
    }

    pub(crate) fn here(&self, name: &str) -> PathBuf {
        self.folder.path().join("here").join(name)
    }

    /// The names of all that is at the server, also of what it does not show.
    pub(crate) fn all_there(&self) -> Vec<String> {
        let entries = fs::read_dir(self.there("")).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("it can be read").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Runs a command of a client, with the two names that the file has.
    pub(crate) fn run(&self, words: &str, there: &str, here: &str) -> Output {
        let port = self.server.udp_address().port().to_string();
        let script = words
            .replace("SERVER", &port)
            .replace("THERE", there)
            .replace("HERE", here);
        let mut command = Command::new("timeout");
        command.args(["-k", "1", PATIENCE]);
        if let Some(pid) = &self.inside {
            command.args(["nsenter", "-n", "-t", pid]);
        }
        command
            .args(["bash", "-c", &script])
            .env("PROGRAM", program())
            .current_dir(self.here(""))
            .stdin(Stdio::null());
        loop {
            let output = command.output().expect("timeout and bash are everywhere");
            // What atftp says when its answer to the options was lost, and the next one too: it does
            // not take them for the second time.
            if self.inside.is_none() || !output.stderr.ends_with(GIVEN_UP) {
                return output;
            }
        }
    }

    /// `client` gets a file of this content, and has it.
    #[track_caller]
    pub(crate) fn check_get(&self, client: Client, content: &[u8]) {
        fs::write(self.there("file"), content).expect("there is room");
        let output = self.run(client.get, "file", "got");
        same(client.get, &self.here("got"), content, &output);
        fs::remove_file(self.here("got")).expect("it is there");
    }

    /// `client` puts a file of this content, and the server has it.
    #[track_caller]
    pub(crate) fn check_put(&self, client: Client, content: &[u8]) {
        fs::write(self.here("file"), content).expect("there is room");
        let output = self.run(client.put, "put", "file");
        // Who puts is done with the last datagram that it sends; the server may have it later.
        same(client.put, &self.there("put"), content, &output);
        fs::remove_file(self.there("put")).expect("it is there");
    }
}

/// The command ended well, and the file is as it was.
#[track_caller]
fn same(command: &str, path: &Path, content: &[u8], output: &Output) {
    assert!(output.status.success(), "{command}: {output:?}");
    let found = fs::read(path).unwrap_or_else(|error| panic!("{command}: {error}; {output:?}"));
    assert_eq!(found.len(), content.len(), "{command}: {output:?}");
    let first = found.iter().zip(content).position(|(one, two)| one != two);
    assert_eq!(first, None, "{command}: another byte");
}

/// Those of them that are installed.
pub(crate) fn installed(clients: &[Client]) -> Vec<Client> {
    let installed = clients.iter().filter(|client| have(&[client.program]));
    installed.copied().collect()
}

/// So many bytes, the same ones each time, among which none of the blocks of a transfer is like
/// another.
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

const GIVEN_UP: &[u8] = b"tftp: unexpected OACK\ntftp: aborting\n";

/// In seconds: tens of thousands of datagrams there and back, on a machine that is busy otherwise.
const PATIENCE: &str = "120";
