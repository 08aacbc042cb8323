//! The service that receives one file.

use std::io::Write;
use std::process::Command;
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use switchboard_files::Digest;

use crate::support::files::{TempFile, content, names, wait_for_uploads};
use crate::support::{MODELS, Server, installed, is_root, program, shell};

/// The answer to a completed upload.
fn received(content: &[u8]) -> String {
    let (length, sha256) = (content.len(), Digest::of(content));
    format!("received {length} bytes, SHA-256 {sha256}")
}

/// Nothing is in the folder of the file, no hidden file either.
#[track_caller]
fn check_empty(file: &TempFile) {
    assert_eq!(names(file.folder()), [""; 0]);
}

#[test]
fn unusable_files_are_refused_at_start() {
    let file = TempFile::with("content");
    let folder = file.folder();
    mkfifo(&folder.join("pipe"), Mode::S_IRWXU).expect("the disk has room");
    let serve = |args: &str| {
        let mut command = Command::new("timeout");
        command.args(["30", &program().to_string_lossy(), "serve"]);
        command.args(args.split_whitespace()).current_dir(folder);
        let output = command.output().expect("timeout is installed");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    for (args, code, reason) in [
        ("send-file none --listen 0", 1, "none: "),
        ("send-file . --listen 0", 1, ".: not a regular file"),
        ("send-file pipe --listen 0", 1, "pipe: not a regular file"),
        (
            "receive-file file --listen 0",
            1,
            "file: a file or folder of this name exists already",
        ),
        (
            "receive-file pipe --listen 0 --overwrite",
            1,
            "pipe: not a regular file",
        ),
        (
            "receive-file . --listen 0",
            1,
            ".: the name of a file is missing",
        ),
        ("receive-file none/new --listen 0", 1, "none/new: "),
        ("receive-file new --max-file 1X --listen 0", 2, "a size is"),
        ("send-file file --listen udp://127.0.0.1:0", 1, "TFTP"),
        ("receive-file new --listen udp://127.0.0.1:0", 1, "TFTP"),
    ] {
        let (status, stderr) = serve(args);
        assert!(
            status == Some(code) && stderr.contains(reason),
            "{args}: {status:?} {stderr}"
        );
    }
    assert_eq!(names(folder), ["file", "pipe"]);
}

#[test]
fn common_clients_upload_a_file() {
    let content = content(3_000_000);
    let original = TempFile::with(&content);
    let path = original.path().display().to_string();
    let answer = received(&content);
    for model in MODELS {
        let file = TempFile::new();
        let server = file.serve("receive-file", &format!("--overwrite --model {model}"));
        let port = server.port();
        let python = format!(
            "import socket, sys; s = socket.create_connection(('localhost', {port}))\n\
             s.sendfile(open('{path}', 'rb')); s.shutdown(socket.SHUT_WR)\n\
             print(s.makefile().read(), end='')"
        );
        let mut count = 0;
        for (name, command) in [
            ("nc", format!("nc -N localhost {port} < {path}")),
            ("ncat", format!("ncat localhost {port} < {path}")),
            (
                "socat",
                format!("socat -t 30 - TCP:localhost:{port} < {path}"),
            ),
            ("python3", format!("python3 -c \"{python}\"")),
        ] {
            if installed(&[name]) {
                count += 1;
                let output = shell(&command, b"");
                let stdout = String::from_utf8_lossy(&output.stdout);
                assert_eq!(stdout, format!("{answer}\n"), "{command}, {model}");
                assert!(file.read().as_ref() == Some(&content), "{command}, {model}");
                file.remove();
                check_empty(&file);
                let printed = server.output_lines(count);
                assert!(
                    printed[count - 1].ends_with(&format!(": {answer}")),
                    "{printed:?}"
                );
            }
        }
    }
}

#[test]
fn the_first_complete_upload_wins() {
    let file = TempFile::new();
    let server = file.serve("receive-file", "");
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send("the first");
    second.send("the second");
    wait_for_uploads(&server, file.folder(), &[9, 10]);
    second.shutdown_write();
    assert_eq!(second.line(), received(b"the second"));
    first.shutdown_write();
    let refused = "not received: a file or folder of this name exists already";
    assert_eq!(first.line(), refused);
    assert_eq!(server.connect().line(), refused);
    assert_eq!(file.read().as_deref(), Some(&b"the second"[..]));
}

#[test]
fn an_interrupted_upload_is_discarded() {
    for model in MODELS {
        let file = TempFile::new();
        let server = file.serve(
            "receive-file",
            &format!("--idle-timeout 300ms --model {model}"),
        );
        let mut client = server.connect();
        client.send(content(500_000));
        wait_for_uploads(&server, file.folder(), &[500_000]);
        client.reset();
        server.log("end: connection lost");
        let mut silent = server.connect();
        silent.send("a part");
        server.log("end: idle");
        drop(server.connect());
        server.log("end: closed by the peer");
        check_empty(&file);
        let mut next = server.connect();
        next.send("whole");
        next.shutdown_write();
        assert_eq!(next.line(), received(b"whole"), "{model}");
    }
}

#[test]
fn a_killed_server_leaves_no_partial_file() {
    for model in MODELS {
        let file = TempFile::new();
        let mut server = file.serve("receive-file", &format!("--model {model}"));
        let mut client = server.connect();
        client.send(content(500_000));
        wait_for_uploads(&server, file.folder(), &[500_000]);
        server.signal(Signal::SIGKILL);
        server.wait();
        assert_eq!(client.line(), "", "the upload must not be confirmed");
        check_empty(&file);
        let server = file.serve("receive-file", "");
        let mut client = server.connect();
        client.send("whole");
        client.shutdown_write();
        assert_eq!(client.line(), received(b"whole"), "{model}");
    }
    // The same for the process of one session.
    let file = TempFile::new();
    let server = file.serve("receive-file", "");
    let mut client = server.connect();
    client.send("a part");
    wait_for_uploads(&server, file.folder(), &[6]);
    kill(server.children()[0].0, Signal::SIGKILL).expect("the child runs");
    server.wait_until_reaped();
    check_empty(&file);
}

#[test]
fn shutdown_waits_for_a_file() {
    for model in MODELS {
        let file = TempFile::new();
        let mut server = file.serve("receive-file", &format!("--model {model} --grace 30s"));
        let mut client = server.connect();
        client.send("to the ");
        wait_for_uploads(&server, file.folder(), &[7]);
        server.signal(Signal::SIGTERM);
        server.log("stop sessions=1");
        client.send("end");
        client.shutdown_write();
        assert_eq!(client.line(), received(b"to the end"), "{model}");
        assert!(server.wait().success());
    }
}

#[test]
fn a_full_disk_is_reported() {
    if !is_root() || !installed(&["unshare", "mount"]) {
        return;
    }
    let file = TempFile::new();
    // The mount namespace keeps the file system from outliving the test.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {} && exec {} -v serve receive-file {} --listen 0",
        file.folder().display(),
        program().display(),
        file.path().display()
    );
    let server = Server::run(Command::new("unshare").args(["-m", "bash", "-c", &script]));
    let inside = format!("/proc/{}/root{}", server.pid(), file.folder().display());
    let count = || fs::read_dir(&inside).expect("the folder exists").count();
    let mut client = server.connect();
    let mut stream = client.stream.try_clone().expect("a socket can be cloned");
    // The server may close before it has read all.
    let writer = thread::spawn(move || stream.write_all(&content(200_000)).ok());
    assert_eq!(client.line(), "not received: no space left on the disk");
    writer.join().expect("the writer does not panic");
    drop(client);
    server.log("failed: not received: no space left on the disk");
    assert_eq!(count(), 0);
    let mut client = server.connect();
    let small = content(40_000);
    client.send(&small);
    client.shutdown_write();
    assert_eq!(client.line(), received(&small));
    assert_eq!(count(), 1);
}
