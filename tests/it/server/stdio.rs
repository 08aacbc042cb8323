//! One peer at standard input and output, as other servers start a program for it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{
    Client, DEADLINE, MODELS, Process, Server, free_port, installed, program, shell, temp_dir,
    wait_for,
};

#[test]
fn pipes_files_and_closed_descriptors_are_peers() {
    let folder = temp_dir();
    let (file, answer) = (folder.path().join("file"), folder.path().join("answer"));
    let long = "hello, world\n".repeat(20_000);
    fs::write(&file, &long).expect("it can be written");
    let (file_is, answer_is) = (file.display(), answer.display());
    for model in MODELS {
        let serve = format!("$PROGRAM serve uppercase --listen - --model {model}");
        for (command, printed) in [
            (
                format!("cat {file_is} | {serve} | cat"),
                long.to_uppercase(),
            ),
            (format!("{serve} < {file_is}"), long.to_uppercase()),
            (
                format!("{serve} < {file_is} > {answer_is}; cat {answer_is}"),
                long.to_uppercase(),
            ),
            (format!("{serve} < /dev/null"), String::new()),
            (format!("{serve} < {file_is} > /dev/null"), String::new()),
            (
                format!("cat {file_is} | {serve} > /dev/null"),
                String::new(),
            ),
        ] {
            let output = shell(&format!("set -e -o pipefail; {command}"), b"");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), &*said), (Some(0), ""), "{command}");
            assert!(output.stdout == printed.as_bytes(), "{command}");
        }
        // Who has heard enough is no failure.
        let output = shell(&format!("yes | {serve} | head -n 1"), b"");
        assert_eq!((&*output.stdout, &*output.stderr), (&b"Y\n"[..], &b""[..]));
        // Both directions closed.
        let output = shell(&format!("{serve} <&- >&-"), b"");
        assert!(
            output.status.code().is_some_and(|code| code < 100),
            "{output:?}"
        );
    }
}

#[test]
fn a_closed_stdout_ends_the_session() {
    for model in MODELS {
        let words = ["-q", "serve", "discard", "--listen", "-", "--model", model];
        let mut command = Command::new(program());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Process::start(command.args(words));
        let (says, hears) = server.take_pipes();
        drop(hears);
        assert!(server.wait().success(), "{model}");
        drop(says);
    }
}

/// Talks with an echo at this Unix socket: one line, and the end.
#[track_caller]
fn check_echo(path: &std::path::Path, how: &str) {
    let mut client = wait_for("the Unix socket", || UnixStream::connect(path).ok());
    client
        .set_read_timeout(Some(DEADLINE))
        .expect("it can be set");
    client.write_all(b"hello\n").expect("the server reads");
    let mut heard = [0; 6];
    client.read_exact(&mut heard).expect("it answers");
    assert_eq!(&heard, b"hello\n", "{how}");
    client
        .shutdown(std::net::Shutdown::Write)
        .expect("it stands");
    let mut rest = Vec::new();
    client
        .read_to_end(&mut rest)
        .expect("it is closed politely");
    assert_eq!(rest, b"", "{how}: the peer hears nothing but the service");
}

#[test]
fn socat_passes_a_socket_or_pipes() {
    if !installed(&["socat"]) {
        return;
    }
    let folder = temp_dir();
    for model in MODELS {
        for way in ["", ",pipes", ",stderr"] {
            let path = folder.path().join(format!("{model}{way}"));
            // Commas and colons would be its own.
            let serve = format!(
                "{} -v serve echo --listen - --model {model}",
                program().display()
            );
            let mut command = Command::new("socat");
            command
                .arg(format!(
                    "UNIX-LISTEN:{}",
                    path.display().to_string().replace(',', "\\,")
                ))
                .arg(format!("EXEC:{serve}{way}"))
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            let mut socat = Process::start(&mut command);
            check_echo(&path, &format!("{model}{way}"));
            assert_eq!(socat.wait().code(), Some(0));
        }
    }
}

