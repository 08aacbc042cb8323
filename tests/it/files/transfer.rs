//! `get`, `put` and `list`, against our server and hostile ones.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use socket2::SockRef;

use crate::support::files::{
    check_run, command_in, fake_server, fake_server_answering, fake_server_sending,
    fake_server_stalling, names, run_in, serve_files,
};
use crate::support::{
    DEADLINE, Process, installed, is_root, peak_memory_kib, program, shell, temp_dir, wait_until,
};

#[test]
fn files_are_put_listed_and_got_back() {
    let (here, there) = (temp_dir(), temp_dir());
    let socket = here.path().join("socket");
    let unix = format!("unix:{}", socket.display());
    let server = serve_files(
        there.path(),
        &format!("--writable --listen [::1]:0 --listen {unix}"),
    );
    let v6 = server.log("[::1]:");
    let v6 = v6.split([' ', ';']).find(|word| word.starts_with("[::1]:"));
    let v6 = v6.expect("the address is logged");
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(here.path().join("a b"), &content).expect("the disk has room");
    fs::write(here.path().join("empty"), "").expect("the disk has room");
    for (number, address) in [&*server.port(), v6, &unix].into_iter().enumerate() {
        let folder = format!("n{number}/deep");
        let put = ["put", address, "a b", "empty", "--to", &folder];
        check_run(here.path(), &put, 0, "a b: 1000000 bytes in");
        assert_eq!(
            fs::read(there.path().join(&folder).join("a b")).expect("it is there"),
            content
        );
        let into = format!("got{number}");
        fs::create_dir(here.path().join(&into)).expect("the disk has room");
        let get = ["get", address, &folder, "-r", "-C", &into];
        check_run(here.path(), &get, 0, "empty: 0 bytes in");
        let got = here.path().join(&into).join("deep");
        assert_eq!(names(&got), ["a b", "empty"]);
        assert_eq!(fs::read(got.join("a b")).expect("it is there"), content);
        let listed = check_run(here.path(), &["list", address, &folder], 0, "");
        let listed = String::from_utf8_lossy(&listed.stdout);
        let ends: Vec<_> = listed
            .lines()
            .map(|line| line.split('Z').next_back())
            .collect();
        assert_eq!(ends, [Some("  a b"), Some("  empty")], "{listed}");
    }
}

#[test]
fn json_describes_each_file() {
    let (here, there) = (temp_dir(), temp_dir());
    let server = serve_files(there.path(), "--writable");
    let port = &*server.port();
    fs::write(there.path().join("\u{202e}a\x1b[2J"), "hello").expect("the disk has room");
    let json = |args: &[&str], code| {
        let output = check_run(here.path(), args, code, "");
        assert!(
            output
                .stdout
                .iter()
                .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n')
        );
        let lines = String::from_utf8(output.stdout).expect("it is ASCII");
        let lines = lines.lines().map(serde_json::from_str::<serde_json::Value>);
        lines
            .collect::<Result<Vec<_>, _>>()
            .expect("each line is JSON")
    };
    let name = "\u{202e}a\x1b[2J";
    let files = json(&["list", port, "--json"], 0);
    assert_eq!(
        (&files[0]["name"], &files[0]["bytes"]),
        (&name.into(), &5.into())
    );
    fs::write(here.path().join("here"), "here").expect("the disk has room");
    let mut files = json(&["get", port, name, "missing", "--json"], 1);
    files.extend(json(&["get", port, name, "--json"], 0));
    let results: Vec<_> = files.iter().map(|files| files["result"].as_str()).collect();
    assert_eq!(results, [Some("done"), Some("failed"), Some("unchanged")]);
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(
        (&files[0]["sha256"], &files[0]["bytes"]),
        (&sha256.into(), &5.into())
    );
    assert_eq!(files[1]["code"], 1);
    let put = ["put", port, "here", "--json"];
    assert_eq!(json(&put, 0)[0]["result"], "done");
    assert_eq!(json(&put, 73)[0]["code"], 73);
}

