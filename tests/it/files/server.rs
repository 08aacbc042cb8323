//! The `files` service: its line protocol over every model.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::thread;

use nix::sys::signal::Signal;

use crate::support::files::{SharedFolder, content, put_line, stored};
use crate::support::{MODELS, installed, peak_memory_kib, program, shell, stdout_of, temp_dir};

#[test]
fn common_clients_get_and_put() {
    for model in MODELS {
        let shared = SharedFolder::start(&format!("--writable --model {model}"));
        let content = content(300_000);
        shared.write("here", &content);
        let port = shared.server.port();
        let folder = shared.folder.path().display();
        let nc = format!(
            "(printf 'PUT there %d %s\\n' $(stat -c %s {folder}/here) \
             $(sha256sum < {folder}/here | cut -c 1-64); cat {folder}/here) | nc -N localhost {port}"
        );
        let python = format!(
            "python3 -c '\nimport hashlib, socket\n\
             s = socket.create_connection((\"localhost\", {port}), 30).makefile(\"rwb\")\n\
             s.write(b\"GET there\\r\\nHASH there\\r\\nQUIT\\r\\n\"); s.flush(); s.readline()\n\
             content = s.read(int(s.readline()[4:]))\n\
             assert s.readline().split()[2].decode() == hashlib.sha256(content).hexdigest()\n\
             print(s.read().decode().strip(), len(content))'"
        );
        if installed(&["nc", "sha256sum", "python3"]) {
            let greeting = "220 files. HELP lists the commands.";
            let answer = format!("{greeting}\n{}\n", stored(&content));
            assert_eq!(stdout_of(&nc, ""), answer, "{model}");
            assert_eq!(shared.read("there"), Some(content));
            assert_eq!(stdout_of(&python, ""), "221 Bye. 300000\n", "{model}");
        }
    }
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    for model in MODELS {
        let shared = SharedFolder::start(&format!("--writable --model {model}"));
        let content = content(1_000_000);
        let mut client = shared.connect();
        let mut stream = client.stream.try_clone().expect("a socket can be cloned");
        let line = put_line("a", &content);
        let commands = b"GET a\nGET a 999999\nHASH a\n".repeat(10);
        let input = [line.as_bytes(), &content, &commands, b"QUIT\n"].concat();
        let writer = thread::spawn(move || stream.write_all(&input));
        assert_eq!(client.line(), stored(&content));
        for _ in 0..10 {
            assert_eq!(client.line(), "226 1000000", "{model}");
            assert!(client.bytes(content.len()) == content);
            assert_eq!(client.line(), "226 1");
            assert!(client.bytes(1) == content[999_999..]);
            let hash = stored(&content).replace("230", "214");
            assert_eq!(client.line(), hash);
        }
        assert_eq!(client.line(), "221 Bye.");
        assert_eq!(client.rest(), b"");
        let written = writer.join().expect("the writer does not panic");
        written.expect("the server reads");
    }
}

#[test]
fn large_transfers_take_little_memory() {
    let shared = SharedFolder::start("--writable");
    let content = content(50_000_000);
    let mut client = shared.connect();
    client.send(put_line("a", &content));
    client.send(&content);
    assert_eq!(client.line(), stored(&content));
    client.send("GET a\n");
    assert_eq!(client.line(), "226 50000000");
    assert!(client.bytes(content.len()) == content);
    let children = shared.server.children();
    let [(child, _)] = children[..] else {
        panic!("one session, not {children:?}");
    };
    let peak = peak_memory_kib(child).expect("it runs");
    assert!(peak < 24 * 1024, "{peak} KiB");
}

#[test]
fn a_file_that_is_truncated_meanwhile_ends_in_a_reset() {
    for model in MODELS {
        let shared = SharedFolder::start(&format!("--model {model}"));
        shared.write("a", vec![b'x'; 20_000_000]);
        let mut client = shared.connect();
        client.send("GET a\nGET a\n");
        assert_eq!(client.line(), "226 20000000");
        client.bytes(1000);
        shared.write("a", "");
        let end = client.stream.read_to_end(&mut Vec::new());
        let kind = end.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::ConnectionReset), "{model}");
        shared.server.log("the file became shorter");
    }
}

#[test]
fn shutdown_waits_for_an_upload() {
    for model in MODELS {
        let mut shared = SharedFolder::start(&format!("--writable --model {model}"));
        let content = content(100_000);
        let mut client = shared.connect();
        client.send(put_line("b", b""));
        assert_eq!(client.line(), stored(b""));
        client.send(put_line("a", &content));
        client.send(&content[..50_000]);
        shared.wait_for_uploads(1);
        shared.server.signal(Signal::SIGTERM);
        shared.server.log("stop");
        client.send(&content[50_000..]);
        assert_eq!(client.line(), stored(&content), "{model}");
        assert!(client.line().starts_with("421 "), "{model}");
        assert_eq!(client.rest(), b"");
        assert!(shared.server.wait().success());
        assert_eq!(shared.read("a"), Some(content));
    }
}

#[test]
fn invalid_options_are_refused_at_start() {
    let folder = temp_dir();
    let serve = |args: &str| {
        let output = Command::new(program())
            .args(["serve", "files", "--listen", "0"])
            .args(args.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    let (code, stderr) = serve("none");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("none: no such file or folder"), "{stderr}");
    for wrong in [
        "--overwrite",
        "--writable --quota much",
        "--writable --max-file 1X",
    ] {
        let (code, stderr) = serve(wrong);
        assert_eq!(code, Some(2), "{stderr}");
    }
}

#[test]
fn files_are_served_on_stdio() {
    let folder = temp_dir();
    fs::write(folder.path().join("a"), "hello\n").expect("the disk has room");
    let command = format!(
        "\"$PROGRAM\" serve files {} --listen stdio:",
        folder.path().display()
    );
    let output = shell(&command, b"GET a\nQUIT\n");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let greeting = "220 files, read-only. HELP lists the commands.\n";
    assert_eq!(
        stdout,
        format!("{greeting}226 6\nhello\n221 Bye.\n"),
        "{output:?}"
    );
}
