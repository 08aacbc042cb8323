//! TFTP clients, ours and others, as the commands that get and put one file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::files::temp_dir;
use super::server::{Server, program};
use super::shell::installed;

/// A client and its commands. In these, SERVER stands for the port of the server, THERE for the
/// name of the file at the server, HERE for its name at the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TftpClient {
    pub(crate) program: &'static str,
    pub(crate) get: &'static str,
    pub(crate) put: &'static str,
}

macro_rules! client {
    ($program:literal, $options:literal, $get:literal, $put:literal) => {
        TftpClient {
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

pub(crate) const CURL: TftpClient = curl!("--tftp-no-options");
/// With curl's default options: the file size, and blocks of 512 bytes.
pub(crate) const CURL_OPTIONS: TftpClient = curl!("");
pub(crate) const CURL_LARGE: TftpClient = curl!("--tftp-blksize 1428");

/// tftp-hpa's client. It supports no options.
pub(crate) const TFTP: TftpClient = client!(
    "tftp",
    "-m binary",
    "127.0.0.1 SERVER -c get THERE HERE",
    "127.0.0.1 SERVER -c put HERE THERE"
);

pub(crate) const ATFTP: TftpClient = atftp!("");
pub(crate) const ATFTP_SMALL: TftpClient = atftp!("--option 'blksize 8'");
pub(crate) const ATFTP_WINDOW: TftpClient = atftp!("--option 'windowsize 16'");
pub(crate) const ATFTP_LARGE: TftpClient = atftp!("--option 'blksize 65464'");
pub(crate) const ATFTP_BEST: TftpClient =
    atftp!("--option 'blksize 1428' --option 'windowsize 16' --option 'tsize enable'");

/// The program under test with its default options.
pub(crate) const OURS: TftpClient = TftpClient {
    program: "bash",
    get: "\"$PROGRAM\" -q get -u 127.0.0.1:SERVER THERE -o HERE",
    put: "\"$PROGRAM\" -q put -u 127.0.0.1:SERVER HERE --as THERE",
};

pub(crate) const ALL: [TftpClient; 10] = [
    OURS,
    CURL,
    CURL_OPTIONS,
    CURL_LARGE,
    TFTP,
    ATFTP,
    ATFTP_SMALL,
    ATFTP_WINDOW,
    ATFTP_LARGE,
    ATFTP_BEST,
];

/// A TFTP server with its folder `there`, and the folder `here` of its clients.
pub(crate) struct TftpSetup {
    pub(crate) server: Server,
    folder: TempDir,
    /// The process in whose network namespace the clients run.
    namespace: Option<String>,
}

impl TftpSetup {
    /// Serves with these options. With `loss`, the network is a namespace that drops so many per cent
    /// of the datagrams in each direction.
    #[track_caller]
    pub(crate) fn start(options: &str, loss: Option<u32>) -> Self {
        let folder = temp_dir();
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
            .arg(folder.path().join("there"))
            .args(options.split_whitespace());
        let server = Server::run(&mut command);
        let namespace = loss.map(|_| server.pid().to_string());
        Self {
            server,
            folder,
            namespace,
        }
    }

    pub(crate) fn there(&self, name: &str) -> PathBuf {
        self.folder.path().join("there").join(name)
    }

    pub(crate) fn here(&self, name: &str) -> PathBuf {
        self.folder.path().join("here").join(name)
    }

    /// Runs a command of a client, with the names of the file at the server and at the client.
    pub(crate) fn run(&self, command: &str, there: &str, here: &str) -> Output {
        let port = self.server.udp_address().port().to_string();
        let script = command
            .replace("SERVER", &port)
            .replace("THERE", there)
            .replace("HERE", here);
        let mut command = Command::new("timeout");
        command.args(["-k", "1", SECONDS]);
        if let Some(pid) = &self.namespace {
            command.args(["nsenter", "-n", "-t", pid]);
        }
        command
            .args(["bash", "-c", &script])
            .env("PROGRAM", program())
            .current_dir(self.here(""))
            .stdin(Stdio::null());
        loop {
            let output = command.output().expect("timeout and bash are installed");
            // atftp accepts an option acknowledgement only once: it aborts when its answer was lost
            // and the server repeats it.
            if self.namespace.is_none() || !output.stderr.ends_with(ATFTP_ABORTED) {
                return output;
            }
        }
    }

    /// `client` gets a file of this content.
    #[track_caller]
    pub(crate) fn check_get(&self, client: TftpClient, content: &[u8]) {
        fs::write(self.there("file"), content).expect("the disk has room");
        let output = self.run(client.get, "file", "got");
        check_transferred(client.get, &self.here("got"), content, &output);
        fs::remove_file(self.here("got")).expect("the file exists");
    }

    /// `client` puts a file of this content.
    #[track_caller]
    pub(crate) fn check_put(&self, client: TftpClient, content: &[u8]) {
        fs::write(self.here("file"), content).expect("the disk has room");
        let output = self.run(client.put, "put", "file");
        // The server publishes the file before it acknowledges the last block.
        check_transferred(client.put, &self.there("put"), content, &output);
        fs::remove_file(self.there("put")).expect("the file exists");
    }
}

/// The command succeeded, and the file at `path` has this content.
#[track_caller]
fn check_transferred(command: &str, path: &Path, content: &[u8], output: &Output) {
    assert!(output.status.success(), "{command}: {output:?}");
    let found = fs::read(path).unwrap_or_else(|error| panic!("{command}: {error}; {output:?}"));
    assert_eq!(found.len(), content.len(), "{command}: {output:?}");
    let first = found.iter().zip(content).position(|(one, two)| one != two);
    assert_eq!(first, None, "{command}: the first byte that differs");
}

/// Those of the clients that are installed.
pub(crate) fn installed_clients(clients: &[TftpClient]) -> Vec<TftpClient> {
    let found = clients.iter().filter(|client| installed(&[client.program]));
    found.copied().collect()
}

const ATFTP_ABORTED: &[u8] = b"tftp: unexpected OACK\ntftp: aborting\n";

/// The deadline of a client: it transfers tens of thousands of datagrams on a busy machine.
const SECONDS: &str = "120";