#[test]
fn each_failure_has_its_exit_code() {
    let (here, there) = (temp_dir(), temp_dir());
    let server = serve_files(there.path(), "");
    let port = &*server.port();
    let here = here.path();
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    fs::write(here.join("mine"), "mine").expect("the disk has room");
    check_run(
        here,
        &["get", port, "missing"],
        1,
        "missing: the server answered:",
    );
    check_run(here, &["put", port, "mine"], 1, "(555)");
    check_run(here, &["list", port, "a"], 1, "(550)");
    check_run(here, &["get", port, "../a"], 2, "lead up");
    check_run(here, &["get", port, "a", "a", "-o", "b"], 2, "-o");
    check_run(here, &["get", port, "a", "--json", "-o", "-"], 2, "--json");
    check_run(here, &["get", "fd:3", "a"], 2, "cannot connect to");
    let udp = &format!("udp://127.0.0.1:{port}");
    check_run(here, &["list", udp], 2, "TFTP cannot list files");
    check_run(here, &["put", port, "."], 2, "--recursive");
    check_run(here, &["get", "unix:missing", "a"], 69, "cannot connect");
    check_run(
        here,
        &["get", "no.such.host.invalid", "a"],
        69,
        "cannot connect",
    );
    check_run(here, &["put", port, "missing"], 74, "missing");
    check_run(here, &["get", port, "a", "-C", "nowhere"], 73, "nowhere");
    fs::write(here.join("a"), "other").expect("the disk has room");
    check_run(here, &["get", port, "a"], 73, "a exists already");
    assert_eq!(fs::read(here.join("a")).expect("it is there"), b"other");
    check_run(here, &["get", port, "a", "--overwrite"], 0, "a: 5 bytes");
    check_run(here, &["get", port, "a"], 0, "unchanged");
    // The first failure decides the exit code, and the other files are tried.
    fs::remove_file(here.join("a")).expect("it is there");
    check_run(here, &["get", port, "missing", "a"], 1, "1 of 2 failed");
    assert_eq!(fs::read(here.join("a")).expect("it is there"), b"hello");
    let quiet = check_run(here, &["get", port, "a", "-q"], 0, "");
    assert!(quiet.stderr.is_empty() && quiet.stdout.is_empty());
    let printed = check_run(here, &["get", port, "a", "-o", "-"], 0, "");
    assert_eq!(printed.stdout, b"hello");
    assert_eq!(names(here), ["a", "mine"]);
}

#[test]
fn the_client_survives_any_server() {
    let entry = "file 1 2026-01-31T12:00:00Z";
    let huge = "9".repeat(30);
    for (input, code, message) in [
        (String::new(), 74, "silent for 0.2 s"),
        ("220 files\n".into(), 74, "silent"),
        ("220 files\n226 5\nhel".into(), 74, "silent"),
        (
            "Too many conversations\r\n".into(),
            1,
            "answered: Too many conversations",
        ),
        ("SSH-2.0-x\r\n".into(), 1, "answered: SSH-2.0-x"),
        ("421 stopping\n".into(), 1, "stopping (421)"),
        ("226 5\n".into(), 76, "protocol error"),
        ("220 files\n200 yes\n".into(), 76, "protocol error"),
        (format!("220 files\n226 {huge}\n"), 76, "protocol error"),
        ("220 files\n226 -1\n".into(), 76, "protocol error"),
        ("220 files\n452 full\n".into(), 74, "full (452)"),
        (
            "220 files\n550 \x1b[2J\u{9b}1m\x07\n".into(),
            1,
            "\\x1b[2J\\u{9b}1m\\x07 (550)",
        ),
        (
            format!("220 files\n226 5\nhello214 5 {}\n", "0".repeat(64)),
            76,
            "digest differs",
        ),
        (
            format!("220 files\n226 5\nhello214 6 {}\n", "0".repeat(64)),
            76,
            "digest differs",
        ),
        ("x".repeat(1_000_000), 76, "a line is too long"),
        (format!("220 files\n213 {entry} a\n"), 76, "protocol error"),
    ] {
        let here = temp_dir();
        let address = fake_server_sending(input).to_string();
        let get = ["get", &address, "a", "--timeout", "200ms"];
        let output = check_run(here.path(), &get, code, message);
        assert!(!output.stderr.contains(&0x1b));
        assert_eq!(names(here.path()), [""; 0]);
    }
    for (input, code, message) in [
        (format!("220 files\n210 2\n{entry} a\n"), 74, "silent"),
        (
            format!("220 files\n210 1\n{entry} ../a\n"),
            76,
            "protocol error",
        ),
        (
            "220 files\n210 4000000000\n".into(),
            76,
            "a listing has too many entries",
        ),
    ] {
        let address = fake_server_sending(input).to_string();
        let list = ["list", &address, "--timeout", "200ms"];
        check_run(temp_dir().path(), &list, code, message);
    }
}