#[test]
fn tcpserver_passes_a_socket() {
    if !installed(&["tcpserver"]) {
        return;
    }
    for model in MODELS {
        // It prints its port on its standard output, here the log, and the words waited for go before.
        let script = "echo listens on it >&2; \
            exec tcpserver -1HRl0 127.0.0.1 0 \"$0\" -v serve echo --listen - --model \"$1\" >&2";
        let mut command = Command::new("bash");
        command.args(["-c", script]).arg(program()).arg(model);
        let server = Server::run(&mut command);
        let port = wait_for("its port", || {
            let log = server.log_lines("", 2);
            log.iter().find_map(|line| line.parse::<u16>().ok())
        });
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        let own = client.address();
        assert_eq!(client.ask("hello"), "hello");
        client.shutdown_write();
        assert_eq!(client.rest(), b"");
        // The peer is known, though somebody else accepted it.
        server.log(&format!(" accept peer={own} local=127.0.0.1:{port}"));
        server.log(&format!(" end: the peer left peer={own} "));
    }
}

#[test]
fn xinetd_passes_a_socket_and_the_peer_sees_no_log() {
    if !installed(&["xinetd"]) {
        return;
    }
    let folder = temp_dir();
    for model in MODELS {
        let (_port, address) = free_port();
        let conf = folder.path().join(format!("{model}.conf"));
        let text = format!(
            "defaults\n{{\n log_type = FILE /dev/null\n}}\nservice ours\n{{\n type = UNLISTED\n \
             socket_type = stream\n protocol = tcp\n wait = no\n user = {user}\n bind = 127.0.0.1\n \
             port = {port}\n server = {server}\n server_args = -v serve eliza --listen - --model {model}\n}}\n",
            user = nix::unistd::geteuid(),
            port = address.port(),
            server = program().display(),
        );
        fs::write(&conf, text).expect("it can be written");
        let mut command = Command::new("xinetd");
        command
            .args(["-dontfork", "-f"])
            .arg(&conf)
            .arg("-pidfile")
            .arg(folder.path().join("pid"));
        let _xinetd = Process::start(
            command
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .stdout(Stdio::null()),
        );
        let stream = wait_for("xinetd", || std::net::TcpStream::connect(address).ok());
        let mut client = Client::new(stream);
        client.send("I need a coat\nquit\n");
        let talk = String::from_utf8_lossy(&client.rest()).into_owned();
        assert_eq!(talk.lines().count(), 3, "{model}: {talk}");
        assert!(!talk.contains("peer=") && talk.contains("oodbye"), "{talk}");
    }
}

#[test]
fn stdio_alone_ends_the_program_and_other_listeners_do_not() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        // A program that gives its only peer away ends with that one.
        let alone =
            format!("$PROGRAM serve exec --model {model} --listen - -- sh -c 'cat; exit 3'");
        let output = shell(&alone, b"hello\n");
        assert_eq!(
            (output.status.code(), &*output.stdout),
            (Some(0), &b"hello\n"[..])
        );
        let mut command = Command::new(program());
        command
            .args([
                "-v", "serve", "echo", "--model", model, "--listen", "-", "--listen",
            ])
            .arg(format!("unix:{}", path.display()));
        let mut server = Server::run(&mut command);
        server.log("end: the peer left"); // at standard input there is nothing
        check_echo(&path, model);
        check_echo(&path, model);
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn sigterm_is_handled_while_stdio_is_served() {
    for model in MODELS {
        let log = tempfile::NamedTempFile::new().expect("a file can be made");
        let mut command = Command::new(program());
        command
            .args(["-v", "serve", "eliza", "--listen", "-", "--model", model])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log.path()).expect("it can be made"));
        let mut server = command.spawn().expect("it runs");
        let mut output = server.stdout.take().expect("it is piped");
        let mut said = [0; 1];
        output.read_exact(&mut said).expect("it greets");
        let pid = nix::unistd::Pid::from_raw(server.id().try_into().expect("pids are small"));
        nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it runs");
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("it is text");
        assert!(rest.contains("oodbye"), "{model}: {rest}");
        let ended = wait_for("its end", || server.try_wait().expect("it is ours"));
        assert_eq!(ended.code(), Some(0), "{model}");
    }
}
