//! The `display` service.

use std::io::{self, BufRead, BufReader};
use std::process::Command;

use crate::support::{MODELS, Server, installed, program, shell, temp_dir};

#[test]
fn display_prints_each_line_with_its_peer() {
    let server = Server::start("display");
    let mut clients = [server.connect(), server.connect()];
    clients[0].send("one\r\n");
    server.output_lines(1);
    clients[1].send("\x1b[2Jtwo\n");
    let printed = server.output_lines(2);
    assert_eq!(printed[0], format!("{}: one", clients[0].address()));
    assert_eq!(printed[1], format!("{}: \\x1b[2Jtwo", clients[1].address()));
}

#[test]
fn display_stops_when_standard_output_is_no_longer_read() {
    for model in MODELS {
        // With a client that has to be served to its end, and without any.
        for clients in [1, 0] {
            let (reading, writing) = io::pipe().expect("a pipe can be made");
            let mut server = Server::run_with_output(
                Command::new(program())
                    .args(["-v", "serve", "display", "--listen", "0"])
                    .args(["--model", model]),
                writing.into(),
            );
            let mut lines = BufReader::new(reading).lines();
            let client = (0..clients).map(|_| {
                let mut client = server.connect();
                client.send("hello\n");
                let line = lines.next().expect("it prints").expect("it is text");
                assert!(line.ends_with(": hello"), "{line}");
                client
            });
            let clients: Vec<_> = client.collect();
            drop(lines);
            for mut client in clients {
                client.send("nobody reads this\n");
                client.rest();
            }
            assert_eq!(server.wait().code(), Some(0), "{model}");
            let log = server.whole_log();
            let said = log.iter().filter(|line| line.contains("no longer read"));
            assert_eq!(said.count(), 1, "{log:#?}");
            assert!(!log.iter().any(|line| line.contains(" ERROR ")), "{log:#?}");
        }
    }
}

#[test]
fn display_raw_writes_a_file_byte_for_byte() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let folder = temp_dir();
    let (original, copy) = (folder.path().join("original"), folder.path().join("copy"));
    let bytes: Vec<u8> = (0..300_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(&original, &bytes).expect("it can be written");
    let server = Server::run_with_output(
        Command::new(program()).args(["-v", "serve", "display", "--raw", "--listen", "0"]),
        std::fs::File::create(&copy).expect("it can be made").into(),
    );
    let send = format!(
        "nc.openbsd -N localhost {} < {}",
        server.port(),
        original.display()
    );
    assert!(shell(&send, b"").status.success());
    server.log("end: closed by the peer");
    assert!(std::fs::read(&copy).expect("it is there") == bytes);
}