#[test]
fn the_timeout_applies_to_a_line_that_arrives_byte_by_byte() {
    let address = fake_server(|mut peer| {
        // A byte every 50 ms: no pause is longer than the timeout.
        let pause = Duration::from_millis(50);
        peer.set_read_timeout(Some(pause)).expect("it is not zero");
        while peer.write_all(b"2").is_ok() && !matches!(peer.read(&mut [0]), Ok(0)) {}
    });
    let get = ["get", &address.to_string(), "a", "--timeout", "300ms"];
    check_run(temp_dir().path(), &get, 74, "silent");
}

#[test]
fn listed_names_cannot_lead_out_of_the_folder() {
    // Names above the folder, an absolute one, the parent, a hidden one.
    let entry = "file 5 2026-01-31T12:00:00Z";
    for (listed, message) in [
        (format!("{entry} ../../evil"), "protocol error"),
        (format!("{entry} /evil"), "protocol error"),
        (format!("{entry} .."), "protocol error"),
        (format!("{entry} .bashrc"), "hidden: skipped"),
    ] {
        let outer = temp_dir();
        let here = outer.path().join("here");
        fs::create_dir(&here).expect("the disk has room");
        let address = fake_server_answering(move |line| match line.split(' ').next() {
            Some("STAT") => "213 folder - 2026-01-31T12:00:00Z d\n".to_owned(),
            Some("LIST") => format!("210 1\n{listed}\n"),
            _ => "226 5\nhello".to_owned(),
        });
        let address = address.to_string();
        let get = ["get", &address, "d", "-r", "--timeout", "200ms"];
        let output = run_in(&here, &get);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(message), "{stderr}");
        assert_eq!(names(outer.path()), ["here"]);
        assert_eq!(names(&here), ["d"]);
        assert_eq!(names(&here.join("d")), [""; 0]);
    }
}

#[test]
fn a_refused_file_is_not_sent() {
    let address = fake_server(|mut peer| {
        SockRef::from(&peer).set_recv_buffer_size(4096).ok();
        peer.write_all(b"220 files\n").ok();
        let mut line = Vec::new();
        let mut byte = [0];
        while peer.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.push(byte[0]);
        }
        // The content is not read.
        peer.write_all(b"554 there is one\n").ok();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(line.starts_with("PUT a 16777216 "), "{line}");
        thread::park_timeout(DEADLINE); // keeps the connection open
    });
    let here = temp_dir();
    let file = fs::File::create(here.path().join("a")).expect("the disk has room");
    file.set_len(16 * 1024 * 1024).expect("the disk has room");
    let put = ["put", &address.to_string(), "a"];
    check_run(here.path(), &put, 73, "there is one (554)");
}

#[test]
fn an_interrupted_get_leaves_nothing_or_a_part() {
    const CONTENT: &[u8] = &[b'x'; 100_000];
    for (signal, resume) in [
        (Some(Signal::SIGINT), false),
        (Some(Signal::SIGINT), true),
        (Some(Signal::SIGTERM), true),
        (Some(Signal::SIGKILL), false),
        (Some(Signal::SIGKILL), true),
        (None, false),
        (None, true),
    ] {
        let here = temp_dir();
        let (address, stalled) = fake_server_stalling(CONTENT, 60_000);
        let address = address.to_string();
        let mut args = vec!["get", &address, "a"];
        args.extend(resume.then_some("--resume"));
        let mut command = command_in(here.path(), &args);
        let mut process = Process::start(command.stderr(Stdio::piped()));
        let peer = stalled.recv_timeout(DEADLINE).expect("the client asks");
        let part = here.path().join("a.part");
        if resume {
            wait_until("the bytes to be stored", || {
                fs::metadata(&part).is_ok_and(|part| part.len() == 60_000)
            });
        }
        match signal {
            Some(signal) => process.signal(signal),
            None => drop(peer.shutdown(Shutdown::Both)),
        }
        let status = process.wait();
        let code = match signal {
            Some(Signal::SIGINT) => Some(130),
            Some(Signal::SIGTERM) => Some(143),
            Some(_) => None,
            None => Some(74),
        };
        assert_eq!(status.code(), code, "{signal:?} {resume}");
        if !resume {
            assert_eq!(names(here.path()), [""; 0]);
            continue;
        }
        assert_eq!(names(here.path()), ["a.part"]);
        let there = temp_dir();
        fs::write(there.path().join("a"), CONTENT).expect("the disk has room");
        let server = serve_files(there.path(), "");
        let get = ["get", &server.port(), "a", "--resume"];
        check_run(here.path(), &get, 0, "100000 bytes, resumed at 60000, in");
        assert_eq!(names(here.path()), ["a"]);
        assert_eq!(fs::read(here.path().join("a")).expect("a file"), CONTENT);
    }
}

