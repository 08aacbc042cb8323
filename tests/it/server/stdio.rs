//! One peer on standard input and output, as inetd, tcpserver and others start a program for it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{
    Client, MODELS, Process, Server, free_port, installed, program, run_program, shell, temp_dir,
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
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{command}");
            assert!(output.stdout == printed.as_bytes(), "{command}");
        }
        // A closed output pipe is not an error.
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
        let args = ["-q", "serve", "discard", "--listen", "-", "--model", model];
        let mut command = Command::new(program());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Process::start(command.args(args));
        let (stdin, stdout) = server.take_pipes();
        drop(stdout);
        assert!(server.wait().success(), "{model}");
        drop(stdin);
    }
}

/// The server at this Unix socket echoes one line and closes.
#[track_caller]
fn check_echo(path: &Path, case: &str) {
    let stream = wait_for("the Unix socket", || UnixStream::connect(path).ok());
    let mut client = Client::from_unix(stream);
    assert_eq!(client.ask("hello"), "hello", "{case}");
    client.shutdown_write();
    assert_eq!(client.rest(), b"", "{case}: only the service may send");
}

#[test]
fn socat_passes_a_socket_or_pipes() {
    if !installed(&["socat"]) {
        return;
    }
    let folder = temp_dir();
    for model in MODELS {
        for option in ["", ",pipes", ",stderr"] {
            let path = folder.path().join(format!("{model}{option}"));
            // socat gives commas and colons a meaning of its own.
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
                .arg(format!("EXEC:{serve}{option}"))
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            let mut socat = Process::start(&mut command);
            check_echo(&path, &format!("{model}{option}"));
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
        // tcpserver prints its port on standard output, which is the log here. `Server::run` waits for
        // the first line.
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
        let peer = client.address();
        assert_eq!(client.ask("hello"), "hello");
        client.shutdown_write();
        assert_eq!(client.rest(), b"");
        // The peer is known, although tcpserver accepted it.
        server.log(&format!(" accept peer={peer} local=127.0.0.1:{port}"));
        server.log(&format!(" end: closed by the peer peer={peer} "));
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
        // With stdio as the only listener, the server exits with its peer.
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
        server.log("end: closed by the peer"); // standard input is empty
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
        let mut server = Process::start(&mut command);
        let (_stdin, mut stdout) = server.take_pipes();
        stdout.read_exact(&mut [0]).expect("it sends a greeting");
        server.signal(Signal::SIGTERM);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("it is text");
        assert!(rest.contains("oodbye"), "{model}: {rest}");
        assert_eq!(server.wait().code(), Some(0), "{model}");
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    for model in MODELS {
        let serve = format!("serve echo --model {model} --listen stdio:");
        let (code, _, stderr) = run_program(&format!("{serve} > /dev/full"), "hello\n");
        assert_eq!(code, 1, "{model}: {stderr}");
        assert!(stderr.contains("No space left on device"), "{stderr}");
        let (code, stdout, stderr) = run_program(&format!("{serve} | head -n 1"), "hello\n");
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "hello\n", ""));
    }
}
