//! `get`, `put` and `list` that fail: exit codes, messages, JSON.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use nix::fcntl::{OFlag, open};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::files::{
    check_run, command_in, fake_server_answering, fake_server_stalling, serve_files,
};
use crate::support::{DEADLINE, Process, installed, shell, stdout_of, temp_dir};

/// Even while the pipe is full.
#[test]
fn a_signal_ends_a_get_that_writes_to_a_pipe() {
    const CONTENT: &[u8] = &[b'x'; 1024 * 1024];
    let here = temp_dir();
    let pipe = here.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe can be made");
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    let _reader = open(&pipe, flags, Mode::empty()).expect("a pipe can be read");
    let (address, stalled) = fake_server_stalling(CONTENT, CONTENT.len());
    let get = ["get", &address.to_string(), "a", "-o", "pipe"];
    let mut process = Process::start(command_in(here.path(), &get).stderr(Stdio::null()));
    let _peer = stalled.recv_timeout(DEADLINE).expect("the client asks");
    process.signal(Signal::SIGINT);
    assert_eq!(process.wait().signal(), Some(Signal::SIGINT as i32));
}

/// Files that were not tried because of an earlier failure count as well.
#[test]
fn every_failure_is_reported_and_counted() {
    let (here, there) = (temp_dir(), temp_dir());
    let server = serve_files(there.path(), "--writable");
    let port = &*server.port();
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    fs::create_dir_all(there.path().join("d/b")).expect("the disk has room");
    fs::write(there.path().join("d/c"), "hello").expect("the disk has room");
    fs::create_dir(here.path().join("d")).expect("the disk has room");
    fs::write(here.path().join("d/b"), "in the way").expect("the disk has room");
    for (args, code, failed) in [
        (
            &["get", port, "a", "x", "y", "d", "-r"][..],
            1,
            "3 of 5 failed",
        ),
        (&["put", port, "d", "missing"], 2, "2 of 2 failed"),
        (&["get", port, "x", "-r"], 1, ""),
        (&["get", port, "x", "-o", "nowhere/x"], 73, ""),
    ] {
        check_run(here.path(), args, code, failed);
        let args = [args, &["--json"]].concat();
        let output = check_run(here.path(), &args, code, failed);
        let json = String::from_utf8(output.stdout).expect("it is ASCII");
        let failures = json.matches("\"result\":\"failed\"").count();
        let expected = failed
            .split(' ')
            .next()
            .and_then(|count| count.parse().ok());
        assert_eq!(failures, expected.unwrap_or(1), "{args:?}: {json}");
    }
    // A failed list prints no entry.
    let listed = check_run(here.path(), &["list", port, "x", "-r", "--json"], 1, "x:");
    assert!(listed.stdout.is_empty());
}

/// A server may list a tree of folders without end.
#[test]
fn a_tree_without_end_ends_at_a_limit() {
    let endless = fake_server_answering(|line| {
        let entry = |name| format!("folder - 2026-01-31T12:00:00Z {name}\n");
        match line.split_once(' ') {
            Some(("STAT", _)) => format!("213 {}", entry("top")),
            _ => format!("210 2\n{}{}", entry("a"), entry("b")),
        }
    });
    let address = &*endless.to_string();
    for (limit, message) in [
        (
            ["--max-entries", "100"],
            "more than 100 files and folders (--max-entries allows more)",
        ),
        (
            ["--max-time", "50ms"],
            "not complete after 0.05 s (--max-time allows more)",
        ),
    ] {
        let here = temp_dir();
        let get = [&["get", address, "top", "-r"][..], &limit].concat();
        check_run(here.path(), &get, 74, message);
        check_run(
            here.path(),
            &[&["ls", address, "-r"][..], &limit].concat(),
            74,
            message,
        );
        if limit[0] == "--max-entries" {
            let folders = stdout_of(&format!("find {} -type d", here.path().display()), "");
            assert_eq!(folders.lines().count(), 1 + 1 + 100);
        }
    }
}