#[test]
fn get_restores_the_time_and_the_execute_permission() {
    let there = temp_dir();
    let make = |name: &str, mode| {
        let path = there.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the disk has room");
        fs::write(&path, "hello").expect("the disk has room");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its own");
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = fs::File::options()
            .append(true)
            .open(&path)
            .expect("its own");
        file.set_modified(time).expect("its own");
    };
    make("d/plain", 0o644);
    make("d/e/program", 0o4755);
    let server = serve_files(there.path(), "");
    let port = &*server.port();
    let is_restored = |args: &[&str], name: &str| {
        let here = temp_dir();
        check_run(here.path(), &[&["get", port][..], args].concat(), 0, "");
        let found = fs::metadata(here.path().join(name)).expect("a file");
        (found.mtime() == 1_000_000_000, found.mode() & 0o7777)
    };
    assert_eq!(is_restored(&["d", "-r"], "d/plain"), (true, 0o644));
    assert_eq!(is_restored(&["d", "-r"], "d/e/program"), (true, 0o755));
    let one = &["d/e/program", "-o", "p"][..];
    assert_eq!(is_restored(one, "p"), (true, 0o755));
    assert_eq!(
        is_restored(&[one, &["--resume"]].concat(), "p"),
        (true, 0o755)
    );
    let plain = [one, &["--no-preserve"]].concat();
    assert_eq!(is_restored(&plain, "p"), (false, 0o644));
}

#[test]
fn ignored_signals_stay_ignored() {
    let here = temp_dir();
    let (address, stalled) = fake_server_stalling(b"hello", 3);
    let mut command = Command::new("bash");
    let get = format!("trap '' INT HUP; exec \"$PROGRAM\" get {address} a");
    command.args(["-c", &get]).env("PROGRAM", program());
    command.current_dir(here.path()).stderr(Stdio::null());
    let mut process = Process::start(&mut command);
    let peer = stalled.recv_timeout(DEADLINE).expect("the client asks");
    process.signal(Signal::SIGINT);
    process.signal(Signal::SIGHUP);
    drop(peer.shutdown(Shutdown::Both));
    assert_eq!(process.wait().code(), Some(74));
}

#[test]
fn memory_of_get_does_not_grow_with_the_file() {
    const CONTENT: &[u8] = &[b'x'; 32 * 1024 * 1024];
    let here = temp_dir();
    let peak = |sent| {
        let (address, stalled) = fake_server_stalling(CONTENT, sent);
        let address = address.to_string();
        let mut command = command_in(here.path(), &["get", &address, "a", "--resume"]);
        let process = Process::start(command.stderr(Stdio::null()));
        let _peer = stalled.recv_timeout(DEADLINE).expect("the client asks");
        let part = here.path().join("a.part");
        wait_until("the bytes to be stored", || {
            fs::metadata(&part).is_ok_and(|part| part.len() == sent as u64)
        });
        let peak = peak_memory_kib(process.pid()).expect("it runs");
        drop(process);
        fs::remove_file(&part).expect("it is there");
        peak
    };
    let (small, large) = (peak(1024 * 1024), peak(CONTENT.len()));
    assert!(large < small + 2048, "{small} KiB, and {large} KiB");
}

#[test]
fn no_terminal_control_is_printed() {
    if !installed(&["script"]) {
        return;
    }
    let (here, there) = (temp_dir(), temp_dir());
    let name = "a\x1b]0;x\x07\u{9b}2J\u{202e}";
    fs::write(there.path().join(name), [b'x'; 100_000]).expect("the disk has room");
    let server = serve_files(there.path(), "");
    for args in ["list PORT -r", "get PORT -r /"] {
        let args = args.replace("PORT", &server.port());
        let command = format!(
            "cd {} && TERM=xterm script -qec '$PROGRAM {args}' /dev/null",
            here.path().display()
        );
        let output = shell(&command, b"");
        assert!(output.status.success(), "{output:?}");
        let screen = String::from_utf8(output.stdout).expect("it is text");
        assert!(
            screen.contains("\\x1b]0;x\\x07\\u{9b}2J\\u{202e}"),
            "{screen:?}"
        );
        for control in ["\x1b]", "\x07", "\u{9b}", "\u{202e}"] {
            assert!(!screen.contains(control), "{screen:?}");
        }
    }
    assert_eq!(names(here.path()), [name]);
}

