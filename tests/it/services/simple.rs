//! chargen, daytime, discard, and the options of echo and display.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{MODELS, Server, installed, peak_memory_kib, shell, stdout_of, temp_dir};

#[test]
fn chargen_sends_the_lines_of_rfc_864() {
    let characters: String = (' '..='~').collect();
    let twice = characters.repeat(2);
    let lines = (0..200).map(|line| &twice[line % 95..line % 95 + 72]);
    let expected: String = lines.map(|line| format!("{line}\r\n")).collect();
    for model in MODELS {
        let server = Server::start(&format!("chargen --model {model}"));
        let port = server.port();
        if installed(&["nc.openbsd"]) {
            let lines = stdout_of(
                &format!("nc.openbsd localhost {port} | head -n 200"),
                "hello\n",
            );
            assert_eq!(lines, expected);
            server.log("end: ");
        }
        if installed(&["python3"]) {
            let script = format!(
                "import socket; s = socket.create_connection(('localhost', {port}))\n\
                 s.shutdown(socket.SHUT_WR); f = s.makefile('r', newline='')\n\
                 print(''.join(f.readline() for _ in range(200)), end='')"
            );
            assert_eq!(stdout_of(&format!("python3 -c \"{script}\""), ""), expected);
        }
    }
}

#[test]
fn chargen_stops_when_the_client_does_not_read() {
    // Under `sequential`, the session runs in the process of the server.
    let server = Server::start("chargen --model sequential --idle-timeout 300ms --grace 100ms");
    let mut client = server.connect();
    assert!(client.line().starts_with(" !\"#"));
    let end = server.log("end: idle");
    let sent = end.split("sent=").nth(1).and_then(|sent| sent.parse().ok());
    assert!(sent.is_some_and(|sent: u64| sent < 64 << 20), "{end}");
    let peak = peak_memory_kib(server.pid()).expect("the server runs");
    assert!(peak < 16 * 1024, "{peak} KiB");
    assert!(server.connect().line().starts_with(" !\"#"));
}

#[test]
fn daytime_sends_the_time() {
    if !installed(&["nc.openbsd", "python3"]) {
        return;
    }
    let server = Server::start("daytime");
    let parse = "import sys, datetime\n\
        line = sys.stdin.buffer.read().decode(); assert line.endswith('-UTC\\r\\n'), line\n\
        time = datetime.datetime.strptime(line, '%A, %B %d, %Y %H:%M:%S-UTC\\r\\n')\n\
        assert time.strftime('%A') == line.split(',')[0], line\n\
        print(int(time.replace(tzinfo=datetime.timezone.utc).timestamp()), end='')";
    let folder = temp_dir();
    let script = folder.path().join("parse.py");
    fs::write(&script, parse).expect("it can be written");
    for input in ["", "what time is it?\n"] {
        let before = seconds();
        let command = format!(
            "nc.openbsd localhost {} | python3 {}",
            server.port(),
            script.display()
        );
        let time: u64 = stdout_of(&command, input)
            .parse()
            .expect("a number of seconds");
        assert!((before..=seconds()).contains(&time), "{time}, not {before}");
    }
}

fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is past 1970").as_secs()
}

#[test]
fn discard_reads_ten_megabytes_and_sends_nothing() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let server = Server::start("discard");
    let send = format!(
        "head -c 10000000 /dev/zero | nc.openbsd -N localhost {}",
        server.port()
    );
    assert_eq!(stdout_of(&send, ""), "");
    let end = server.log("end: closed by the peer");
    assert!(end.ends_with("received=10000000 sent=0"), "{end}");
}

#[test]
fn receive_buffer_limits_how_much_is_read_at_once() {
    let server = Server::start("display --receive-buffer 8");
    let mut client = server.connect();
    let peer = client.address();
    client.send("hello, world\n");
    let pieces = [format!("{peer}: hello, w"), format!("{peer}: orld\\n")];
    assert_eq!(server.output_lines(2), pieces);
    // No piece of a long line is lost.
    let sent: String = (0..2000).map(|number| format!("{number:07},")).collect();
    client.send(&sent);
    client.shutdown_write();
    client.rest();
    let printed = server.output_lines(2002);
    let prefix = format!("{peer}: ");
    let pieces = printed[2..]
        .iter()
        .map(|line| line.strip_prefix(&prefix).expect("the peer comes first"));
    assert_eq!(pieces.collect::<String>(), sent);
    let echo = Server::start("echo --receive-buffer 1");
    let mut client = echo.connect();
    assert_eq!(client.ask("byte by byte"), "byte by byte");
}

#[test]
fn a_stop_word_ends_the_session() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let input = "one\nstop it\nSTOP\r\nnot read\n";
    let echo = Server::start("echo --stop-word exit --stop-word stop");
    let answer = stdout_of(&format!("nc.openbsd localhost {}", echo.port()), input);
    assert_eq!(answer, "one\nstop it\nSTOP\r\n");
    echo.log("end: closed by the service");
    let display = Server::start("display --stop-word stop --receive-buffer 3");
    let mut client = display.connect();
    client.send(input);
    assert!(client.rest().is_empty());
    let printed = display.output_lines(6);
    assert!(
        printed[5].ends_with(": P\\r\\n") && printed.len() == 6,
        "{printed:#?}"
    );
}

#[test]
fn invalid_sizes_and_stop_words_are_refused() {
    for (option, reason) in [
        ("--receive-buffer 0", "from 1 to 64k"),
        ("--receive-buffer 65k", "from 1 to 64k"),
        ("--receive-buffer many", "from 1 to 64k"),
        ("--stop-word ''", "a stop word must not be empty"),
    ] {
        for service in ["echo", "display"] {
            let output = shell(
                &format!("$PROGRAM serve {service} {option} --listen 0"),
                b"",
            );
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.contains(reason), "{stderr}");
        }
    }
}