/// Output without a line end at its end stays visible.
#[test]
fn the_progress_bar_does_not_overwrite_output() {
    if !installed(&["script"]) {
        return;
    }
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    let server = serve_files(there.path(), "");
    let print = format!(
        "cd {} && TERM=xterm script -qec '$PROGRAM get {} a -o -' /dev/null",
        here.path().display(),
        server.port()
    );
    let output = shell(&print, b"");
    assert!(output.stdout.starts_with(b"helloa: 5 bytes"), "{output:?}");
}

#[test]
fn obstacles_are_reported() {
    let (here, there) = (temp_dir(), temp_dir());
    fs::create_dir_all(here.path().join("d/a")).expect("the disk has room");
    fs::create_dir(there.path().join("d")).expect("the disk has room");
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    fs::create_dir(there.path().join("e")).expect("the disk has room");
    fs::write(here.path().join("file"), "one").expect("the disk has room");
    fs::write(there.path().join("file"), "other").expect("the disk has room");
    symlink("nowhere", here.path().join("a.part")).expect("the disk has room");
    let server = serve_files(there.path(), "--writable");
    let port = &*server.port();
    let long = format!("unix:{}", "x".repeat(200));
    for (args, code, message) in [
        (
            &["get", port, "a", "-C", "d"][..],
            73,
            "switchboard: cannot create d/a: not a regular file\n",
        ),
        (
            &["get", port, "a", "-C", "file"],
            73,
            "switchboard: cannot create file: not a folder\n",
        ),
        (
            &["get", port, "d"],
            2,
            "switchboard: d: a folder requires --recursive\n",
        ),
        (
            &["get", port, "e", "-o", "x"],
            2,
            "switchboard: e: a folder requires --recursive\n",
        ),
        (
            &["get", port, "file"],
            73,
            "switchboard: file exists already (--overwrite replaces it)\n",
        ),
        (
            &["put", port, "./missing"],
            74,
            "switchboard: ./missing: no such file or folder\n",
        ),
        (
            &["ls", port, "missing"],
            1,
            "switchboard: missing: the server answered: no such file or folder (550)\n",
        ),
        (&["ls", port, "-u"], 2, "unexpected argument '-u'"),
        (
            &["get", port, "a", "--resume"],
            73,
            "cannot create a.part: a symbolic link is not followed",
        ),
        (
            &["put", port, "/dev/null"],
            74,
            "/dev/null: not a regular file",
        ),
        (
            &["list", &long],
            69,
            "200 bytes, and a Unix socket allows 107",
        ),
        (&["list", "unix:\x1b[2J"], 69, "unix:\\x1b[2J"),
        (
            &["list", port, "--timeout", "0s"],
            2,
            "timeout must be greater than zero",
        ),
    ] {
        check_run(here.path(), args, code, message);
    }
}

#[test]
fn a_full_stdout_is_an_io_error() {
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    let server = serve_files(there.path(), "");
    let port = &*server.port();
    for args in [
        &["list", port][..],
        &["list", port, "-r", "--json"],
        &["get", port, "a", "--json"],
        &["get", port, "a", "-o", "-"],
    ] {
        let full = File::create("/dev/full").expect("Linux has it");
        let mut command = command_in(here.path(), args);
        let mut process = Process::start(command.stdout(full).stderr(Stdio::null()));
        assert_eq!(process.wait().code(), Some(74), "{args:?}");
    }
}

/// The limit of `ulimit -f` is an error, and SIGXFSZ does not end the program.
#[test]
fn the_file_size_limit_is_reported() {
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(there.path().join("a"), [b'x'; 300_000]).expect("the disk has room");
    let server = serve_files(there.path(), "");
    for resume in ["", "--resume"] {
        let get = format!(
            "cd {} && ulimit -f 100 && $PROGRAM get {} a {resume}",
            here.path().display(),
            server.port()
        );
        let output = shell(&get, b"");
        assert_eq!(output.status.code(), Some(74), "{output:?}");
    }
    let again = ["get", &server.port(), "a", "--resume"];
    check_run(here.path(), &again, 0, "a: 300000 bytes");
}