#[test]
fn get_and_put_work_over_tftp() {
    let (here, there) = (temp_dir(), temp_dir());
    let options = "--writable --listen udp://127.0.0.1:0";
    let server = serve_files(there.path(), options);
    let address = format!("udp://{}", server.udp_address());
    let port = server.udp_address().port().to_string();
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(there.path().join("a"), &content).expect("the disk has room");
    let here = here.path();
    check_run(here, &["get", &address, "a"], 0, "a: 1000000 bytes");
    check_run(here, &["get", &address, "/a", "x"], 73, "2 of 2 failed");
    assert_eq!(fs::read(here.join("a")).expect("it is there"), content);
    check_run(
        here,
        &["put", "-u", &port, "a", "--as", "b"],
        0,
        "b: 1000000 bytes",
    );
    assert_eq!(
        fs::read(there.path().join("b")).expect("it is there"),
        content
    );
    check_run(here, &["put", &address, "a", "--as", "b"], 73, "already");
    check_run(here, &["get", &address, "missing"], 1, "no such file");
    check_run(here, &["get", &address, "a", "--overwrite", "-q"], 0, "");
    check_run(
        here,
        &["get", &address, "a", "--resume"],
        2,
        "TFTP supports neither",
    );
    let printed = check_run(here, &["get", &address, "a", "-o", "-"], 0, "");
    assert_eq!(printed.stdout, content);
    check_run(
        here,
        &["get", "udp://127.0.0.1:1", "a", "-o", "c"],
        69,
        "cannot connect",
    );
    assert_eq!(names(here), ["a"]);
}

#[test]
fn a_file_shorter_than_its_tsize_is_discarded() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        let mut packet = [0; 1000];
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("it is not zero");
        let (_, peer) = socket.recv_from(&mut packet).expect("the client asks");
        let own = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        own.set_read_timeout(Some(DEADLINE))
            .expect("it is not zero");
        for sent in [&b"\0\x06tsize\x00100\0"[..], b"\0\x03\0\x01hello"] {
            own.send_to(sent, peer).expect("it can be sent");
            own.recv_from(&mut packet).expect("the client answers");
        }
    });
    let here = temp_dir();
    let address = format!("udp://{address}");
    check_run(
        here.path(),
        &["get", &address, "a"],
        76,
        "shorter than the server announced",
    );
    server.join().expect("the client follows the protocol");
    assert_eq!(names(here.path()), [""; 0]);
}

/// Devices and pipes are opened, not replaced.
#[test]
fn get_writes_to_devices_and_pipes() {
    let (there, here) = (temp_dir(), temp_dir());
    fs::write(there.path().join("it"), "content").expect("the disk has room");
    let server = serve_files(there.path(), "");
    mkfifo(&here.path().join("pipe"), Mode::S_IRWXU).expect("a pipe can be made");
    let reading = here.path().join("pipe");
    let reader = thread::spawn(move || fs::read(reading).expect("a pipe can be read"));
    check_run(
        here.path(),
        &["get", &server.port(), "it", "-o", "pipe"],
        0,
        "",
    );
    assert_eq!(
        reader.join().expect("the reader does not panic"),
        b"content"
    );
    let full = ["get", &server.port(), "it", "-o", "/dev/full"];
    check_run(here.path(), &full, 74, "cannot write");
    assert_eq!(names(here.path()), ["pipe"]);
}

#[test]
fn a_closed_output_pipe_ends_get_without_an_error() {
    let (here, there) = (temp_dir(), temp_dir());
    let file = fs::File::create(there.path().join("a")).expect("the disk has room");
    file.set_len(4 * 1024 * 1024).expect("the disk has room");
    let server = serve_files(there.path(), "");
    let command = format!(
        "cd {} && $PROGRAM get {} a -o - | head -c 5; echo ${{PIPESTATUS[0]}}",
        here.path().display(),
        server.port()
    );
    let output = shell(&command, b"");
    assert_eq!(output.stdout, b"\0\0\0\0\x000\n", "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_full_disk_leaves_no_partial_file() {
    if !is_root() || !installed(&["unshare", "mount"]) {
        return;
    }
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(there.path().join("a"), [b'x'; 200_000]).expect("the disk has room");
    let server = serve_files(there.path(), "");
    let command = format!(
        "mount -t tmpfs -o size=64k none {0} && cd {0} && $PROGRAM get {1} a; echo $?; ls -A",
        here.path().display(),
        server.port()
    );
    let output = shell(&format!("unshare -m bash -c '{command}'"), b"");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "74\n",
        "{output:?}"
    );
}
