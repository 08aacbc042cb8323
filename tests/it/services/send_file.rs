//! The service that sends one file.

use std::io::{ErrorKind, Read};
use std::{fs, io};

use crate::support::files::{TempFile, content};
use crate::support::{Client, MODELS, installed, peak_memory_kib, shell};

#[test]
fn common_clients_get_the_file() {
    let content = content(3_000_000);
    let file = TempFile::with(&content);
    for model in MODELS {
        let server = file.serve("send-file", &format!("--model {model}"));
        let port = server.port();
        let python = format!(
            "import socket, sys; s = socket.create_connection(('localhost', {port}))\n\
             sys.stdout.buffer.write(s.makefile('rb').read())"
        );
        for (name, command) in [
            ("nc", format!("nc -N localhost {port} < /dev/null")),
            ("ncat", format!("ncat --recv-only localhost {port}")),
            ("socat", format!("socat -u TCP:localhost:{port} -")),
            ("python3", format!("python3 -c \"{python}\"")),
        ] {
            if installed(&[name]) {
                let output = shell(&command, b"");
                assert!(output.status.success(), "{command}: {output:?}");
                assert!(output.stdout == content, "{command}, {model}");
            }
        }
    }
}

#[test]
fn the_file_is_sent_whatever_the_client_sends() {
    let content = content(3_000_000);
    let file = TempFile::with(&content);
    for model in MODELS {
        let server = file.serve("send-file", &format!("--model {model}"));
        let mut silent = server.connect();
        silent.shutdown_write();
        assert!(silent.rest() == content, "{model}");
        let mut sending = server.connect();
        sending.send("GET / HTTP/1.0\r\n\r\n".repeat(1000));
        assert!(sending.rest() == content, "{model}");
    }
}

#[test]
fn the_file_is_opened_for_each_client() {
    let file = TempFile::with("one");
    let server = file.serve("send-file", "");
    assert_eq!(server.connect().rest(), b"one");
    file.write("another");
    assert_eq!(server.connect().rest(), b"another");
    file.write("");
    assert_eq!(server.connect().rest(), b"");
    // A missing file must not look like an empty one.
    file.remove();
    assert_eq!(error(&server.connect()), ErrorKind::ConnectionReset);
    server.log("failed: ");
    // A truncated file must not look complete.
    file.write(vec![b'x'; 20_000_000]);
    let mut client = server.connect();
    client.text(1000);
    file.write("");
    assert_eq!(error(&client), ErrorKind::ConnectionReset);
}

/// The error that ends the connection.
#[track_caller]
fn error(client: &Client) -> ErrorKind {
    let end = (&client.stream).read_to_end(&mut Vec::new());
    let error = end.expect_err("the end must not look like the end of the file");
    error.kind()
}

#[test]
fn sending_a_large_file_takes_little_memory() {
    const LENGTH: u64 = 300 << 20;
    let file = TempFile::new();
    let sparse = fs::File::create(file.path()).expect("the disk has room");
    sparse.set_len(LENGTH).expect("a sparse file takes no room");
    // Under `sequential`, the session runs in the process of the server.
    let server = file.serve("send-file", "--model sequential");
    let mut stream = server.connect().stream;
    let sent = io::copy(&mut stream, &mut io::sink()).expect("the server sends all");
    assert_eq!(sent, LENGTH);
    let peak = peak_memory_kib(server.pid()).expect("the server runs");
    assert!(peak < 16 * 1024, "{peak} KiB");
}
